"""Images into FFCV's `.beton` files: the same images give the same bytes."""

from multiprocessing import Value
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import numpy as np

from contraflow.artefacts import atomic
from contraflow.data.ffcv_import import DatasetWriter, IntField, MemoryAllocator, NDArrayField, RGBImageField
from contraflow.data.images import Split
from contraflow.progress import progress

_SMALLEST_PAGE = 2**21  # bytes; FFCV takes no smaller one
_IMAGES_A_PAGE = 8  # at least, so that little is lost at a page's end


class _Writer(DatasetWriter):
    """FFCV's writer with its one worker in this process.

    In a process of its own, an exception in the worker (a full disk, for one) leaves the writer waiting for ever; with
    several workers the bytes depend on which is faster.
    """

    def _write_common(self, num_samples, queue_content, work_fn, extra_worker_args) -> None:
        self.num_samples = num_samples
        self.prepare()
        # prepare() reserves shared memory for the other processes; there are none, and /dev/shm may be small.
        size = self.metadata_sm.size
        self.metadata_sm.close()
        self.metadata_sm.unlink()
        self.metadata_sm = SimpleNamespace(buf=bytearray(size), close=lambda: None, unlink=lambda: None)
        allocator = MemoryAllocator(self.fname, self.data_region_start, self.page_size)
        done = Value("Q", 0)
        work, allocations = SimpleQueue(), SimpleQueue()
        for chunk in (*queue_content, None):
            work.put(chunk)
        work_fn(
            work, self.metadata_sm, self.metadata_type, self.fields, allocator, done, allocations, *extra_worker_args
        )
        self.finalize(allocations.get())


def write_beton(path: Path, images: Split, label: str) -> None:
    """Write images and labels as fields `image` and `label`, in order, showing progress under `label`.

    Colour becomes a raw RGB field, one channel an array field (H, W, 1); both hold the pixels unchanged.
    """
    _, height, width, channels = images.pixels.shape
    if channels == 1:
        image_field = NDArrayField(np.dtype("uint8"), (height, width, channels))
    else:
        image_field = RGBImageField(write_mode="raw")
    fields = {"image": image_field, "label": IntField()}
    page = max(_SMALLEST_PAGE, 1 << (_IMAGES_A_PAGE * height * width * channels - 1).bit_length())
    with atomic(path) as temporary, progress(len(images), label=label) as bar:
        writer = _Writer(str(temporary), fields, page_size=page, num_workers=1)
        writer.from_indexed_dataset(_Samples(images, bar))


class _Samples:
    """A split as FFCV's writer reads it: by index, one (image, label) at a time."""

    def __init__(self, images: Split, bar) -> None:
        self.images, self.bar = images, bar

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        self.bar.update()
        return np.ascontiguousarray(self.images.pixels[index]), int(self.images.labels[index])
