"""Raw files are found, checked and laid out, or one sentence says what to do."""

import gzip
import hashlib
import os
import pickle
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from contraflow.foundations.artefacts import read_json, sha256
from contraflow.foundations.errors import UserError
from contraflow.images import sources
from contraflow.images.sources import DEBIAN_FASHION_MNIST
from contraflow.steps.fetch import Fetching, fetch

ROOT = Path(__file__).parents[2]
needs_debian = pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed")


def _fetch(name: str, path: Path, out: Path) -> None:
    fetch(Fetching(name, str(path), table=None), source=out / "source.json")


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


@needs_debian
def test_fashion_mnist_from_debian(tmp_path):
    out = tmp_path / "fetch"
    stale = out / "FashionMNIST/raw/t10k-labels-idx1-ubyte"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"cut short by a crash")
    _fetch("fashion_mnist", tmp_path, out)
    source = read_json(out / "source.json")
    assert _files(out) == {*source["files"], "source.json"}
    assert all(sha256(out / name) == digest for name, digest in source["files"].items())
    assert len(datasets.FashionMNIST(out, train=False)) == 10000
    assert str(tmp_path) not in (out / "source.json").read_text()
    before = (out / "source.json").read_bytes()
    _fetch("fashion_mnist", tmp_path / "other", out)
    assert (out / "source.json").read_bytes() == before


@needs_debian
def test_files_of_the_user_come_first_and_a_wrong_one_is_named(tmp_path):
    wrong = tmp_path / "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz"
    wrong.parent.mkdir(parents=True)
    for content in (gzip.compress(b"other"), b"no gzip file", gzip.compress(bytes(range(256)) * 99)[:-5]):
        wrong.write_bytes(content)
        with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz has a wrong checksum") as caught:
            _fetch("fashion_mnist", tmp_path, tmp_path / "fetch")
        assert str(wrong) in str(caught.value)
        assert not (tmp_path / "fetch/source.json").exists()


@pytest.fixture
def small_cifar(tmp_path, monkeypatch) -> Path:
    """A data.path with a CIFAR-10 archive of a few images, whose checksums the registry knows."""
    kind, content = datasets.CIFAR10, tmp_path / "content" / datasets.CIFAR10.base_folder
    content.mkdir(parents=True)
    pixels = np.zeros((2, 3072), np.uint8)
    for name, _ in kind.train_list + kind.test_list:
        (content / name).write_bytes(pickle.dumps({"data": pixels, "labels": [0, 1]}))
    (content / "batches.meta").write_bytes(pickle.dumps({"label_names": ["ape", "bee"]}))
    archive = tmp_path / "data" / kind.filename
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(content, kind.base_folder)

    def md5(path):
        return hashlib.md5(path.read_bytes()).hexdigest()

    for attribute in ("train_list", "test_list"):
        monkeypatch.setattr(kind, attribute, [[name, md5(content / name)] for name, _ in getattr(kind, attribute)])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": md5(content / "batches.meta")})
    monkeypatch.setattr(kind, "tgz_md5", md5(archive))
    registered = sources.SOURCES["cifar10"]
    monkeypatch.setitem(sources.SOURCES, "cifar10", replace(registered, archives={archive.name: md5(archive)}))
    return archive.parent


def test_an_archive_of_the_user_is_unpacked_and_left_alone(tmp_path, small_cifar):
    archive = small_cifar / datasets.CIFAR10.filename
    before = archive.read_bytes()
    _fetch("cifar10", small_cifar, tmp_path / "fetch")
    assert _files(tmp_path / "fetch") == {*read_json(tmp_path / "fetch/source.json")["files"], "source.json"}
    assert len(datasets.CIFAR10(tmp_path / "fetch")) == 10
    assert archive.read_bytes() == before


def test_a_damaged_archive_of_the_user_is_named(tmp_path, small_cifar):
    (small_cifar / datasets.CIFAR10.filename).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz has a wrong checksum \(MD5"):
        _fetch("cifar10", small_cifar, tmp_path / "fetch")


def test_files_used_as_they_are_get_copied(tmp_path, monkeypatch):
    import scipy.io

    archives = {}
    (tmp_path / "data").mkdir()
    for part in ("train", "test"):
        file = tmp_path / "data" / f"{part}_32x32.mat"
        scipy.io.savemat(file, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [10]])})
        archives[file.name] = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setitem(sources.SOURCES, "svhn", replace(sources.SOURCES["svhn"], archives=archives))
    _fetch("svhn", tmp_path / "data", tmp_path / "fetch")
    assert _files(tmp_path / "fetch") == {"train_32x32.mat", "test_32x32.mat", "source.json"}
    assert not (tmp_path / "fetch/test_32x32.mat").is_symlink()


