"""Picture files as an encoder takes them: the same treatment as the images that it was trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contraflow.encoded.pixels import square
from contraflow.images.decoding import open_picture
from contraflow.views.recipe import make_table


def read_input(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture file as an image uint8 (size, size, channels); a coloured one becomes grey for an encoder of one.

    Raises:
        BrokenPicture: it cannot be decoded whole.
    """
    image, _, _ = open_picture(path)
    pixels = square(image, size)
    if channels == 1:  # Rec. 601's luma, which leaves grey pixels as they are
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels


def normalised(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images uint8 (N, H, W, C) as float32 (N, C, H, W), bit for bit as the loaders make them; see `make_table`."""
    table = make_table(mean, std)
    return torch.from_numpy(np.stack([levels[images[..., c]] for c, levels in enumerate(table)], axis=1))
