import errno
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contraflow.foundations.artefacts import atomic, read_json, write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), atomic(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_and_a_folder_without_a_right_to_write_are_named(tmp_path):
    for number, says in (
        (errno.ENOSPC, r"a\.txt cannot be written \(No space left on device\): make room on the disk"),
        (errno.EROFS, r"a\.txt cannot be written \(Read-only file system\): make the folder writable"),
    ):
        with pytest.raises(UserError, match=says), atomic(tmp_path / "a.txt"):
            raise OSError(number, "cannot")
    assert not list(tmp_path.iterdir())


def test_a_hard_linked_file_is_replaced_not_written_into(tmp_path):
    cached, file = tmp_path / "cache", tmp_path / "a.json"
    cached.write_text("old")
    os.link(cached, file)
    write_json(file, {"a": 1})
    assert cached.read_text() == "old" and read_json(file) == {"a": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JSON)
@example(content={"[\n1,\n 2]": ["[\n 1,\n 2\n]", [1, -2.5e-7], [[], [None, True]]]})
def test_what_was_written_is_read(tmp_path, content):
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


def test_numbers_in_a_list_stay_on_one_line(tmp_path):
    write_json(tmp_path / "a.json", {"rows": [[1, 2], [3, 4]], "names": ["a"]})
    assert (tmp_path / "a.json").read_text() == '{\n "rows": [\n  [1, 2],\n  [3, 4]\n ],\n "names": [\n  "a"\n ]\n}\n'


def test_missing_files_and_nan_are_refused(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        read_json(tmp_path / "no.json")
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_an_artefact_of_something_else_is_refused_by_name(tmp_path):
    path, made = tmp_path / "a.npz", Provenance(step="mine", inputs={"data": "abc", "encoder": "def"})
    made.require(path, data="abc")
    made.require(path, data="abc", encoder="def")
    with pytest.raises(UserError, match=r"a\.npz was made from another encoder \(digest def, expected deg\)"):
        made.require(path, data="abc", encoder="deg")
    with pytest.raises(UserError, match=r"a\.npz was made from another data set"):
        made.require(path, data="abd")


def test_a_provenance_has_what_is_known_and_comes_back_from_its_file(tmp_path):
    made = Provenance(step="fetch", code="abc", round=0, inputs={})
    assert made.content() == {"step": "fetch", "code": "abc", "round": 0, "inputs": {}}
    assert Provenance.of_content(made.content() | {"recall": 1.0}, tmp_path / "a.json") == made  # of another kind
    with pytest.raises(UserError, match=r"a\.json is damaged, or of another version"):
        Provenance.of_content({"step": "fetch"}, tmp_path / "a.json")
