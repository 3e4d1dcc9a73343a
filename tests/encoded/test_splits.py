import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.splits import Draw, draw_validation, generator


@given(n=st.integers(4, 500), gap=st.integers(1, 3), fraction=st.floats(0.001, 0.999), seed=st.integers(0, 2**64 - 1))
def test_validation_is_a_share_sorted_and_without_repeats(n, gap, fraction, seed):
    candidates = np.arange(n) * gap
    drawn = draw_validation(candidates, fraction=fraction, seed=seed)
    assert drawn.dtype == np.int64
    assert 1 <= len(drawn) <= n - 2
    assert len(drawn) in (1, n - 2, round(fraction * n))
    assert (np.diff(drawn) > 0).all()
    assert set(drawn) <= set(candidates)
    assert (drawn == draw_validation(candidates, fraction=fraction, seed=seed)).all()


def test_purposes_and_seeds_have_streams_of_their_own():
    streams = {tuple(generator(seed, draw).integers(0, 2**32, 4)) for seed in range(3) for draw in Draw}
    assert len(streams) == 9
