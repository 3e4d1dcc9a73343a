"""A few tiny pictures and a model to match: for times that are not the model's, and to see whether a benchmark runs."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 16  # pixels
TRAIN, TEST = 64, 24
CHANGES = {
    "data.image_size": SIDE,
    "model.width": 8,
    "model.projection_hidden": 16,
    "model.projection_dim": 8,
    "train.batch_size": 16,
    "mining.k": 2,
    "eval.linear": {"weight_decay": [1e-3, 1e-4], "max_iterations": 50},
    "eval.few_labels": [2],
    "eval.few_draws": 1,
}


def write(folder: Path) -> None:
    """Random grey pictures of two classes that differ in brightness, in `train` and `test`."""
    random = np.random.default_rng(0)
    for part, count in (("train", TRAIN), ("test", TEST)):
        for i in range(count):
            name, darkest = (("dark", 0), ("light", 64))[i % 2]
            file = folder / part / name / f"{i:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(darkest, darkest + 192, (SIDE, SIDE), dtype=np.uint8)).save(file)
