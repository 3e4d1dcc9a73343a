"""The comparison's page as text, and what its verdict says."""

import html
import re

import numpy as np
import pytest

from contraflow.baseline.differences import parameters
from contraflow.baseline.measures import measures
from contraflow.compare.differences import code_changes
from contraflow.compare.page import render
from contraflow.compare.results import rows, strips
from contraflow.compare.verdict import judge
from contraflow.evaluation.hits import Hits
from contraflow.pages.numbers import MISSING

BASE = {0: 0.80, 1: 0.81, 2: 0.79}
BETTER = {0: 0.851, 1: 0.860, 2: 0.839}
NOISY = {0: 0.70, 1: 0.93, 2: 0.80}
NASTY = "<script>alert(1)</script>"


def test_beyond_noise(experiment_of):
    found = judge([experiment_of("main", linear=BASE), experiment_of("colder", linear=BETTER)])
    assert (found.level, found.badge) == ("good", "Beyond noise")
    assert found.sentence.startswith("colder is best by the linear probe, as chosen on the validation images: 85.00")
    assert "on the test images, 5.00 points more than the baseline main" in found.sentence
    assert "beyond noise (95\u202f% interval +4." in found.sentence


def test_within_noise(experiment_of):
    found = judge([experiment_of("main", linear=BASE), experiment_of("colder", linear=NOISY)])
    assert found.level == "unclear" and "which is within noise" in found.sentence
    assert any("3\u00a0seeds" in note and "dvc exp run -S seeds=[0,1,2,3,4]" in note for note in found.notes)


def test_the_baseline_stays(experiment_of):
    found = judge([experiment_of("main", linear=BETTER), experiment_of("colder", linear=BASE)])
    assert (found.level, found.badge) == ("good", "Baseline stays")
    assert found.sentence.startswith("The baseline main is best") and "5.00 points less" in found.sentence


def test_the_best_is_chosen_on_the_validation_images(experiment_of):
    """And where the test images contradict, the verdict says so."""
    lucky = experiment_of("lucky", linear=BASE, validation=0.1)
    found = judge([experiment_of("main", linear=BETTER), lucky])
    assert found.sentence.startswith("lucky is best") and "less than the baseline" in found.sentence
    assert found.badge == "Contradictory"


def test_other_images_are_noise_as_other_seeds_are(experiment_of):
    """The same accuracies, but on a few images, of which each run finds others easy."""
    runs = [experiment_of("main", linear=BASE), experiment_of("colder", linear=BETTER)]
    random = np.random.default_rng(0)
    for run in runs:
        ease = random.permutation(200) / 200
        for content in run.evaluations.values():
            content.right["linear"] = Hits.of(ease < content.test["linear"])
    found = judge(runs)
    assert found.badge == "Within noise" and "5.17 points more" in found.sentence
    assert not any("held fixed" in note for note in found.notes)


def test_a_run_that_did_not_record_what_was_right_holds_the_images_fixed(experiment_of):
    runs = [experiment_of("main", linear=BASE), experiment_of("old", linear=BETTER)]
    for content in runs[1].evaluations.values():
        content.right.clear()
    found = judge(runs)
    assert found.badge == "Beyond noise"
    assert any("not recorded of old: they are held fixed" in note for note in found.notes)


def test_on_other_test_images_nothing_is_judged(experiment_of):
    found = judge([experiment_of("main", linear=BASE), experiment_of("colder", linear=BETTER, test_images="x")])
    assert found.badge == "Not shown" and "other test images, so nothing can be said about noise" in found.sentence


def test_one_seed(experiment_of):
    found = judge([experiment_of("main", linear={0: 0.8}), experiment_of("colder", linear={0: 0.9})])
    assert "one seed only, so nothing can be said" in found.sentence and found.badge == "Not shown"


def test_other_numbers_of_seeds_are_compared_by_welch(experiment_of):
    runs = [experiment_of("main", linear=BASE), experiment_of("more", linear={7: 0.9, 8: 0.91, 9: 0.9, 10: 0.92})]
    assert judge(runs).badge == "Beyond noise"
    own = rows(runs)[1]["cells"][0]
    assert own["n"] == 4 and own["change"].mean == "+10.75" and own["change"].judgement == "beyond noise"


def test_unlabelled(experiment_of):
    runs = [experiment_of(name, labelled=False) for name in ("main", "other")]
    assert judge(runs).level == "unlabelled"
    assert [measure.key for measure in measures(runs)] == ["alignment", "uniformity"]
    text = render(runs)
    assert "carry no labels" in text and "Linear probe<small>" not in text


