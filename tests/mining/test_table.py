import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.mining.table import order_with_negatives


def table(n, k, seed):
    rng = np.random.default_rng(seed)
    anchor = np.sort(rng.choice(3 * n, n, replace=False))
    negative = np.array([rng.choice(np.delete(anchor, i), k, replace=False) for i in range(n)])
    return anchor, negative


@given(n=st.integers(2, 40), k=st.integers(1, 5), seed=st.integers(0, 1000), epoch=st.integers(0, 5))
@settings(deadline=None)
def test_every_image_once_and_a_function_of_seed_and_epoch(n, k, seed, epoch):
    anchor, negative = table(n, min(k, n - 1), seed)
    order = order_with_negatives(anchor, negative, seed=seed, epoch=epoch)
    assert np.array_equal(np.sort(order), anchor)
    assert np.array_equal(order, order_with_negatives(anchor, negative, seed=seed, epoch=epoch))


def test_the_first_anchor_is_followed_by_all_its_negatives():
    anchor, negative = table(50, 4, 0)
    order = order_with_negatives(anchor, negative, seed=1, epoch=0)
    first = np.flatnonzero(anchor == order[0])[0]
    assert order[1:5].tolist() == negative[first].tolist()


def test_anchors_meet_more_of_their_negatives_than_by_chance():
    anchor, negative = table(600, 4, 0)

    def met(order):
        batch_of = dict(zip(order.tolist(), np.arange(len(order)) // 30, strict=True))
        return np.mean(
            [batch_of[a] == batch_of[b] for a, row in zip(anchor.tolist(), negative.tolist(), strict=True) for b in row]
        )

    by_chance = met(np.random.default_rng(0).permutation(anchor))
    assert met(order_with_negatives(anchor, negative, seed=0, epoch=0)) > 3 * by_chance
