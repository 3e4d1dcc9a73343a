"""FFCV, imported without its side effects.

`import ffcv` (1.0.2) compiles a typed dictionary for a constant of two entries, which takes seconds, and sets torch
to one thread. Here it gets a plain dictionary, which serves as well, and torch keeps its threads.
"""

import numba.typed
import torch

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

__all__ = [
    "ALLOC_TABLE_TYPE",
    "IMAGE_MODES",
    "DatasetWriter",
    "IntField",
    "MemoryAllocator",
    "NDArrayField",
    "RGBImageField",
    "worker_job_indexed_dataset",
]
