"""JPEG decoded by libturbojpeg, the library that FFCV is built on; the interpreter lock is free meanwhile.

The slow integer transform and smooth upsampling of colours: the bytes that Pillow makes of the same file. FFCV's own
`imdecode` takes the fast transform, which differs by some grey levels, and says nothing of damage.
"""

from ctypes import CDLL, POINTER, byref, c_char_p, c_int, c_ulong, c_void_p
from functools import cache

import numpy as np

_RGB = 0  # TJPF_RGB
_EXACT, _STOP_ON_WARNING = 4096, 8192  # TJFLAG_ACCURATEDCT, TJFLAG_STOPONWARNING


class DamagedJpeg(ValueError):
    """Bytes that cannot be decoded whole; the message is libturbojpeg's."""


@cache
def _library() -> CDLL:
    library = CDLL("libturbojpeg.so.0")
    library.tjInitDecompress.restype = c_void_p
    library.tjDecompressHeader3.argtypes = [c_void_p, c_void_p, c_ulong, *[POINTER(c_int)] * 4]
    library.tjDecompress2.argtypes = [c_void_p, c_void_p, c_ulong, c_void_p, *[c_int] * 5]
    library.tjGetErrorStr2.argtypes, library.tjGetErrorStr2.restype = [c_void_p], c_char_p
    library.tjDestroy.argtypes = [c_void_p]
    return library


class Decoder:
    """Decodes one image after the other into memory that it keeps. One thread uses it at a time."""

    def __init__(self) -> None:
        self._handle: int | None = None  # libturbojpeg is not looked for before there is a JPEG
        self._memory = np.empty(0, np.uint8)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._handle is not None:
            _library().tjDestroy(self._handle)

    def decode(self, content: np.ndarray, height: int, width: int) -> np.ndarray:
        """Decode the bytes of a file (uint8) to (height, width, 3) uint8, read-only, which the next call overwrites.

        Raises:
            DamagedJpeg: they are cut short, damaged, no JPEG or of another size, or hold something else than grey
                levels or colours.
        """
        if self._handle is None:
            self._handle = _library().tjInitDecompress()
        w, h, unused = c_int(), c_int(), c_int()
        found = byref(w), byref(h), byref(unused), byref(unused)
        place, size = content.ctypes.data, content.size
        self._check(_library().tjDecompressHeader3(self._handle, place, size, *found))
        if (h.value, w.value) != (height, width):
            raise DamagedJpeg(f"{w.value}x{h.value} pixels instead of {width}x{height}")
        if self._memory.size < height * width * 3:
            self._memory = np.empty(height * width * 3, np.uint8)
        target, flags = self._memory.ctypes.data, _EXACT | _STOP_ON_WARNING
        self._check(_library().tjDecompress2(self._handle, place, size, target, width, 0, height, _RGB, flags))
        pixels = self._memory[: height * width * 3].reshape(height, width, 3)
        pixels.flags.writeable = False
        return pixels

    def _check(self, status: int) -> None:
        if status:
            raise DamagedJpeg(_library().tjGetErrorStr2(self._handle).decode(errors="replace"))
