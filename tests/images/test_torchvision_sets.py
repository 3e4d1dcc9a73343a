"""torchvision's data sets as images, read from small files of their real formats."""

import hashlib
import pickle

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from contraflow.images.image_set import Split
from contraflow.images.torchvision_sets import open_part, read_torchvision_set


def _idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def _md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def random():
    return np.random.default_rng(0)


def _check(name, root, channels, size):
    """Pixels are those of torchvision's own pictures, for each part."""
    images = read_torchvision_set(name, root)
    for part, split in {"train": images.train, "test": images.test}.items():
        theirs = open_part(name, root, part)
        assert split.images.shape == (len(theirs), size, size, channels)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        for i in range(len(theirs)):
            picture, label = theirs[i]
            assert (np.asarray(picture).reshape(size, size, channels) == split.images[i]).all()
            assert label == split.labels[i]
    return images


@pytest.mark.parametrize(("name", "folder"), [("fashion_mnist", "FashionMNIST"), ("mnist", "MNIST")])
def test_mnist_kind(tmp_path, random, name, folder):
    for part, n in {"train": 7, "t10k": 3}.items():
        _idx(tmp_path / folder / f"raw/{part}-images-idx3-ubyte", random.integers(0, 256, (n, 28, 28)))
        _idx(tmp_path / folder / f"raw/{part}-labels-idx1-ubyte", random.integers(0, 10, n))
    assert len(_check(name, tmp_path, 1, 28).classes) == 10


@pytest.mark.parametrize(("name", "kind"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)])
def test_cifar_kind(tmp_path, random, monkeypatch, name, kind):
    folder = tmp_path / kind.base_folder
    folder.mkdir()
    key = "labels" if name == "cifar10" else "fine_labels"

    def batch(file, n):
        content = {"data": random.integers(0, 256, (n, 3072), dtype=np.uint8), key: random.integers(0, 3, n).tolist()}
        (folder / file).write_bytes(pickle.dumps(content))
        return [file, _md5(folder / file)]

    monkeypatch.setattr(kind, "train_list", [batch(file, 2) for file, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [batch(file, 3) for file, _ in kind.test_list])
    meta = folder / kind.meta["filename"]
    meta.write_bytes(pickle.dumps({kind.meta["key"]: ["ape", "bee", "cow"]}))
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": _md5(meta)})
    assert _check(name, tmp_path, 3, 32).classes == ["ape", "bee", "cow"]


def test_svhn(tmp_path, random, monkeypatch):
    parts = {}
    for part, n in {"train": 12, "test": 4}.items():
        file = tmp_path / f"{part}_32x32.mat"
        labels = np.arange(1, n + 1).reshape(n, 1) % 10 + 1  # 10 stands for the digit 0
        scipy.io.savemat(file, {"X": random.integers(0, 256, (32, 32, 3, n), dtype=np.uint8), "y": labels})
        parts[part] = ["", file.name, _md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", parts)
    images = _check("svhn", tmp_path, 3, 32)
    assert images.classes == [str(digit) for digit in range(10)]
    assert images.train.labels.min() == 0


def test_stl10_has_its_labelled_images_only(tmp_path, random, monkeypatch):
    kind = datasets.STL10
    folder = tmp_path / kind.base_folder
    folder.mkdir()
    sizes = {"train": 3, "unlabeled": 2, "test": 2}
    for part, n in sizes.items():
        random.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8).tofile(folder / f"{part}_X.bin")
        random.integers(1, 11, n, dtype=np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    for attribute in ("train_list", "test_list"):
        monkeypatch.setattr(kind, attribute, [[file, _md5(folder / file)] for file, _ in getattr(kind, attribute)])
    images = _check("stl10", tmp_path, 3, 96)
    assert len(images.train) == 3
    assert images.classes == ["airplane", "bird"]


@pytest.mark.parametrize("channels", [1, 3])
def test_resizing(random, channels):
    split = Split(np.full((2, 28, 28, channels), 77, np.uint8), np.zeros(2, np.int64))
    assert (split.resized(20).images == np.full((2, 20, 20, channels), 77)).all()
    assert split.resized(28) is split
    assert split.resized(None) is split
