"""Views are the same bytes in processes that differ in everything but (seed, epoch, sample index, view)."""

import json
import subprocess
import sys

import numpy as np
import pytest

from contraflow.images.writer import IntField, RGBImageField

N, SIZE, EPOCH = 40, 16, 3
PROCESS = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
import torch
from contraflow.params import load_params
from contraflow.views.device_loader import DeviceViewLoader
from contraflow.views.loader import ViewLoader, epoch_order

files, epoch, n, size, how = json.loads(sys.argv[1])
augment = load_params(Path("params.yaml")).augment.model_copy(update={"recipe": "byol", "rotation": 10.0}).chosen()
small = augment.model_copy(update={"local_views": 2}).local()
found = {}
for name, (path, channels) in files.items():
    options = {"mean": [0.4] * channels, "std": [0.3] * channels, "size": size, "local": small, "local_size": 7}
    options |= {"seed": 7, "batch_size": how["batch_size"], "threads": how["threads"]}
    if how.get("subset"):
        options["indices"] = np.array(how["subset"])
    kind, device = ViewLoader, {}
    if how.get("device") and name != "mixed":
        kind, device = DeviceViewLoader, {"device": torch.device("cpu")}
    loader = kind(Path(path), augment.whole(), **device, **options)
    order = epoch_order(np.arange(n), np.ones(n), 7, epoch)[how["start"] :] if "start" in how else None
    for batch in loader.epoch(epoch, order=order, drop_last=False):
        for i, index in enumerate(batch.index.tolist()):
            content = hashlib.sha256(batch.views[:, i].numpy().tobytes() + batch.local[:, i].numpy().tobytes())
            found[f"{name} {index}"] = content.hexdigest()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory, write_ffcv, random_images):
    """One channel, colour, and JPEG beside raw images of several sizes: path and channels of each."""
    folder, labels = tmp_path_factory.mktemp("reproducible"), [0] * N
    random = np.random.default_rng(0)
    mixed = [np.full((*random.integers(10, 60, 2), 3), i, np.uint8) + np.arange(3, dtype=np.uint8) for i in range(N)]
    fields = {"image": RGBImageField(write_mode="proportion", compress_probability=0.5), "label": IntField()}
    paths = {
        "grey": write_ffcv(folder / "grey.beton", random_images(N, SIZE, 1), labels),
        "colour": write_ffcv(folder / "colour.beton", random_images(N, SIZE, 3), labels),
        "mixed": write_ffcv(folder / "mixed.beton", mixed, labels, **fields),
    }
    return {name: (str(path), 1 if name == "grey" else 3) for name, path in paths.items()}


def start(files, **how):
    arguments = json.dumps([files, EPOCH, N, SIZE, how])
    return subprocess.Popen([sys.executable, "-c", PROCESS, arguments], stdout=subprocess.PIPE, text=True)


def ended(process):
    output, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(output)


def test_in_other_processes(files):
    whole = start(files, threads=1, batch_size=16)
    others = [
        start(files, threads=2, batch_size=1),
        start(files, threads=8, batch_size=N),
        start(files, threads=3, batch_size=7, subset=[39, 3, 20, 21, 0]),
        start(files, threads=2, batch_size=16, start=16),  # an epoch from its second batch on
        start(files, threads=1, batch_size=9, device=True),
    ]
    expected = ended(whole)
    assert len(expected) == len(set(expected.values())) == 3 * N
    for process, images in zip(others, (N, N, 5, N - 16, N), strict=True):
        found = ended(process)
        assert len(found) == 3 * images
        assert found.items() <= expected.items()