def test_correlations_below_zero_stay_on_their_axis_which_says_what_they_are(experiment_of):
    runs = [experiment_of(name, labelled=False) for name in ("main", "other")]
    for run, value in zip(runs, (-0.2, 0.1), strict=True):
        for seed, content in run.evaluations.items():
            content.test["spearman"] = value + seed / 100
    found = strips(runs)
    assert all(0 <= dot <= 100 for row in found["rows"] for dot in [*row["dots"], row["mean"]])
    assert found["rows"][0]["mean"] < found["rows"][1]["mean"]
    assert all(0 <= tick["at"] <= 100 for tick in found["ticks"]) and found["ticks"][0]["text"] == "\u221220"
    assert {tick["text"] for tick in found["ticks"]} >= {"0", "10"}
    for run, value in zip(runs, (-0.9, 0.9), strict=True):
        for content in run.evaluations.values():
            content.test["spearman"] = value
    assert [tick["text"] for tick in strips(runs)["ticks"]] == ["\u221250", "0", "50", "100"]
    text = render(runs)
    assert "Spearman, times 100, pairs of eval.sts: a dot a seed" in text and "on the test images, %" not in text
    assert not any("named rightly" in note for note in judge(runs).notes)


def test_the_axis_says_what_accuracies_are_of(experiment_of):
    assert (
        strips([experiment_of(name) for name in "ab"])["title"] == "Accuracy of the linear probe on the test images, %"
    )


def test_a_failed_run_is_named_and_left_aside(experiment_of):
    failed = experiment_of("hot", linear={0: None, 1: 0.99, 2: 0.99}, loss=float("nan"))
    runs = [experiment_of("main", linear=BASE), failed, experiment_of("colder", linear=BETTER)]
    found = judge(runs)
    assert found.sentence.startswith("colder is best")
    assert found.notes[0].startswith("hot failed, no number: linear of seed 0, the training loss of seed 0")
    assert rows(runs)[1]["cells"][0]["value"] == MISSING
    assert "nan" not in re.sub(r"<(style|script)>.*?</\1>", "", render(runs), flags=re.DOTALL).lower()


@pytest.mark.parametrize(
    ("first", "says"), [("bad", "the baseline hot is not"), ("good", "main could be measured: 80")]
)
def test_where_only_one_of_two_ran_well(experiment_of, first, says):
    runs = [experiment_of("main", linear=BASE), experiment_of("hot", linear={0: None, 1: None})]
    assert says in judge(runs[::-1] if first == "bad" else runs).sentence


def test_all_failed(experiment_of):
    runs = [experiment_of(name, linear={0: None}, loss=float("nan")) for name in ("main", "hot")]
    assert judge(runs).level == "failed"
    assert "No loss of these runs is a number" in render(runs)


def test_notes(experiment_of):
    base = experiment_of("main", linear=BASE)
    other = experiment_of("other", linear=BETTER, test_images="x", evaluated="f", params={"eval.knn": []})
    fallen = experiment_of("fallen", linear=BASE, collapse="the loss fell and rank from 9 to 1")
    notes = " ".join(judge([base, other, fallen]).notes)
    assert "other was measured on other test images and with other eval.knn" in notes
    assert "fallen collapsed: seed 0, seed 1 and seed 2; in epoch 3 of seed 0 the loss fell" in notes
    assert "fallen has the very results of the baseline" in notes
    assert "other has" not in notes


def test_only_parameters_that_differ_are_shown(experiment_of):
    runs = [experiment_of("main"), experiment_of("colder", params={"loss.tau": 0.1, "loss.new": None})]
    found = {row["name"]: [(cell["text"], cell["other"]) for cell in row["cells"]] for row in parameters(runs)}
    assert found == {"loss.tau": [("0.2", False), ("0.1", True)], "loss.new": [(MISSING, False), ("null", True)]}


def test_modules_that_differ_are_named_with_their_stages(experiment_of):
    [found] = code_changes([experiment_of("main"), experiment_of("same"), experiment_of("edited", code="2" * 32)])
    assert found == {
        "name": "edited",
        "changes": [{"module": "losses/ntxent.py", "how": "changed", "stages": ["pretrain"]}],
    }


def test_names_are_escaped_and_nothing_is_fetched(experiment_of):
    runs = [experiment_of(NASTY), experiment_of('a"b', linear=BETTER, collapse=NASTY, params={NASTY: NASTY}, code="2")]
    text = render(runs)
    assert NASTY not in text and html.escape(NASTY) in text
    assert {address[:5] for address in re.findall(r'(?:src|href)="([^"]*)"', text)} <= {
        *("data:", "#verd", "#resu", "#diff", "#trai", "#nois", "#agai", "#loss", "#diag"),
    }
    ids = re.findall(r'<[a-z][^>]*? id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_equal_runs_give_equal_bytes(experiment_of):
    pages = [render([experiment_of("main"), experiment_of("other", linear=BETTER)]) for _ in range(2)]
    assert pages[0] == pages[1]


def test_many_runs(experiment_of):
    text = render([experiment_of(f"run {number}", linear=BASE, epochs=number + 1) for number in range(23)])
    assert "run 22" in text and len(text) < 2e6
    assert "widened so that all of a column hold at once" in text
