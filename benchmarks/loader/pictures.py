"""The images that the cases read: Fashion-MNIST, and synthetic ones with the spectrum of natural images."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contraflow.encoded.beton import open_beton
from contraflow.images.download import provide
from contraflow.images.sources import SOURCES
from contraflow.images.torchvision_sets import read_torchvision_set
from contraflow.images.writer import DatasetWriter, IntField, NDArrayField, RGBImageField

QUALITY = 90  # of JPEG


def fashion_mnist() -> np.ndarray:
    """The training images, (60000, 28, 28, 1) uint8."""
    with tempfile.TemporaryDirectory() as folder:
        provide("fashion_mnist", SOURCES["fashion_mnist"], looked_in=Path("data"), root=Path(folder))
        return np.array(read_torchvision_set("fashion_mnist", Path(folder)).train.images)


def natural(n: int, height: int, width: int, seed: int) -> np.ndarray:
    """Colour images, (n, height, width, 3) uint8, whose amplitudes fall as 1 over frequency, as those of photos do."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    falling = 1 / np.maximum(frequency, 1 / max(height, width))
    images = np.empty((n, height, width, 3), np.uint8)
    for image in images:
        noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(3, height, width))) * falling, (height, width))
        noise = 0.9 * noise[:1] + 0.4 * noise  # channels of photos are much alike
        image[:] = np.clip(127.5 + 50 * noise / noise.std(), 0, 255).transpose(1, 2, 0)
    return images


class _Rows:
    def __init__(self, images: Sequence[np.ndarray]):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.images[index], 0


def write(path: Path, images: Sequence[np.ndarray], mode: str = "raw") -> Path:
    """An FFCV file of images (H, W, C), each "raw" or "jpg"; one channel is stored as such."""
    if images[0].shape[2] == 1:
        field = NDArrayField(np.dtype("u1"), images[0].shape)
    else:
        field = RGBImageField(write_mode=mode, jpeg_quality=QUALITY)
    fields = {"image": field, "label": IntField()}
    DatasetWriter(str(path), fields, num_workers=1).from_indexed_dataset(_Rows(images))
    return path


def stored(path: Path) -> list[bytes]:
    """The bytes of each image of an FFCV file, as they lie in it."""
    file = open_beton(path)
    return [file.stored(i).tobytes() for i in range(len(file))]
