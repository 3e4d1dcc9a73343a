import numpy as np
import pytest

from contraflow.errors import UserError
from contraflow.mining.neighbours import nearest
from contraflow.mining.policies import hardest

FEATURES = np.random.default_rng(3).normal(size=(40, 6)).astype(np.float32)


def test_hardest_keeps_the_next_after_the_suspected():
    found = hardest(FEATURES, k=3, false_negatives=0.1, threads=1)
    neighbour, similarity = nearest(FEATURES, 7, threads=1)
    assert found.left_out == 4
    assert np.array_equal(found.negative, neighbour[:, 4:7]) and np.array_equal(found.similarity, similarity[:, 4:7])
    assert found.rank.tolist() == [[5, 6, 7]] * 40


def test_nothing_left_out_keeps_the_nearest():
    assert np.array_equal(hardest(FEATURES, k=2, false_negatives=0, threads=1).negative, nearest(FEATURES, 2, 1)[0])


def test_more_than_there_are_is_refused_with_the_number_that_fits():
    hardest(FEATURES, k=35, false_negatives=0.1, threads=1)
    with pytest.raises(UserError, match=r"mining\.k must be at most 35 here, got 36"):
        hardest(FEATURES, k=36, false_negatives=0.1, threads=1)
