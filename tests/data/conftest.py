import numpy as np
import pytest

from contraflow.data.ffcv_import import DatasetWriter, IntField, NDArrayField, RGBImageField


class _Rows:
    def __init__(self, columns):
        self.columns = columns

    def __len__(self):
        return len(self.columns[0])

    def __getitem__(self, index):
        return tuple(column[index] for column in self.columns)


@pytest.fixture(scope="session")
def write_ffcv():
    """Write an FFCV file with FFCV's own writer: `write_ffcv(path, images, labels, **fields)`."""

    def write(path, images, labels, **fields):
        image = (
            RGBImageField(write_mode="raw")
            if images[0].shape[2] == 3
            else NDArrayField(np.dtype("u1"), images[0].shape)
        )
        fields = fields or {"image": image, "label": IntField()}
        DatasetWriter(str(path), fields, page_size=2**21, num_workers=1).from_indexed_dataset(
            _Rows([images, labels][: len(fields)])
        )
        return path

    return write


@pytest.fixture(scope="session")
def random_images():
    """`random_images(n, size, channels)`: (n, size, size, channels) uint8."""
    return lambda n, size, channels: np.random.default_rng(n).integers(0, 256, (n, size, size, channels), np.uint8)
