import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.splits import Draw, draw_validation, generator
from contraflow.foundations.shares import held_out


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


@given(
    labels=st.lists(st.integers(0, 9), min_size=2, max_size=200).filter(lambda labels: len(set(labels)) > 1),
    fraction=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**64 - 1),
)
def test_validation_by_class_is_whole_classes_of_about_the_share(labels, fraction, seed):
    classes = np.array(labels)
    candidates = np.arange(len(classes)) * 2
    drawn = draw_validation(candidates, fraction=fraction, seed=seed, classes=classes)
    assert drawn.dtype == np.int64
    assert (np.diff(drawn) > 0).all()
    held_out = np.isin(candidates, drawn)
    assert set(classes[held_out]) | set(classes[~held_out]) == set(labels)
    assert not set(classes[held_out]) & set(classes[~held_out])
    assert 0 < len(drawn) < len(candidates)
    assert len(drawn) <= fraction * len(candidates) + max(np.bincount(classes)) + 1
    assert (drawn == draw_validation(candidates, fraction=fraction, seed=seed, classes=classes)).all()


@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=40),
    fraction=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**64 - 1),
)
def test_validation_by_group_is_whole_groups_and_as_near_to_the_share_as_those_left_allow(sizes, fraction, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    candidates = np.arange(len(groups)) * 2
    drawn = draw_validation(candidates, fraction=fraction, seed=seed, groups=groups)
    assert drawn.dtype == np.int64
    assert (np.diff(drawn) > 0).all()
    chosen = set(groups[drawn // 2])
    assert len(drawn) == sum(sizes[group] for group in chosen)
    assert 1 <= len(chosen) <= len(sizes) - 2
    wanted, left = held_out(len(groups), fraction), [size for i, size in enumerate(sizes) if i not in chosen]
    if len(chosen) < len(sizes) - 2:  # one more, or the last one less, would come no nearer
        assert abs(len(drawn) - wanted) <= abs(len(drawn) + min(left) - wanted)
    assert len(drawn) - wanted < max(sizes)
    assert (drawn == draw_validation(candidates, fraction=fraction, seed=seed, groups=groups)).all()


@given(n=st.integers(4, 300), fraction=st.floats(0.001, 0.9), seed=st.integers(0, 2**64 - 1))
def test_groups_of_one_image_change_nothing(n, fraction, seed):
    how = {"fraction": fraction, "seed": seed}
    alone = draw_validation(np.arange(n), **how)
    assert (draw_validation(np.arange(n), groups=np.arange(n), **how) == alone).all()


def test_purposes_and_seeds_have_streams_of_their_own():
    streams = {tuple(generator(seed, draw).integers(0, 2**32, 4)) for seed in range(3) for draw in Draw}
    assert len(streams) == 9
