"""The frames of the films: test frames share no pixel with any other, and order is that of the film."""

from itertools import combinations, pairwise

import pandas as pd
import pytest

from benchmarks.pictures import film


def overlap(one, other):
    return all(abs(a - b) < film.SIDE for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("width", [160, 200, 240, 285])
def test_a_test_frame_shares_no_pixel_with_another_frame(width):
    size = width, film.SHORT
    filmed, apart = list(film.filmed(size)), list(film.apart(size))
    assert all(left + film.SIDE <= width and top + film.SIDE <= film.SHORT for left, top in filmed + apart)
    assert not any(overlap(one, other) for one, other in combinations(apart, 2))
    assert not any(overlap(one, other) for one in apart for other in filmed)


def test_a_film_goes_on_by_a_step_and_never_jumps():
    filmed = list(film.filmed((240, film.SHORT)))
    steps = [(abs(a[0] - b[0]), b[1] - a[1]) for a, b in pairwise(filmed)]
    assert set(steps) == {(film.STEP, 0), (0, film.SIDE)}


def test_frames_are_cut_where_they_are_and_listed_in_order(tmp_path):
    film.write_drawn(tmp_path / "film")
    table = pd.read_csv(tmp_path / "film" / film.TABLE)
    assert list(table.columns) == ["path", "label", "split", "group", "order"]
    assert table.label.nunique() == 4 and (table.groupby("label").split.nunique() == 2).all()
    for (_, split), rows in table.groupby(["group", "split"]):
        places = list((film.filmed if split == "train" else film.apart)((240, film.SHORT)))
        assert rows.order.tolist() == list(range(len(places)))
    assert all((tmp_path / "film" / path).is_file() for path in table.path)


def test_missing_photographs_are_named_with_what_brings_them(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "PLACE", tmp_path)
    with pytest.raises(SystemExit, match=r"Bridge_by_Sander_Klootwijk\.jpg is missing: `apt install"):
        film.write(tmp_path / "film")
