"""The data sets that come through torchvision: their archives with checksums, and how their images are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torchvision import datasets
from torchvision.datasets import VisionDataset

from contraflow.data.images import ImageSet, Split

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")

# SHA-256 of what is inside Fashion-MNIST's archives. Debian packs the same files anew, so the archives that torchvision
# knows by checksum and Debian's differ in their gzip headers and in nothing else.
_FASHION_MNIST_CONTENT = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True)
class Source:
    """One data set: `open(root, part)` gives torchvision's data set of the part "train" or "test" under a root.

    `archives` maps the file names that torchvision downloads to their MD5, `folder` is where under the root it keeps
    them. `content` gives SHA-256 of what is inside, where archives packed otherwise are welcome too. `packages` names
    folders of the system's packages that hold the archives, and `remedy` says what to install for them.
    """

    open: Callable[..., VisionDataset]
    archives: dict[str, str]
    files: tuple[str, ...]
    folder: str = "."
    gzipped: bool = False
    content: dict[str, str] | None = None
    packages: tuple[Path, ...] = ()
    remedy: str = ""


def _by_flag(kind: type[VisionDataset]) -> Callable[..., VisionDataset]:
    return lambda root, part, download=False: kind(root, train=part == "train", download=download)


def _by_split(kind: type[VisionDataset]) -> Callable[..., VisionDataset]:
    return lambda root, part, download=False: kind(root, split=part, download=download)


def _mnist(kind: type[datasets.MNIST], **more) -> Source:
    folder = f"{kind.__name__}/raw"
    files = tuple(f"{folder}/{name.removesuffix('.gz')}" for name, _ in kind.resources)
    return Source(_by_flag(kind), dict(kind.resources), files, folder, gzipped=True, **more)


def _cifar(kind: type[datasets.CIFAR10]) -> Source:
    names = [name for name, _ in kind.train_list + kind.test_list] + [kind.meta["filename"]]
    return Source(_by_flag(kind), {kind.filename: kind.tgz_md5}, tuple(f"{kind.base_folder}/{n}" for n in names))


def _svhn() -> Source:
    archives = {name: md5 for _, name, md5 in (datasets.SVHN.split_list[part] for part in ("train", "test"))}
    return Source(_by_split(datasets.SVHN), archives, tuple(archives))


def _stl10() -> Source:
    # The 100,000 unlabelled images are left out: only the 5,000 labelled training images and the test are used.
    kind = datasets.STL10
    names = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", kind.class_names_file)
    files = tuple(f"{kind.base_folder}/{name}" for name in names)
    return Source(_by_split(kind), {kind.filename: kind.tgz_md5}, files)


SOURCES: dict[str, Source] = {
    "fashion_mnist": _mnist(
        datasets.FashionMNIST,
        content=_FASHION_MNIST_CONTENT,
        packages=(DEBIAN_FASHION_MNIST,),
        remedy="apt install dataset-fashion-mnist",
    ),
    "mnist": _mnist(datasets.MNIST),
    "cifar10": _cifar(datasets.CIFAR10),
    "cifar100": _cifar(datasets.CIFAR100),
    "svhn": _svhn(),
    "stl10": _stl10(),
}


def _split(data: VisionDataset) -> Split:
    """torchvision keeps images as (N, H, W), (N, H, W, 3) or (N, 3, H, W), labels as `targets` or `labels`."""
    pixels = np.asarray(data.data)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    elif pixels.shape[3] != 3:
        pixels = pixels.transpose(0, 2, 3, 1)
    labels = data.targets if hasattr(data, "targets") else data.labels
    return Split(pixels, np.asarray(labels, dtype=np.int64))


def read_images(name: str, root: Path) -> ImageSet:
    """All images and labels of one of `SOURCES` from torchvision's root folder, in torchvision's order."""
    train, test = (SOURCES[name].open(root, part) for part in ("train", "test"))
    splits = _split(train), _split(test)
    # SVHN's digits have no names in torchvision.
    classes = getattr(train, "classes", None) or [str(label) for label in range(int(splits[0].labels.max()) + 1)]
    return ImageSet(*splits, classes=list(classes))
