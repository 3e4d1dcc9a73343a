import numpy as np
import pytest

from contraflow.evaluation.over_seeds import same_class_share, summarise_evaluations, summarise_rounds
from contraflow.statistics import spread


@pytest.fixture
def evaluation(evaluation_of):
    def make(representation, seed, test, validation, alignment=0.5, uniformity=-2.0, intervals=None, ece=None):
        of = {"representation": representation, "seed": seed, "test": test, "validation": validation}
        shape = {"alignment": alignment, "uniformity": uniformity}
        return evaluation_of(**of, **shape, intervals=intervals or {}, calibration=ece and {"ece": ece, "bins": []})

    return make


def test_figures_go_by_representation_and_split(evaluation):
    summary = summarise_evaluations(
        [
            evaluation("raw_pixels", None, {"linear": 0.8}, {"linear": 0.7}),
            evaluation("encoder", 0, {"linear": 0.8}, {"linear": 0.6}, alignment=0.1),
            evaluation("encoder", 1, {"linear": 0.9}, {"linear": 0.7}, alignment=0.3),
        ]
    )
    assert set(summary) == {"raw_pixels", "encoder", "validation"}
    assert summary["encoder"]["linear"]["mean"] == pytest.approx(0.85)
    assert summary["encoder"]["alignment"]["mean"] == pytest.approx(0.2)
    assert summary["raw_pixels"]["linear"] == {"mean": 0.8, "std": 0.0, "n": 1}
    assert summary["validation"]["encoder"] == {"linear": spread([0.6, 0.7])}


def test_intervals_and_calibration_are_means_over_seeds(evaluation):
    summary = summarise_evaluations(
        [
            evaluation("encoder", 0, {"linear": 0.8}, {}, intervals={"linear": [0.7, 0.9]}, ece=0.1),
            evaluation("encoder", 1, {"linear": 0.9}, {}, intervals={"linear": [0.8, 0.96]}, ece=0.2),
        ]
    )
    assert summary["encoder"]["linear"] == spread([0.8, 0.9]) | {"low": 0.75, "high": pytest.approx(0.93)}
    assert summary["encoder"]["ece"] == spread([0.1, 0.2])


def test_chance_stands_once_and_exactly(evaluation_of):
    same = {"test": {"recall@1": 0.5}, "validation": {}, "chance": {"recall@1": 0.1, "mrr": 0.2}}
    found = summarise_evaluations(evaluation_of(representation="encoder", seed=seed, **same) for seed in (0, 1))
    assert found["chance"] == {"recall@1": spread([0.1]), "mrr": spread([0.2])}


def test_unlabelled_leaves_label_figures_out(evaluation):
    summary = summarise_evaluations([evaluation("encoder", 0, {}, {}, uniformity=None)])
    assert summary == {"encoder": {"alignment": spread([0.5])}}


def test_share_of_own_class():
    labels = np.array([0, 0, 1, 1])
    assert same_class_share(np.array([0, 2]), np.array([[1, 2], [0, 1]]), labels) == 0.25
    labels = np.array([4, -1, 4, 5, -1])
    assert same_class_share(np.array([0, 1]), np.array([[1, 2, 3], [4, 0, 2]]), labels) == 0.5
    assert same_class_share(np.array([1]), np.array([[4, 0]]), labels) == 0


def test_rounds_are_in_order_and_hold_what_was_measured_in_each():
    measured = [(1, {"linear": 0.8, "share": 0.5}), (0, {"linear": 0.5}), (1, {"linear": 0.6})]
    assert summarise_rounds(measured) == [
        {"round": 0, "linear": spread([0.5])},
        {"round": 1, "linear": spread([0.8, 0.6]), "share": spread([0.5])},
    ]
