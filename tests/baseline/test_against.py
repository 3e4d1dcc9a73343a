"""What the report's summary says of a run beside its baseline, and that it is what the comparison says."""

import pytest

from contraflow.baseline.against import MOST, against
from contraflow.compare.results import rows

BASE = {0: 0.80, 1: 0.81, 2: 0.79}
BETTER = {0: 0.851, 1: 0.860, 2: 0.839}
NOISY = {0: 0.70, 1: 0.93, 2: 0.80}


@pytest.mark.parametrize("linear", [BETTER, NOISY, BASE, {0: 0.9}, {7: 0.9, 8: 0.91, 9: 0.9}])
def test_every_change_is_that_of_the_comparison(experiment_of, linear):
    base, run = experiment_of("main", linear=BASE), experiment_of("run", linear=linear, validation=0.01)
    found = against(run, base)
    changes = [cell["change"] for cell in rows([base, run])[1]["cells"]]
    linear, validation, *accuracies, alignment, uniformity = changes
    assert list(found.accuracies.values()) == [linear, *accuracies] and len(found.accuracies) == 4
    assert found.others == {
        "Linear probe, validation images": validation,
        "Alignment": alignment,
        "Uniformity": uniformity,
    }


def test_beyond_and_within_noise(experiment_of):
    base = experiment_of("main", linear=BASE)
    better = against(experiment_of("run", linear=BETTER), base).accuracies
    assert (better["linear"].mean, better["linear"].judgement, better["linear"].sign) == ("+5.00", "beyond noise", 1)
    assert better["linear"].interval.startswith("+4.")
    assert better["knn20"].judgement == "no difference"
    noisy = against(experiment_of("run", linear=NOISY), base).accuracies["linear"]
    assert (noisy.judgement, noisy.sign) == ("within noise", 0)


def test_other_test_images_are_told_and_no_figure_is_compared(experiment_of):
    other = experiment_of("main", test_images="o" * 32, params={"data.name": "mnist"})
    found = against(experiment_of("run", params={"data.name": "cifar10"}), other)
    assert found.accuracies == found.others == {}
    assert found.remarks == [
        "It was measured on other test images, so no figure is compared.",
        "1\u00a0parameter differs: data.name cifar10 instead of mnist.",
    ]


def test_parameters_that_differ_are_named(experiment_of):
    def told(**params):
        return against(experiment_of("run", params=params), experiment_of("main", params={"gone": 1})).remarks

    assert told(gone=1) == ["Every parameter is the same."]
    assert told(**{"loss.tau": 0.1, "new": None}) == [
        "3\u00a0parameters differ: loss.tau 0.1 instead of 0.2, gone none instead of 1 and new null instead of none."
    ]
    [many] = told(**{f"p{number}": number for number in range(MOST + 2)})
    assert many.startswith(f"{MOST + 3}\u00a0parameters differ: ") and many.endswith("instead of none and 3 more.")


def test_figures_of_another_kind_are_told(experiment_of):
    found = against(experiment_of("run", params={"eval.knn": []}), experiment_of("main"))
    assert found.remarks[-1] == "It was measured with other eval.knn: its accuracies are not of the same kind."


def test_without_labels_the_shape_is_compared(experiment_of):
    found = against(experiment_of("run", labelled=False), experiment_of("main", labelled=False))
    assert found.accuracies == {} and list(found.others) == ["Alignment", "Uniformity"]


def test_a_figure_that_one_of_them_does_not_have_is_left_out(experiment_of):
    base, run = experiment_of("main"), experiment_of("run")
    for content in base.evaluations.values():
        del content.test["knn20"]
    assert list(against(run, base).accuracies) == ["linear", "linear_1pct", "knn200"]
    failed = against(experiment_of("run", linear={0: None, 1: 0.9}), experiment_of("main"))
    assert "linear" not in failed.accuracies and "knn200" in failed.accuracies
