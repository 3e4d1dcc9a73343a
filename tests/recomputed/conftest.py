"""One tiny run through the real workflow, and what is recomputed from the files that it leaves."""

import numpy as np
import pytest
from PIL import Image
from recomputed.figures import Figures
from recomputed.reading import Files

GREY = {  # direction of the stripes, colour, training and test images of each class
    "lying": ((1, 0), (1,), 35, 50),
    "slanting": ((0.7, 0.7), (1,), 40, 40),
    "upright": ((0, 1), (1,), 45, 30),
}
COLOURED = {
    "green": ((0.7, 0.7), (0.4, 1, 0.5), 20, 15),
    "red": ((0, 1), (1, 0.3, 0.6), 20, 15),
}
SAME = {  # copies among the training images, and a test image that leaked
    "train/lying/030.png": "train/lying/004.png",
    "train/upright/002.png": "train/upright/001.png",
    "test/slanting/007.png": "train/slanting/011.png",
}
AS_IT_IS = {
    "crop_scale": [1.0, 1.0],
    "crop_ratio": [1.0, 1.0],
    "flip": 0.0,
    "jitter": 0.0,
    "grey": 0.0,
    "blur": 0.0,
    "second": {"flip": 1.0, "solarise": 1.0},  # nothing is left to chance: views can be made again in one line
}
CHANGES = {
    "seeds": [0, 3],
    "data": {"path": "own", "validation_fraction": 0.2},
    "augment": AS_IT_IS,
    "model": {"pooling": "quarters", "whitening": 0.5},
    "train": {"epochs": 1, "batch_size": 96, "lr": 1.0, "precision": "float32"},  # all training images are one batch
    "mining": {"rounds": 2, "control": True, "epochs": 1, "lr": 1.0, "k": 3, "candidates": 20, "fn_share": 0.05},
    "eval": {
        "batch_size": 25,
        "knn": [{"k": 200, "tau": 0.1}, {"k": 5, "tau": 0.07}],
        "linear": {"weight_decay": [1.0, 0.1, 0.01, 0.001], "max_iterations": 5000},
        "few_labels": [0.1, 2],
        "few_draws": 2,
        "supervised": True,
        "corruptions": True,
        "retrieval": [1, 3],
        "transfer": {"name": "folder", "path": "pictures"},
        "fine_tune": {"share": 1.0, "epochs": 2, "lr": 0.5},
    },
    "report": {"tsne_points": 20, "gallery_anchors": 3},
}


def write_images(folder, classes, shape):
    """Noisy pictures with stripes, of (H, W) pixels, in a folder a class below `train` and `test`."""
    random, (rows, columns) = np.random.default_rng(0), np.mgrid[: shape[0], : shape[1]]
    for name, (direction, colour, *counts) in classes.items():
        for split, count in zip(("train", "test"), counts, strict=True):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                along = direction[0] * rows + direction[1] * columns
                wave = 60 * np.sin(along * random.uniform(0.5, 1.5) + random.uniform(0, 6))
                noisy = 128 + (wave + random.normal(0, 80, shape))[..., None] * np.array(colour)
                pixels = noisy.clip(0, 255).astype(np.uint8).squeeze()
                Image.fromarray(pixels).save(place / f"{i:03}.png")


@pytest.fixture(scope="session")
def run(tmp_path_factory, new_repository) -> Files:
    """The files of a run: two seeds, two rounds of mining and every evaluation that can be asked for."""
    repository = new_repository(tmp_path_factory.mktemp("recomputed"))
    own = repository.path / "own"
    write_images(own, GREY, (16, 16))
    for copy, original in SAME.items():
        (own / copy).write_bytes((own / original).read_bytes())
    write_images(repository.path / "pictures", COLOURED, (20, 24))
    repository.set(**CHANGES)
    repository.run("snakemake --cores 2")
    return Files(repository.path)


@pytest.fixture(scope="session")
def figures(run) -> Figures:
    """Its figures, recomputed."""
    return Figures(run)
