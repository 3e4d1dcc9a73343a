import os

import numpy as np
import pytest

from contraflow.artefacts import atomic, load_arrays, read_json, require_same, save_arrays, sha256, write_json
from contraflow.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), atomic(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_hard_linked_file_is_replaced_not_written_into(tmp_path):
    cached, file = tmp_path / "cache", tmp_path / "a.json"
    cached.write_text("old")
    os.link(cached, file)
    write_json(file, {"a": 1})
    assert cached.read_text() == "old" and read_json(file) == {"a": 1}


def test_arrays_come_back_and_equal_content_gives_equal_bytes(tmp_path):
    arrays = {"x": np.arange(6).reshape(2, 3), "y": np.float32([1.5])}
    for name in ("a.npz", "b.npz"):
        save_arrays(tmp_path / name, {"step": "mine", "k": 3}, **arrays)
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    found, provenance = load_arrays(tmp_path / "a.npz")
    assert provenance == {"step": "mine", "k": 3} and found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_arrays_are_named(tmp_path, damage):
    file = tmp_path / "a.npz"
    save_arrays(file, {}, x=np.arange(1000))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        load_arrays(file)


def test_missing_files_and_nan_are_refused(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        load_arrays(tmp_path / "no.npz")
    with pytest.raises(UserError, match="is missing"):
        read_json(tmp_path / "no.json")
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_an_artefact_of_something_else_is_refused_by_name(tmp_path):
    require_same(tmp_path / "a.npz", "encoder", "abc", "abc")
    with pytest.raises(UserError, match=r"a\.npz was made from another encoder"):
        require_same(tmp_path / "a.npz", "encoder", "abc", "abd")
