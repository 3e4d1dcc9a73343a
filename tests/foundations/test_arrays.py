import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.foundations.arrays import drawn, load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance

MADE = Provenance(step="mine", seed=3, inputs={})


def test_arrays_come_back_and_equal_content_gives_equal_bytes(tmp_path):
    arrays = {"x": np.arange(6).reshape(2, 3), "y": np.float32([1.5])}
    for name in ("a.npz", "b.npz"):
        save_arrays(tmp_path / name, MADE, **arrays)
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    found, provenance = load_arrays(tmp_path / "a.npz")
    assert provenance == MADE and found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_arrays_are_named(tmp_path, damage):
    file = tmp_path / "a.npz"
    save_arrays(file, MADE, x=np.arange(1000))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        load_arrays(file)


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=200)
def test_one_flipped_bit_anywhere_is_noticed_or_changes_nothing(tmp_path_factory, where, bit):
    file = tmp_path_factory.mktemp("flip") / "a.npz"
    x = np.arange(50)
    save_arrays(file, MADE, x=x)
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    file.write_bytes(content)
    try:
        arrays, found = load_arrays(file)
    except UserError as error:
        assert "a.npz is damaged" in str(error)
    else:  # the time stamps and the like of the archive, which nobody reads
        assert found == MADE and list(arrays) == ["x"] and np.array_equal(arrays["x"], x)


def test_missing_arrays_are_named(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        load_arrays(tmp_path / "no.npz")


def test_what_is_drawn_of_a_pool_is_sorted_the_same_each_time_and_all_of_a_small_one():
    pool = np.arange(100, 200)
    chosen = drawn(pool, 12)
    assert len(set(chosen)) == 12 and set(chosen) <= set(pool) and np.array_equal(chosen, np.sort(chosen))
    assert np.array_equal(chosen, drawn(pool, 12))
    assert not np.array_equal(chosen, drawn(pool, 12, np.random.default_rng(1)))
    assert drawn(pool[:2], 12).tolist() == [100, 101]
