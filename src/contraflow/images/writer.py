"""Images into FFCV's `.beton` files: the same images give the same bytes.

FFCV (1.0.2) is imported here without its side effects: it compiles a typed dictionary for a constant of two entries,
which takes seconds, and sets torch to one thread. It gets a plain dictionary, which serves as well, and torch keeps its
threads.
"""

from array import array
from functools import partial
from multiprocessing import Value
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import numba.typed
import numpy as np
import torch

from contraflow.foundations.artefacts import atomic
from contraflow.foundations.progress import progress
from contraflow.images.image_set import Split
from contraflow.images.kept_jpeg import Jpeg

_typed_dict, _threads = numba.typed.Dict, torch.get_num_threads()
numba.typed.Dict = dict
try:
    from ffcv.fields import IntField, NDArrayField, RGBImageField
    from ffcv.fields.rgb_image import IMAGE_MODES
    from ffcv.memory_allocator import MemoryAllocator
    from ffcv.types import ALLOC_TABLE_TYPE
    from ffcv.writer import DatasetWriter, worker_job_indexed_dataset
finally:
    numba.typed.Dict = _typed_dict
    torch.set_num_threads(_threads)

_SMALLEST_PAGE = 2**21  # bytes; FFCV takes no smaller one
_IMAGES_A_PAGE = 8  # at least, so that little is lost at a page's end
_CHUNK = 100  # samples that the worker is handed at once


def write_beton(path: Path, images: Split, label: str) -> None:
    """Write images and labels as fields `image` and `label`, in order, showing progress under `label`.

    Colour becomes an RGB field, pixels raw and unchanged, JPEG as its own bytes; one channel becomes an array field
    (H, W, 1).
    """
    image_field = _rgb_field() if images.shape[2] == 3 else NDArrayField(np.dtype("uint8"), images.shape)
    fields = {"image": image_field, "label": IntField()}
    page = max(_SMALLEST_PAGE, 1 << (_IMAGES_A_PAGE * images.largest - 1).bit_length())
    with atomic(path) as temporary, progress(len(images), label=label) as bar:
        _Writer(str(temporary), fields, page_size=page, num_workers=1).write(_Samples(images, bar))


def _rgb_field() -> RGBImageField:
    """FFCV's field for colour images, which also takes pictures that are JPEG already."""
    field = RGBImageField(write_mode="raw")
    encode_pixels = field.encode

    def encode(destination, image, malloc) -> None:
        if not isinstance(image, Jpeg):
            encode_pixels(destination, image, malloc)
            return
        destination["mode"] = IMAGE_MODES["jpg"]
        destination["height"], destination["width"] = image.height, image.width
        destination["data_ptr"], place = malloc(len(image.content))
        place[:] = np.frombuffer(image.content, np.uint8)

    field.encode = encode  # on this one object: of a class of our own FFCV would write that it knows no such field
    return field


class _Samples:
    """A split as FFCV's writer reads it: by index, one (image, label) at a time."""

    def __init__(self, images: Split, bar) -> None:
        self.images, self.bar = images, bar

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray | Jpeg, int]:
        self.bar.update()
        image = self.images.images[index]
        return image if isinstance(image, Jpeg) else np.ascontiguousarray(image), int(self.images.labels[index])


class _Writer(DatasetWriter):
    """FFCV's writer with its one worker in this process, and with memory for a few numbers a sample.

    In a process of its own, an exception in the worker (a full disk, for one) leaves the writer waiting for ever; with
    several workers the bytes depend on which is faster.
    """

    def write(self, samples: _Samples) -> None:
        self.num_samples = len(samples)
        self.prepare()
        # prepare() reserves shared memory for the other processes; there are none, and /dev/shm may be small.
        size = self.metadata_sm.size
        self.metadata_sm.close()
        self.metadata_sm.unlink()
        self.metadata_sm = SimpleNamespace(buf=bytearray(size))
        allocator = MemoryAllocator(self.fname, self.data_region_start, self.page_size)
        allocator.allocations = _Allocations()
        # FFCV's worker takes its chunks of (place in the file, sample) from here, then None.
        chunks = range(0, len(samples), _CHUNK)
        pairs = ([(i, i) for i in range(start, min(start + _CHUNK, len(samples)))] for start in chunks)
        work, done, allocations = SimpleNamespace(get=partial(next, pairs, None)), Value("Q", 0), SimpleQueue()
        worker_job_indexed_dataset(
            work, self.metadata_sm, self.metadata_type, self.fields, allocator, done, allocations, samples
        )
        self.finalize([allocations.get().table()])


class _Allocations:
    """What FFCV keeps as a list of (sample, pointer, size), in 24 bytes each instead of some 300."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._numbers) // 3

    def __getitem__(self, index: int) -> tuple[int, ...]:
        return tuple(self._numbers[3 * (index % len(self)) :][:3])

    def append(self, allocation: tuple[int, int, int]) -> None:
        self._numbers.extend(map(int, allocation))

    def pop(self) -> None:
        del self._numbers[-3:]

    def table(self) -> np.ndarray:
        return np.frombuffer(self._numbers, ALLOC_TABLE_TYPE)
