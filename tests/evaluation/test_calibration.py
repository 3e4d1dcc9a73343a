import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.evaluation.calibration import calibration_error, reliability
from contraflow.evaluation.results import Bin


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
def test_equals_the_definition(images):
    confidence, correct = (np.array(column) for column in zip(*images, strict=True))
    bins = reliability(confidence, correct)
    assert sum(b.images for b in bins) == len(images)
    assert calibration_error(bins) == pytest.approx(slow(confidence, correct), abs=1e-9)


def test_who_is_as_sure_as_right_has_no_error():
    confidence = np.full(1000, 0.75)
    assert calibration_error(reliability(confidence, np.arange(1000) % 4 > 0)) == pytest.approx(0)
    assert calibration_error(reliability(confidence, np.arange(1000) % 4 == 0)) == pytest.approx(0.5)


def test_bins_are_closed_at_their_upper_end():
    bins = reliability(np.array([1 / 15, 0.2, 1.0]), np.array([True, False, True]))
    assert [i for i, b in enumerate(bins) if b.images] == [0, 2, 14]
    assert bins[14] == Bin(images=1, confidence=1.0, accuracy=1.0)
    assert bins[5] == Bin(images=0, confidence=0.0, accuracy=0.0)
