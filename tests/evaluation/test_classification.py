import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from contraflow.evaluation.classification import calibration, confusion_matrix, per_class
from contraflow.evaluation.results import Bin, ClassFigures

ACTUAL = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])
NAMES = ["a", "b", "c", "d"]


def test_confusion_counts_actual_by_row_and_has_all_classes():
    expected = [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert confusion_matrix(ACTUAL, PREDICTED, 4).tolist() == expected


def test_figures_of_each_class_by_hand():
    first, second, absent, missed = per_class(confusion_matrix(ACTUAL, PREDICTED, 4), NAMES)
    assert first == ClassFigures(name="a", precision=2 / 3, recall=2 / 3, f1=2 / 3, images=3)
    assert second == ClassFigures(name="b", precision=2 / 3, recall=1.0, f1=0.8, images=2)
    assert absent == ClassFigures(name="c", precision=0.0, recall=0.0, f1=0.0, images=0)
    assert missed == ClassFigures(name="d", precision=0.0, recall=0.0, f1=0.0, images=1)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_equals_scikit_learn(pairs):
    actual, predicted = np.array(pairs).T
    confusion = confusion_matrix(actual, predicted, 4)
    assert np.array_equal(confusion, metrics.confusion_matrix(actual, predicted, labels=range(4)))
    expected = metrics.precision_recall_fscore_support(actual, predicted, labels=range(4), zero_division=0)
    for row, values in zip(per_class(confusion, NAMES), zip(*expected, strict=True), strict=True):
        assert [row.precision, row.recall, row.f1, row.images] == pytest.approx(values)


def slow(confidence, correct, bins=15):
    """Guo et al. 2017, equation 3, image by image."""
    error = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            sure = sum(confidence[i] for i in inside) / len(inside)
            error += len(inside) / len(confidence) * abs(accuracy - sure)
    return error


@given(st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_equals_its_definition(images):
    confidence, correct = (np.array(column) for column in zip(*images, strict=True))
    found = calibration(confidence, correct)
    assert sum(b.images for b in found.bins) == len(images)
    assert found.ece == pytest.approx(slow(confidence, correct), abs=1e-6)


def test_who_is_as_sure_as_right_has_no_error():
    confidence = np.full(1000, 0.75)
    assert calibration(confidence, np.arange(1000) % 4 > 0).ece == 0
    assert calibration(confidence, np.arange(1000) % 4 == 0).ece == 0.5


def test_bins_are_closed_at_their_upper_end():
    bins = calibration(np.array([1 / 15, 0.2, 1.0]), np.array([True, False, True])).bins
    assert [i for i, b in enumerate(bins) if b.images] == [0, 2, 14]
    assert bins[14] == Bin(images=1, confidence=1.0, accuracy=1.0)
    assert bins[5] == Bin(images=0, confidence=0.0, accuracy=0.0)
