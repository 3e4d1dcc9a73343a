"""Compiled code is kept by content, and nothing that befalls the files stops a kernel from working."""

import importlib
import sys

import numba
import pytest

KERNEL = """
from contraflow.compiling import kernel
from kernels.helper import helper

@kernel
def scaled(x):
    return helper(x) * 10
"""
HELPER = """
from contraflow.compiling import part

@part
def helper(x):
    return x + {added}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache directory of the test's own."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`load(place)` imports a kernel anew from a package in `tmp_path/place`, as another process would."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python sees no change of a source within a second

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] == "kernels"]:
            del sys.modules[name]

    def load(place, added=1):
        folder = tmp_path / place / "kernels"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "helper.py").write_text(HELPER.format(added=added))
        (folder / "scale.py").write_text(KERNEL)
        forget()
        monkeypatch.syspath_prepend(str(tmp_path / place))
        return importlib.import_module("kernels.scale").scaled

    yield load
    forget()


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_another_process_finds_the_code(cache, load):
    first = load("here")
    assert (first(1), hits(first)) == (20, 0)
    again = load("here")
    assert (again(1), hits(again)) == (20, 1)


def test_another_copy_of_the_repository_finds_the_code(cache, load):
    assert load("here")(1) == 20
    elsewhere = load("elsewhere")
    assert (elsewhere(1), hits(elsewhere)) == (20, 1)


def test_a_change_in_a_module_that_the_kernel_calls_is_seen(cache, load):
    assert load("here", added=1)(1) == 20
    changed = load("here", added=2)
    assert (changed(1), hits(changed)) == (30, 0)
    back = load("here", added=1)
    assert (back(1), hits(back)) == (20, 1)


def test_damaged_files_are_replaced(cache, load):
    load("here")(1)
    for pattern in ("*.nbi", "*.nbc"):
        for file in cache.rglob(pattern):
            file.write_bytes(file.read_bytes()[:100])
        damaged = load("here")
        assert (damaged(1), hits(damaged)) == (20, 0)
        again = load("here")
        assert (again(1), hits(again)) == (20, 1)


def test_a_cache_that_cannot_be_written_gives_way_to_the_source_folder(cache, load, tmp_path):
    cache.write_text("a file, not a folder")
    assert load("here")(1) == 20
    assert list((tmp_path / "here/kernels/__pycache__").rglob("*.nbi"))
    again = load("here")
    assert (again(1), hits(again)) == (20, 1)


def test_works_where_nothing_can_be_written(cache, load, tmp_path, monkeypatch):
    cache.write_text("a file, not a folder")
    folder = tmp_path / "here/kernels"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (folder / "__pycache__").write_text("a file, not a folder")
    kernel = load("here")
    assert (kernel(1), hits(kernel)) == (20, 0)


def test_a_full_disk_stops_nothing(cache, load, monkeypatch):
    kernel = load("here")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", full)
    assert kernel(1) == 20


def test_without_a_setting_code_lies_in_the_user_s_cache_directory(load, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert load("here")(1) == 20
    assert list((tmp_path / "xdg/contraflow/numba").rglob("*.nbi"))
