"""Numba functions that are compiled once for each version of their source, not once a process.

It lies where docs/loader.md says, or beside the source, under a name made from the content of the source: a copy of the
repository finds the code that the first one compiled.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from numba import config, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from platformdirs import user_cache_dir

part = njit(error_model="numpy")  # what kernels are made of: functions that only compiled code calls


def _digest(folder: Path) -> str:
    """Of the content of all modules in a folder."""
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class _ByContent(UserProvidedCacheLocator):
    """Numba's own locator gives each path of a source file a place, this one each content of its folder."""

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> "_ByContent | None":
        locator, folder = cls(py_func, py_file), Path(py_file).parent
        own = config.CACHE_DIR or os.path.join(user_cache_dir("contraflow"), "numba")
        for root in (own, str(folder / "__pycache__")):
            locator._cache_path = os.path.join(root, f"{folder.name}-{_digest(folder)}")
            with suppress(OSError):  # cannot be written
                locator.ensure_cache_path()
                return locator
        return None


class _Files(CompileResultCacheImpl):
    _locator_classes = (_ByContent,)


class _Cache(FunctionCache):
    _impl_class = _Files

    def load_overload(self, sig: object, target_context: object) -> object:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file raises whatever unpickling raises
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: object, data: object) -> None:
        with suppress(OSError):  # a full disk must not stop a training
            super().save_overload(sig, data)


def kernel(function: Callable) -> Callable:
    """Compile a function that Python calls: it releases the interpreter lock, and its code is kept on disk.

    All that it calls must lie in its own folder: of a change elsewhere the kept code would know nothing.
    """
    dispatcher = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # numba's answer when nothing can be written
        dispatcher._cache = _Cache(function)
    return dispatcher
