import pandas as pd
import pytest

from benchmarks import rows as module
from benchmarks.rows import Rows, made_by


@pytest.fixture
def measure(monkeypatch):
    """`measure(commit, value)`: a measurement by that commit, and `measured` the values that were measured."""
    measured = []

    def by(name, value):
        monkeypatch.setattr(module, "commit", lambda: name)

        def measuring():
            measured.append(value)
            return {"figure": value}

        return measuring

    by.measured = measured
    return by


def test_a_row_is_measured_once_and_names_its_commit(tmp_path, measure):
    path = tmp_path / "rows.csv"
    Rows(path, "c0de").get({"name": "a"}, measure("first", 0.5))
    again = Rows(path, "c0de")
    assert again.get({"name": "a"}, measure("second", 0.7))["figure"] == 0.5
    again.get({"name": "b"}, measure("second", 0.25))
    assert measure.measured == [0.5, 0.25]
    assert again.commits == "first, second"
    assert pd.read_csv(path).commit.tolist() == ["first", "second"]


def test_rows_of_other_code_are_stale_and_measured_anew(tmp_path, measure):
    path = tmp_path / "rows.csv"
    Rows(path, "c0de").get({"name": "a"}, measure("first", 0.5))
    assert made_by(path, "c0de") == (["first"], True)
    assert made_by(path, "0ther") == (["first"], False)
    Rows(path, "0ther").get({"name": "a"}, measure("second", 0.75))
    assert made_by(path, "0ther") == (["second"], True)


def test_a_single_object_names_its_commit_too(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('{"code": "c0de", "commit": "first", "figure": 1}')
    assert made_by(path, "c0de") == (["first"], True)
    assert made_by(path, "0ther") == (["first"], False)


def test_nothing_measured_is_not_current(tmp_path):
    assert made_by(tmp_path / "rows.csv", "c0de") == ([], False)
