from dataclasses import replace

import numpy as np
import pytest

from contraflow.evaluation.hits import Hits
from contraflow.report.summary import (
    accuracies,
    extra_tables,
    geometry,
    measured_gap,
    measures_by_round,
    mining_gap,
    rounds,
    strips,
    summary_rows,
    whole_protocol,
)
from contraflow.statistics import difference


@pytest.fixture(scope="module")
def run(run_of):
    return run_of()


def with_linear(run, **named):
    """The run with other hits of the linear probe, by representation and seed: (N,) each."""
    [one, *_] = run.evaluations["encoder"].values()
    evaluations = {
        name: {seed: one.model_copy(update={"right": {"linear": Hits.of(hits)}}) for seed, hits in by_seed.items()}
        for name, by_seed in named.items()
    }
    return replace(run, evaluations=evaluations)


def test_gap_is_the_difference_image_by_image_and_seed_by_seed(run):
    random = np.random.default_rng(0)
    encoder, untrained = ({seed: random.random(500) < share for seed in (3, 5, 7)} for share in (0.9, 0.5))
    raw = {None: random.random(500) < 0.85}
    other = with_linear(run, encoder=encoder, untrained=untrained, raw_pixels=raw)
    found = measured_gap(other, "linear", "untrained")
    assert found == difference(encoder, untrained)
    assert (found.ahead, found.each[1]) == (3, pytest.approx(encoder[5].mean() - untrained[5].mean()))
    assert measured_gap(other, "linear", "raw_pixels") == difference(encoder, dict.fromkeys(encoder, raw[None]))


def test_mining_is_judged_on_the_images_of_the_rounds(run):
    random = np.random.default_rng(0)
    probed = {number: {seed: random.random(300) < 0.8 for seed in (3, 5)} for number in range(3)}
    assert mining_gap(replace(run, probed=probed)) == difference(probed[2], probed[0])
    assert mining_gap(replace(run, probed={})) is None
    assert mining_gap(run).mean == pytest.approx(0.02)


def test_rows_of_the_table(run):
    rows = {row["key"]: row["cells"] for row in summary_rows(run)}
    assert list(rows) == ["encoder", "untrained", "raw_pixels", "pca_pixels"]
    assert [round(cell["gain"], 6) for cell in rows["encoder"]] == [0.2, 0.02, 0.05, -0.05]
    assert [cell["gain"] for cell in rows["raw_pixels"]] == [None] * 4
    assert rows["encoder"][0]["value"]["n"] == 2


def test_few_labels_are_among_the_measures_but_not_after_each_round(run):
    assert [measure.key for measure in accuracies(run)] == ["linear", "linear_10pct", "knn200", "knn20"]
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


def test_control_and_supervised_training_have_rows_where_they_were_measured(run_of):
    rows = {row["key"]: row["cells"] for row in summary_rows(run_of(measured=["control", "supervised"]))}
    assert list(rows) == ["encoder", "control", "untrained", "raw_pixels", "pca_pixels", "supervised"]
    assert rows["control"][0]["value"]["n"] == rows["supervised"][0]["value"]["n"] == 2


def test_with_weights_the_untrained_row_is_called_as_it_came(run):
    model = run.params.model.model_copy(update={"weights": "data/weights.pth"})
    came = replace(run, params=run.params.model_copy(update={"model": model}))
    assert [row["name"] for row in summary_rows(came) if row["key"] == "untrained"] == ["As it came"]
    assert "As it came" in whole_protocol(came) and "Untrained encoder" not in whole_protocol(came)
    assert [row["name"] for row in geometry(came)["rows"]] == ["Encoder", "As it came"]


def test_what_is_fine_tuned_is_called_by_what_it_starts_from(run_of):
    run = run_of(measured=["fine_tune"])

    def called(run):
        (table,) = extra_tables(run)
        return [row["name"] for row in table["rows"]]

    model = run.params.model.model_copy(update={"weights": "data/weights.pth"})
    came = replace(run, params=run.params.model_copy(update={"model": model}))
    assert called(run) == ["Encoder, fine-tuned", "Untrained encoder, fine-tuned"]
    assert called(came) == ["Encoder, fine-tuned", "As it came, fine-tuned"]
