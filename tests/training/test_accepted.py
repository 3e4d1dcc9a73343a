"""Whatever the check of the parameters accepts can be trained: one step of it, on the smallest data there may be."""

from itertools import product

import pandas as pd
import pytest

from contraflow.foundations.errors import UserError
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import TAKES, WITH_SMALL_CROPS

ENCODERS = "small", "resnet18", "resnet34", "resnet50", "vit_small"
NORMS = "batch", "sync", "instance", "group"
PRECISIONS = "float32", "mixed"
# The smallest; one of which the last map has more than a pixel; one for which encoders have another stem.
SIZES = 8, 12, 80
# Where maps are one pixel: a batch of 2, and one whose number is prime, which moco divides into groups of one image.
BATCHES = 2, 3
SMALL_CROPS = {"local_views": 1, "local_side": 0.4}

# Sizes, batches and small crops meet all encoders and norms: by these it can be that there is nothing to take
# statistics of. Of the methods only moco normalises in a way of its own, so it and simclr (also with small crops)
# meet them; all methods, and small crops where they take any, meet all norms and precisions with one encoder.
# Resnet34 is resnet18 with more of the same.
NETWORKS = [
    {"encoder": encoder, "norm": norm, "size": size, "method": method, "batch": batch, "augment": augment}
    for encoder, norm, size, batch, (method, augment) in product(
        ENCODERS, NORMS, SIZES, BATCHES, [("simclr", {}), ("simclr", SMALL_CROPS), ("moco", {})]
    )
    if encoder != "resnet34"
]
IN_PARTS = [  # of the fewest images
    chosen | {"batch": 4, "micro_batch": 2}
    for chosen in NETWORKS
    if chosen["encoder"] in ("small", "vit_small") and chosen["batch"] == 2
]
EVERY_METHOD = [
    {"encoder": "small", "norm": norm, "size": 8, "method": method, "batch": 2, "precision": precision}
    for method, norm, precision in product(METHODS, NORMS, PRECISIONS)
    if TAKES.get(method) != "texts" and not METHODS[method].needs_texts  # there are images alone
]
EVERY_METHOD += [
    chosen | {"size": 12, "augment": SMALL_CROPS} for chosen in EVERY_METHOD if chosen["method"] in WITH_SMALL_CROPS
]
EVERY_PRECISION = [
    {"encoder": encoder, "norm": norm, "size": 12, "method": "simclr", "batch": 2, "precision": "mixed"}
    for encoder, norm in product(ENCODERS, NORMS)
]


@pytest.fixture(scope="module")
def data_of(tmp_path_factory, params_of, image_folder, encoded_of):
    """`data_of(size)`: images of so many pixels a side, of which four are trained on."""
    folder, made = tmp_path_factory.mktemp("accepted"), {}
    images = image_folder(folder / "images", 8)

    def encoded(size):
        if size not in made:
            made[size] = encoded_of(params_of(data={"path": str(images), "image_size": size}), folder / str(size))
        return made[size]

    return encoded


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [*NETWORKS, *IN_PARTS, *EVERY_METHOD, *EVERY_PRECISION],
    ids=lambda chosen: "-".join(map(str, chosen.values())),
)
def test_what_is_accepted_can_be_trained(params_of, data_of, pretrained, tmp_path, monkeypatch, checkpoint_of, chosen):
    monkeypatch.chdir(tmp_path)
    checkpoint_of(tmp_path / "teacher.safetensors")
    try:
        params = params_of(
            data={"image_size": chosen["size"]},
            model={"encoder": chosen["encoder"], "norm": chosen["norm"], "width": 8},
            method={"name": chosen["method"], "queue": 8, "prototypes": 2},
            augment=chosen.get("augment", {}),
            train={
                "batch_size": chosen["batch"],
                "micro_batch": chosen.get("micro_batch"),
                "precision": chosen.get("precision", "float32"),
                "knn_every": 0,
            },
        )
    except UserError as refusal:
        assert "must be" in str(refusal)
        return
    data = data_of(chosen["size"])
    pretrained(params, data, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].notna().all()
