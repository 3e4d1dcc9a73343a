"""A thousand classes and a hundred thousand test images in little memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from contraflow.foundations.artefacts import read_json

PARAMS = Path(__file__).parents[2] / "params.yaml"
_MEASURE = """
import sys
from pathlib import Path
import numpy as np
import torch
from contraflow.foundations.record import Provenance
from contraflow.params import load_params
from contraflow.evaluation.accuracy import Labelled, measure
from contraflow.encoded.card import Amount, Card, EncodedData
from contraflow.evaluation.written import label_figures, protocol
from contraflow.evaluation.results import Evaluation

CLASSES, TRAIN, TEST, DIMENSION = 1000, 60_000, 100_000, 256
settings = load_params(Path(sys.argv[2])).eval
linear = settings.linear.model_copy(update={"max_iterations": 2})  # as much memory as to the end
settings = settings.model_copy(update={"linear": linear, "few_labels": [0.1], "few_draws": 1})
random = np.random.default_rng(0)
centres = random.standard_normal((CLASSES, DIMENSION), dtype=np.float32)

def images(count):
    labels = np.arange(count) % CLASSES
    features = random.standard_normal((count, DIMENSION), dtype=np.float32)
    features += centres[labels]
    return Labelled(features, labels)

train, test = images(TRAIN), images(TEST)
amounts = {"train": TRAIN, "validation": 6_000, "test": TEST}
classes = [f"class {i}" for i in range(CLASSES)]
counts = {name: Amount(images=images) for name, images in amounts.items()}
card = Card.model_construct(classes=classes, image_size=32, **counts)
folder = Path(sys.argv[1]).parent
np.save(folder / "validation.npy", np.arange(6_000))
found = measure(EncodedData(folder, card, ""), train, test, settings, torch.device("cpu"))
words = protocol("encoder", DIMENSION, 0.0, card, settings, found)
figures = label_figures(found, test.labels, classes)
figures |= {"representation": "encoder", "seed": 0, "dimension": DIMENSION, "protocol": words}
figures |= {"alignment": 0.0, "uniformity": None, "similarities": {}}
Evaluation(**figures, provenance=Provenance(step="evaluate", inputs={})).write(Path(sys.argv[1]))
[peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak) * 1024)
"""


@pytest.mark.slow
def test_evaluation_fits_into_4_gib(tmp_path):
    out = tmp_path / "evaluation.json"
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(out), str(PARAMS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4 * 2**30
    assert out.stat().st_size < 5e6
    found = read_json(out)
    assert len(found["confusion"]) == 1000 and sum(map(sum, found["confusion"])) == 100_000
    assert found["test"]["knn20"] > 0.5
