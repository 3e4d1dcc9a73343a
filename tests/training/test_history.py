import pytest

from contraflow.foundations.errors import UserError
from contraflow.training.history import Epoch, collapse, ends_early, read_history, save_history

ROW = {"lr": 0.1, "alignment": 1, "uniformity": -2, "positive": 0.5, "hardest": 0.9, "gradient_norm": 1, "knn": None}


def rows(**columns):
    """A history; what is not named is healthy."""
    length = len(next(iter(columns.values())))
    defaults = {"loss": [5 - i for i in range(length)], "rank": [30] * length, "spread": [0.9] * length}
    table = defaults | columns
    return [Epoch(**ROW | {name: values[i] for name, values in table.items()}, epoch=i + 1) for i in range(length)]


@pytest.mark.parametrize(
    ("columns", "sign"),
    [
        ({"spread": [0.9, 0.1]}, "the loss fell from 5 to 4 and spread from 0.90 to 0.10"),
        ({"rank": [9, 5, 1.5]}, "the loss fell from 5 to 3 and rank from 9.00 to 1.50"),
        ({"spread": [0.9, 0.1], "knn": [0.5, 0.54]}, "the loss fell"),
        ({"spread": [0.9, 0.1], "knn": [0.5, 0.6]}, None),  # k-NN rises all the same
        ({"spread": [0.9, 0.1], "loss": [4, 5]}, None),
        ({"spread": [0.1, 0.2]}, None),  # it spreads out
        ({"spread": [0.9, 0.5], "rank": [60, 8]}, None),
        ({"spread": [0.1]}, None),
    ],
)
def test_collapse(columns, sign):
    found = collapse(rows(**columns))
    assert found is None if sign is None else found.startswith(sign)


def test_ends_when_nothing_has_improved_for_so_many_measurements(params_of):
    def ends(on, **columns):
        return ends_early(rows(**columns), params_of(train={"stop_on": on, "patience": 2, "knn_every": 1}).train)

    assert not ends("never", knn=[0.5, 0.4, 0.3, 0.2])
    assert ends("knn", knn=[0.5, 0.5, 0.4])
    assert not ends("knn", knn=[0.5, 0.4])
    assert not ends("knn", knn=[0.5, 0.4, 0.6])
    assert ends("knn", knn=[None, 0.5, None, 0.4, None, 0.5])  # what was not measured does not count
    assert ends("uniformity", uniformity=[-2.0, -1.9, -2.0])
    assert not ends("uniformity", uniformity=[-2.0, -2.1, -2.2])


def test_a_history_comes_back_from_its_file(tmp_path):
    history = rows(knn=[None, 0.5], collapse=[None, "the loss fell, and so on"])
    save_history(tmp_path / "history.csv", history, seed=3, number=1)
    assert read_history(tmp_path / "history.csv") == history


def test_a_history_that_is_cut_short_is_refused(tmp_path):
    save_history(tmp_path / "history.csv", rows(knn=[0.4, 0.5]), seed=3, number=1)
    whole = (tmp_path / "history.csv").read_text()
    (tmp_path / "history.csv").write_text(whole[:-25])
    with pytest.raises(UserError, match=r"history\.csv is damaged \(a row is cut short\)"):
        read_history(tmp_path / "history.csv")


def test_a_file_that_is_no_history_is_refused_by_name(tmp_path):
    (tmp_path / "other.csv").write_text("seed,round\n0,1\n")
    with pytest.raises(UserError, match=r"other\.csv is damaged"):
        read_history(tmp_path / "other.csv")
    with pytest.raises(UserError, match=r"none\.csv is missing"):
        read_history(tmp_path / "none.csv")
