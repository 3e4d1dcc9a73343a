"""What is written about evaluations comes back as it was, and nothing else is taken for it."""

import json

import pytest

from contraflow.evaluation.hits import Hits
from contraflow.evaluation.results import ByRound, Evaluation, Extra, Images, RoundFigures
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance

MADE_FROM = Provenance(step="evaluate", code="c" * 64, inputs={"data": "d" * 64})


@pytest.fixture
def results(evaluation_of):
    """One of every kind, with all that it may have and with as little as it may."""
    fit = {"weight_decay": 0.1, "iterations": 7, "converged": True}
    names = {"representation": "encoder", "seed": 3, "provenance": MADE_FROM}
    extra = {"kind": "transfer", "figures": {"jpeg": {"1": {"knn5": 0.5}}}, "protocol": {"knn": "k = 5"}}
    hits = Hits.of([True, False])
    rounds = [
        RoundFigures(round=0, linear=0.5, right=hits, confusion=[[1, 0], [1, 0]], knn5=0.25),
        RoundFigures(round=1),
    ]
    return [
        evaluation_of(
            provenance=MADE_FROM,
            test={"linear": 0.5, "knn5": None},
            right={"linear": hits},
            per_class=[{"class": "a", "precision": 1.0, "recall": 0.5, "f1": 0.7, "images": 2}],
            probe=fit,
            probe_sweep=[fit | {"validation_accuracy": 0.4}],
            few_labels={"linear_1pct": {"images": 2, "weight_decays": [0.1], "converged": False}},
            calibration={"ece": 0.1, "bins": [{"images": 2, "confidence": 0.6, "accuracy": 0.5}]},
        ),
        evaluation_of(provenance=MADE_FROM, seed=None, uniformity=None),
        Extra(**names, **extra, validation={"knn5": 0.5}),
        Extra(**names, **extra),
        ByRound(**names, images=Images(learned=8, held_out=2), rounds=rounds),
    ]


def test_what_is_read_is_what_was_written(tmp_path, results):
    path = tmp_path / "result.json"
    for result in results:
        result.write(path)
        before, found = path.read_bytes(), type(result).read(path, data="d" * 64)
        assert found == result
        found.write(path)
        assert path.read_bytes() == before


def test_files_have_the_keys_in_the_order_of_the_fields_and_none_that_was_not_given(results):
    labelled, unlabelled, validated, extra, by_round = (list(result.content()) for result in results)
    assert labelled == list(Evaluation.model_fields)
    assert [name for name in labelled if name not in unlabelled] == ["probe"]
    assert validated == ["kind", "representation", "seed", "figures", "validation", "protocol", "provenance"]
    assert [name for name in validated if name not in extra] == ["validation"]
    assert by_round == ["representation", "seed", "images", "rounds", "provenance"]
    first, second = results[-1].content()["rounds"]
    assert list(first) == ["round", "linear", "right", "confusion", "knn5"] and second == {"round": 1}
    assert results[0].content()["per_class"][0]["class"] == "a"


def test_accuracies_of_a_round_are_all_but_its_number_and_what_is_of_each_image(results):
    assert [each.accuracies for each in results[-1].rounds] == [{"linear": 0.5, "knn5": 0.25}, {}]


@pytest.mark.parametrize("change", [{"more": 1}, {"dimension": "16"}, {"test": {"linear": "0.5"}}, {"calibration": []}])
def test_a_file_of_another_version_is_refused(tmp_path, results, change):
    path = tmp_path / "encoder-seed0.json"
    path.write_text(json.dumps(results[0].content() | change))
    with pytest.raises(UserError, match=r"encoder-seed0\.json is damaged, or of another version: delete it and run"):
        Evaluation.read(path, data="d" * 64)


def test_a_file_that_lacks_something_or_is_of_other_data_is_refused(tmp_path, results):
    path = tmp_path / "encoder-seed0.json"
    results[0].write(path)
    with pytest.raises(UserError, match=r"encoder-seed0\.json was made from another data set"):
        Evaluation.read(path, data="0" * 64)
    content = results[0].content()
    del content["protocol"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="is damaged, or of another version"):
        Evaluation.read(path, data="d" * 64)
