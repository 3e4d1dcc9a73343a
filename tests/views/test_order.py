import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.views.loader import epoch_order

ONES = np.ones(100, np.int64)


def test_a_permutation_of_its_own_for_each_seed_and_epoch():
    indices = np.arange(100) * 3
    orders = {
        (seed, epoch): tuple(epoch_order(indices, ONES, seed, epoch))
        for seed in (0, 1, 2**31 - 1)
        for epoch in range(3)
    }
    assert all(sorted(order) == list(indices) for order in orders.values())
    assert len(set(orders.values())) == 9  # in FFCV itself, (seed 1, epoch 0) and (seed 0, epoch 1) are the same
    assert orders[1, 2] == tuple(epoch_order(indices, ONES, 1, 2))


def test_it_never_changes():
    """Results of old runs stay reproducible: numpy's Philox and permutation as they are."""
    assert epoch_order(np.arange(10), ONES[:10], 0, 0).tolist() == [0, 7, 8, 6, 9, 5, 1, 3, 2, 4]
    assert epoch_order(np.arange(10), ONES[:10], 7, 3).tolist() == [8, 4, 5, 3, 6, 0, 9, 7, 1, 2]
    assert epoch_order(np.arange(10), ONES[:10], 0, 0, window=4, block=2).tolist() == [2, 8, 3, 9, 4, 1, 0, 5, 6, 7]


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=200),
    window=st.integers(50, 2000),
    block=st.integers(1, 100),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=100)
def test_more_than_a_window_is_read_in_blocks_of_neighbours_a_window_at_a_time(sizes, window, block, seed):
    sizes = np.array(sizes)
    indices = np.arange(len(sizes)) * 2
    order = epoch_order(indices, sizes, seed, 0, window=window, block=block)
    assert sorted(order) == list(indices)
    if sizes.sum() <= window:
        return
    number = (np.cumsum(sizes) - sizes) // block  # of the block of each image
    held, seen = set(), {}
    for image in order // 2:
        held.add(number[image])
        seen[number[image]] = seen.get(number[image], 0) + 1
        if seen[number[image]] == (number == number[image]).sum():
            held.remove(number[image])  # read to its end
        # blocks begun and not yet ended lie in one window, or reach into the next
        assert sum(sizes[number == b].sum() for b in held) <= window + 2 * (block + 50)


def test_images_of_one_window_come_in_random_order_and_from_far_apart():
    order = epoch_order(np.arange(10_000), np.ones(10_000, np.int64), 0, 0, window=1000, block=10)
    windows = order.reshape(10, 1000)
    assert all(len(np.unique(part // 10)) == 100 for part in windows)  # whole blocks
    assert all(np.ptp(part) > 9_000 for part in windows)
    assert abs(np.corrcoef(windows[0], np.arange(1000))[0, 1]) < 0.1
