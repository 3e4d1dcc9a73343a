"""What goes into a .beton comes out of it, always as the same bytes."""

import numpy as np
import pytest

from contraflow.encoded.beton import open_beton
from contraflow.images.image_set import Split
from contraflow.images.writer import DatasetWriter, IntField, NDArrayField, RGBImageField, write_beton


def _split(n: int, size: int, channels: int) -> Split:
    random = np.random.default_rng(0)
    return Split(random.integers(0, 256, (n, size, size, channels), dtype=np.uint8), random.integers(-1, 9, n))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("n", "size"), [(1, 8), (250, 28), (5, 1024)])
def test_pixels_and_labels_come_back(tmp_path, n, size, channels):
    split = _split(n, size, channels)
    write_beton(tmp_path / "a.beton", split, "test")
    beton = open_beton(tmp_path / "a.beton")
    assert (beton.size, beton.channels) == ((size, size), channels)
    assert (beton.labels == split.labels).all()
    assert (np.stack([beton.stored(i) for i in range(n)]) == split.images.reshape(n, -1)).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_are_those_of_ffcvs_writer_with_one_worker(tmp_path, channels):
    split = _split(3000, 32, channels)
    write_beton(tmp_path / "ours.beton", split, "test")
    write_beton(tmp_path / "again.beton", split, "test")
    image = RGBImageField(write_mode="raw") if channels == 3 else NDArrayField(np.dtype("uint8"), (32, 32, 1))
    writer = DatasetWriter(
        str(tmp_path / "ffcv.beton"), {"image": image, "label": IntField()}, page_size=2**21, num_workers=1
    )
    writer.from_indexed_dataset(list(zip(split.images, split.labels.tolist(), strict=True)))
    ours = (tmp_path / "ours.beton").read_bytes()
    assert ours == (tmp_path / "again.beton").read_bytes()
    assert ours == (tmp_path / "ffcv.beton").read_bytes()


def test_an_error_is_raised_and_leaves_no_file(tmp_path):
    split = _split(5, 8, 3)
    with pytest.raises(ValueError, match="uint8"):
        write_beton(tmp_path / "a.beton", Split(split.images.astype(np.float32), split.labels), "test")
    assert list(tmp_path.iterdir()) == []
