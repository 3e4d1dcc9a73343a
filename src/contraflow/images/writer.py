"""Images into FFCV's `.beton` files: the same images give the same bytes.

FFCV (1.0.2) is imported here without its side effects: it compiles a typed dictionary for a constant of two entries,
which takes seconds, and sets torch to one thread. It gets a plain dictionary, which serves as well, and torch keeps its
threads.
"""

from array import array
from pathlib import Path
from types import SimpleNamespace

import numba.typed
import numpy as np
import torch

from contraflow.foundations.artefacts import atomic, write_text
from contraflow.foundations.progress import track
from contraflow.images.image_set import Split
from contraflow.images.kept_jpeg import Jpeg

_typed_dict, _threads = numba.typed.Dict, torch.get_num_threads()
numba.typed.Dict = dict
try:
    from ffcv.fields import IntField, NDArrayField, RGBImageField
    from ffcv.fields.rgb_image import IMAGE_MODES
    from ffcv.memory_allocator import MemoryAllocator
    from ffcv.types import ALLOC_TABLE_TYPE
    from ffcv.writer import DatasetWriter, handle_sample
finally:
    numba.typed.Dict = _typed_dict
    torch.set_num_threads(_threads)

_SMALLEST_PAGE = 2**21  # bytes; FFCV takes no smaller one
_IMAGES_A_PAGE = 8  # at least, so that little is lost at a page's end


def write_beton(path: Path, images: Split, label: str) -> None:
    """Write images and labels as fields `image` and `label`, in order, showing progress under `label`.

    Colour becomes an RGB field, pixels raw and unchanged, JPEG as its own bytes; one channel becomes an array field
    (H, W, 1). Of texts alone the file is empty.
    """
    if images.items == "texts":
        write_text(path, "")
        return
    image_field = _rgb_field() if images.shape[2] == 3 else NDArrayField(np.dtype("uint8"), images.shape)
    fields = {"image": image_field, "label": IntField()}
    page = max(_SMALLEST_PAGE, 1 << (_IMAGES_A_PAGE * images.largest - 1).bit_length())
    with atomic(path) as temporary:
        _Writer(str(temporary), fields, page_size=page, num_workers=1).write(images, label)


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


class _Writer(DatasetWriter):
    """FFCV's writer with its one worker in this process, and with memory for a few numbers a sample.

    In a process of its own, an exception in the worker (a full disk, for one) leaves the writer waiting for ever; with
    several workers the bytes depend on which is faster.
    """

    def write(self, images: Split, label: str) -> None:
        self.num_samples = len(images)
        self.prepare()
        # prepare() reserves shared memory for the other processes; there are none, and /dev/shm may be small.
        self.metadata_sm.close()
        self.metadata_sm.unlink()
        metadata = np.zeros(len(images), self.metadata_type)
        self.metadata_sm = SimpleNamespace(buf=metadata.view(np.uint8))
        allocator = MemoryAllocator(self.fname, self.data_region_start, self.page_size)
        allocations = array("Q")  # (sample, pointer, size): 24 bytes each where FFCV's list of them takes some 300
        with allocator, track(total=len(images), label=label) as bar:
            for i, (image, target) in enumerate(zip(images.images, images.labels, strict=True)):
                stored = image if isinstance(image, Jpeg) else np.ascontiguousarray(image)
                handle_sample((stored, target), i, metadata.dtype.names, metadata, allocator, self.fields)
                allocations.extend(map(int, allocator.allocations.pop()))
                bar.update()
        self.finalize([np.frombuffer(allocations, ALLOC_TABLE_TYPE)])
