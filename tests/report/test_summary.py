from dataclasses import replace

import numpy as np
import pytest

from contraflow.encoded.card import Amount
from contraflow.report.summary import (
    geometry,
    measured_gap,
    measures,
    measures_by_round,
    rounds,
    strips,
    summary_rows,
)


@pytest.fixture(scope="module")
def run(run_of):
    return run_of()


def with_linear(run, encoder, untrained, raw, images=10_000):
    """The run with other accuracies of the linear probe, by seed."""

    def table(values):
        [one, *_] = run.evaluations["encoder"].values()
        return {
            seed: one.model_copy(update={"seed": seed, "test": {"linear": value}}) for seed, value in values.items()
        }

    evaluations = {"encoder": table(encoder), "untrained": table(untrained), "raw_pixels": table({None: raw})}
    return replace(run, evaluations=evaluations, card=run.card.model_copy(update={"test": Amount(images=images)}))


def test_difference_pairs_the_seeds(run):
    other = with_linear(run, {0: 0.9, 1: 0.8, 2: 0.86}, {0: 0.5, 1: 0.45, 2: 0.4}, 0.85)
    paired = np.array([0.9 - 0.5, 0.8 - 0.45, 0.86 - 0.4])
    found = measured_gap(other, "linear", "untrained")
    assert (found.mean, found.std) == (pytest.approx(paired.mean()), pytest.approx(paired.std(ddof=1)))
    assert (found.ahead, found.n) == (3, 3)
    assert measured_gap(other, "linear", "raw_pixels").ahead == 2


def test_margin_is_two_standard_errors(run):
    other = with_linear(run, {0: 0.9, 1: 0.88}, {0: 0.5}, 0.85, images=400)
    found = measured_gap(other, "linear", "raw_pixels")
    p, q, s = 0.89, 0.85, np.std([0.05, 0.03], ddof=1)
    assert found.margin == pytest.approx(2 * np.sqrt(p * (1 - p) / 400 + q * (1 - q) / 400 + s**2 / 2))
    assert found.sign == 0  # four points are nothing on 400 images


def test_margin_against_simulation(run):
    """Two equally good classifiers differ by more than the margin in about 5 % of test sets."""
    rng = np.random.default_rng(0)
    signs = []
    for _ in range(1000):
        encoder, raw = rng.binomial(500, 0.8, 2) / 500
        signs.append(
            measured_gap(with_linear(run, {0: encoder}, {0: 0.5}, raw, images=500), "linear", "raw_pixels").sign
        )
    assert 0.02 < np.mean(np.abs(signs)) < 0.08


def test_failed_accuracies_have_no_difference(run):
    assert measured_gap(with_linear(run, {0: None}, {0: 0.5}, 0.8), "linear", "raw_pixels") is None
    assert measured_gap(with_linear(run, {0: float("nan")}, {0: 0.5}, 0.8), "linear", "raw_pixels") is None


def test_rows_of_the_table(run):
    rows = {row["key"]: row["cells"] for row in summary_rows(run)}
    assert list(rows) == ["encoder", "untrained", "raw_pixels", "pca_pixels"]
    assert [round(cell["gain"], 6) for cell in rows["encoder"]] == [0.2, 0.02, 0.05, -0.05]
    assert [cell["gain"] for cell in rows["raw_pixels"]] == [None] * 4
    assert rows["encoder"][0]["value"]["n"] == 2


def test_few_labels_are_among_the_measures_but_not_after_each_round(run):
    assert [measure.key for measure in measures(run)] == ["linear", "linear_10pct", "knn200", "knn20"]
    assert [measure.key for measure in measures_by_round(run)] == ["linear", "knn200", "knn20"]


def test_marks_lie_on_the_axis(run):
    drawn = strips(run)
    marks = [mark for row in drawn["rows"] for mark in row["marks"]]
    assert len(marks) == 16
    assert all(0 <= mark["from"] <= mark["at"] <= mark["to"] <= 100 for mark in marks)
    low, high = drawn["ticks"][0], drawn["ticks"][-1]
    per_share = (high["at"] - low["at"]) / (high["value"] - low["value"])
    for mark in marks:
        assert mark["at"] == pytest.approx(low["at"] + per_share * (mark["mean"] - low["value"]), abs=0.02)


def test_geometry_only_where_it_was_measured(run):
    found = geometry(run)
    assert [column["name"] for column in found["columns"]] == ["Alignment", "Uniformity"]
    assert [row["name"] for row in found["rows"]] == ["Encoder", "Untrained encoder"]
    assert [cell["mean"] for cell in found["rows"][0]["cells"]] == [0.3, -2.0]
    assert geometry(replace(run, metrics={})) is None


def test_rounds_without_mining_before_them_have_no_false_negatives(run, run_of):
    found = rounds(run)
    names, cells = zip(*((row["name"], row["cells"]) for row in found["rows"]), strict=True)
    assert names == ("Before mining", "Round 1", "Round 2") and found["last"] == 2
    assert [column["name"] for column in found["columns"][:4]] == ["Linear probe", "200-NN", "20-NN", "False negatives"]
    assert [row[0]["mean"] for row in cells] == pytest.approx([0.8, 0.81, 0.82])
    assert cells[0][3:] == [None] * 3 and cells[2][3]["mean"] == pytest.approx(0.323)
    assert cells[0][2] is None  # not measured
    assert rounds(run_of(classes=[])) is rounds(run_of(rounds=0)) is None


def test_supervised_training_has_a_row_where_it_was_measured(run_of):
    rows = {row["key"]: row["cells"] for row in summary_rows(run_of(measured=["supervised"]))}
    assert list(rows) == ["encoder", "untrained", "raw_pixels", "pca_pixels", "supervised"]
    assert rows["supervised"][0]["value"]["n"] == 2
