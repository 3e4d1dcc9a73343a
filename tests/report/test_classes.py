import numpy as np
import pytest

from contraflow.report.classes import CHANGES, confusion_changes


def test_the_pairs_that_changed_most_come_first(run_of):
    """In both seeds one more of ten coats is taken for a bag in each of two rounds; nothing else changes."""
    assert confusion_changes(run_of()) == [
        {"actual": "Coat", "predicted": "Bag", "before": 0, "after": pytest.approx(0.2)}
    ]
    run = run_of(classes=[f"class {i}" for i in range(9)])
    last = run.confusions[2]
    last[3, 4:6] += [40, 20]
    found = confusion_changes(run)
    changes = [abs(pair["after"] - pair["before"]) for pair in found]
    assert changes == sorted(changes, reverse=True) and len(found) <= CHANGES
    assert (found[0]["actual"], found[0]["predicted"]) == ("class 3", "class 4")
    assert all(pair["actual"] != pair["predicted"] for pair in found)
    np.testing.assert_allclose([found[0]["before"], found[0]["after"]], [0, 40 / 80])


def test_there_are_none_without_labels_or_mining(run_of):
    assert confusion_changes(run_of(classes=[])) == confusion_changes(run_of(rounds=0)) == []