_OFFLINE = """
import dataclasses, sys
from pathlib import Path
from contraflow.images.sources import SOURCES
from contraflow.foundations.errors import UserError
from contraflow.steps.fetch import Fetching, fetch
for name in SOURCES:
    SOURCES[name] = dataclasses.replace(SOURCES[name], packages=())
    try:
        fetch(Fetching(name, sys.argv[1], table=None), source=Path(sys.argv[1]) / name / "source.json")
    except UserError as error:
        print("SAID", error)
"""


def test_without_network_and_files_one_sentence_says_what_to_do(tmp_path):
    nowhere = "http://127.0.0.1:9"
    environment = os.environ | {key: nowhere for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    environment |= {"no_proxy": "", "NO_PROXY": ""}
    command = [sys.executable, "-c", _OFFLINE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(lines) == len(sources.SOURCES)
    fashion, mnist, cifar10, *_, glyphs, emoji, wordnet = lines
    assert fashion == (
        "SAID fashion_mnist is not on this machine and cannot be downloaded ([Errno 111] Connection refused): "
        "`apt install dataset-fashion-mnist`, or put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        f"t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz into the folder of data.path ({tmp_path})"
    )
    assert "mnist is not on this machine" in mnist
    assert cifar10.endswith(f"put cifar-10-python.tar.gz into the folder of data.path ({tmp_path})")
    assert glyphs == (
        "SAID glyphs is not whole on this machine: "
        "`apt install fonts-arphic-ukai fonts-arphic-uming fonts-wqy-zenhei fonts-hanazono`, or put "
        f"ukai.ttc, uming.ttc, wqy-zenhei.ttc, HanaMinA.ttf into the folder of data.path ({tmp_path})"
    )
    assert emoji.startswith(
        "SAID emoji is not whole on this machine: "
        "`apt install fonts-noto-color-emoji unicode-cldr-core unicode-data`, or put NotoColorEmoji.ttf, "
    )
    assert wordnet == (
        "SAID wordnet is not whole on this machine: `apt install wordnet-base`, or put data.noun, data.verb, data.adj, "
        f"data.adv into the folder of data.path ({tmp_path})"
    )
    assert all(name in line for name, line in zip(sources.SOURCES, lines, strict=True))


def test_a_typeface_of_the_system_must_be_the_known_one_unless_data_path_has_it(tmp_path, monkeypatch):
    system, data = tmp_path / "system", tmp_path / "data"
    system.mkdir()
    data.mkdir()
    files = {"a.ttc": b"one", "b.ttf": b"two"}
    for name, content in files.items():
        (system / name).write_bytes(content)
    known = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    glyphs = replace(sources.SOURCES["glyphs"], archives=known, files=tuple(known), packages=(system,))
    monkeypatch.setitem(sources.SOURCES, "glyphs", glyphs)
    _fetch("glyphs", data, tmp_path / "fetch")
    assert {name: (tmp_path / "fetch" / name).read_bytes() for name in files} == files

    (system / "b.ttf").write_bytes(b"another release")
    with pytest.raises(UserError, match=r"b\.ttf has a wrong checksum \(MD5 .*\): put the right b\.ttf into"):
        _fetch("glyphs", data, tmp_path / "fetch")
    (data / "b.ttf").write_bytes(b"two")
    _fetch("glyphs", data, tmp_path / "fetch")
    (system / "a.ttc").unlink()
    with pytest.raises(UserError, match=r"this machine: `apt install fonts-[^`]*`, or put a\.ttc into the folder of"):
        _fetch("glyphs", data, tmp_path / "fetch")
    assert not (tmp_path / "fetch/source.json").exists()


def test_a_folder_is_looked_at_and_not_copied(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    with pytest.raises(UserError, match="holds no images"):
        _fetch("folder", images, tmp_path / "fetch")
    (images / "a.jpg").touch()
    _fetch("folder", images, tmp_path / "fetch")
    assert _files(tmp_path / "fetch") == {"source.json"}
    assert read_json(tmp_path / "fetch/source.json")["files"] == {}
