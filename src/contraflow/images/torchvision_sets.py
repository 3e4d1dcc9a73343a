"""The data sets of `contraflow.images.sources` as torchvision downloads, unpacks and reads them."""

from pathlib import Path

import numpy as np
from torchvision import datasets
from torchvision.datasets import VisionDataset

from contraflow.images.image_set import ImageSet, Split

_KINDS = {
    "fashion_mnist": datasets.FashionMNIST,
    "mnist": datasets.MNIST,
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
    "svhn": datasets.SVHN,
    "stl10": datasets.STL10,
}
_BY_SPLIT = ("svhn", "stl10")  # take the part by its name, the others a flag


def open_part(name: str, root: Path, part: str, *, download: bool = False) -> VisionDataset:
    """The part "train" or "test" of a data set whose files lie in torchvision's root folder."""
    which = {"split": part} if name in _BY_SPLIT else {"train": part == "train"}
    return _KINDS[name](root, **which, download=download)


def read_torchvision_set(name: str, root: Path) -> ImageSet:
    """All images and labels of a data set from torchvision's root folder, in torchvision's order."""
    train, test = (open_part(name, root, part) for part in ("train", "test"))
    splits = _split(train), _split(test)
    # SVHN's digits have no names in torchvision.
    classes = getattr(train, "classes", None) or [str(label) for label in range(int(splits[0].labels.max()) + 1)]
    return ImageSet(*splits, classes=list(classes))


def _split(data: VisionDataset) -> Split:
    """torchvision keeps images as (N, H, W), (N, H, W, 3) or (N, 3, H, W), labels as `targets` or `labels`."""
    pixels = np.asarray(data.data)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    elif pixels.shape[3] != 3:
        pixels = pixels.transpose(0, 2, 3, 1)
    labels = data.targets if hasattr(data, "targets") else data.labels
    return Split(pixels, np.asarray(labels, dtype=np.int64))
