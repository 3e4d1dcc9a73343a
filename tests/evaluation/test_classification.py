import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from contraflow.evaluation.classification import confusion_matrix, per_class
from contraflow.evaluation.results import ClassFigures

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
