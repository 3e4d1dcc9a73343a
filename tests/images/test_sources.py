"""The table of data sets says what torchvision knows."""

from torchvision import datasets

from contraflow.images.sources import SOURCES


def test_archives_files_and_checksums_are_torchvisions():
    for name, kind in (("fashion_mnist", datasets.FashionMNIST), ("mnist", datasets.MNIST)):
        source, folder = SOURCES[name], f"{kind.__name__}/raw"
        assert (source.archives, source.folder, source.packed) == (dict(kind.resources), folder, False)
        assert source.files == tuple(f"{folder}/{archive.removesuffix('.gz')}" for archive, _ in kind.resources)
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        files = [*(file for file, _ in kind.train_list + kind.test_list), kind.meta["filename"]]
        assert (SOURCES[name].archives, SOURCES[name].packed) == ({kind.filename: kind.tgz_md5}, True)
        assert SOURCES[name].files == tuple(f"{kind.base_folder}/{file}" for file in files)
    parts = [datasets.SVHN.split_list[part] for part in ("train", "test")]
    assert (SOURCES["svhn"].archives, SOURCES["svhn"].packed) == ({file: md5 for _, file, md5 in parts}, False)
    kind = datasets.STL10
    files = [*(file for file, _ in kind.train_list + kind.test_list if "unlabeled" not in file), kind.class_names_file]
    assert (SOURCES["stl10"].archives, SOURCES["stl10"].packed) == ({kind.filename: kind.tgz_md5}, True)
    assert set(SOURCES["stl10"].files) == {f"{kind.base_folder}/{file}" for file in files}
