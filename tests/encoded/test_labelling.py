import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.splits import draw_labelled


@given(fraction=st.floats(0.001, 1), seed=st.integers(0, 9))
def test_of_each_class_the_share_is_kept_and_of_no_other_image(fraction, seed):
    labels = np.arange(100) % 7
    indices = np.arange(0, 100, 2)
    kept = draw_labelled(labels, indices, fraction=fraction, seed=seed)
    shown = np.flatnonzero(kept >= 0)
    assert np.isin(shown, indices).all() and (kept[shown] == labels[shown]).all()
    for label in range(7):
        members = (labels[indices] == label).sum()
        assert (kept == label).sum() == np.ceil(fraction * members)
    assert np.array_equal(kept, draw_labelled(labels, indices, fraction=fraction, seed=seed))


def test_another_seed_draws_other_images():
    labels, indices = np.zeros(100, np.int64), np.arange(100)
    first, second = (draw_labelled(labels, indices, fraction=0.3, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first, second)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(first, labels)
