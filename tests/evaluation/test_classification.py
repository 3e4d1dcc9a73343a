import numpy as np

from contraflow.evaluation.classification import confusion_matrix, per_class

ACTUAL = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])


def test_confusion_counts_actual_by_row_and_has_all_classes():
    expected = [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert confusion_matrix(ACTUAL, PREDICTED, 4).tolist() == expected


def test_figures_of_each_class_by_hand():
    first, second, absent, missed = per_class(ACTUAL, PREDICTED, ["a", "b", "c", "d"])
    assert first == {"class": "a", "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "images": 3}
    assert second == {"class": "b", "precision": 2 / 3, "recall": 1.0, "f1": 0.8, "images": 2}
    assert absent == {"class": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 0}
    assert missed == {"class": "d", "precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 1}
