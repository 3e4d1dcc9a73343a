"""A whole pass: which negatives come out, by each way of suspecting and of choosing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.foundations.errors import UserError
from contraflow.mining import negatives
from contraflow.mining.negatives import mine_negatives, require_reach
from contraflow.mining.policies import random_others, take_highest, weighted
from contraflow.mining.search import Candidates, Search
from contraflow.neighbours.bank import unit

POLICIES = ["hardest", "semi_hard", "margin", "weighted", "random"]
SUSPICIONS = ["none", "rank", "threshold", "mutual", "views"]  # these leave no anchor short, as `relative` does
WIDE = {"band": [0.0, 1.0], "margin": [-1.0, 1.0]}  # bounds that leave all


@pytest.fixture(scope="session")
def mined(params_of):
    """`mined(features, k=3, policy="hardest")`: a pass; without a word to the contrary nobody is suspected."""

    def mine(features, *, seed=0, number=1, window=0, position=None, anchors=None, views=None, kin=None, **changes):
        changes = {
            "k": 3,
            "policy": "hardest",
            "candidates": 1000,
            "false_negatives": "none",
            "fn_share": 0.1,
        } | changes
        apart = [Kin(np.arange(len(features)) if position is None else position, window)]
        with_changes = params_of(mining=WIDE | changes).mining
        views = np.stack([unit(view) for view in (features[None] if views is None else views)], axis=1)
        views = views[slice(None) if anchors is None else list(anchors)]
        given = {"seed": seed, "number": number, "anchors": anchors, "views": views, "kin": kin}
        return mine_negatives(unit(features), apart, with_changes, **given)

    return mine


def spread(n=60, d=6, seed=3):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def cosines(features):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit @ unit.T


def slow_suspects(name, features, views, threshold=0.4, top=4, share=0.1):
    """Which others of each row are suspected, a pair at a time."""
    n, similarity = len(features), cosines(features)
    ranked = [sorted((j for j in range(n) if j != i), key=lambda j: (-similarity[i, j], j)) for i in range(n)]
    if name == "rank":
        return [set(row[: round(share * n)]) for row in ranked]
    if name == "threshold":
        return [{j for j in row if similarity[i, j] >= threshold} for i, row in enumerate(ranked)]
    if name == "mutual":
        return [{j for j in row[:top] if i in ranked[j][:top]} for i, row in enumerate(ranked)]
    if name == "views":
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        seen = views / np.linalg.norm(views, axis=2, keepdims=True)
        score = [[max(float(view[i] @ unit[j]) for view in seen) for j in range(n)] for i in range(n)]
        nearest = [sorted(row, key=lambda j: -score[i][j])[:top] for i, row in enumerate(ranked)]
        return [{j for j in row if score[i][j] >= threshold} for i, row in enumerate(nearest)]
    return [set() for _ in ranked]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", SUSPICIONS)
def test_suspects_are_left_out_and_nobody_else(mined, name, policy):
    features = spread()
    views = features + 0.3 * np.stack([spread(seed=seed) for seed in (4, 5)])
    suspects = slow_suspects(name, features, views)
    k = 60 - 1 - max(map(len, suspects))
    found = mined(features, k=k, policy=policy, false_negatives=name, fn_threshold=0.4, fn_top=4, views=views)
    assert found.suspected.tolist() == [len(row) for row in suspects]
    for i, row in enumerate(found.negative.tolist()):
        assert len(set(row) - {i}) == k and not set(row) & suspects[i]
    np.testing.assert_allclose(found.similarity, np.take_along_axis(cosines(features), found.negative, 1), atol=1e-5)
    assert (np.diff(found.similarity, axis=1) <= 0).all()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("shift", [0.0, 0.4, -2.0], ids=["views", "far views", "opposite views"])
def test_relative_to_the_positives_what_is_nearer_is_left_out_and_some_are_left_short(mined, policy, margin, shift):
    features = spread()
    views = (1 + shift) * features + 0.3 * np.stack([spread(seed=seed) for seed in (4, 5, 6)]) + abs(shift)
    unit = views / np.linalg.norm(views, axis=2, keepdims=True)
    similarity = cosines(features)
    positive = np.array(
        [
            np.mean([cosines(np.stack([f, v]))[0, 1] for v in seen])
            for f, seen in zip(features, unit.transpose(1, 0, 2), strict=True)
        ]
    )
    most = positive - np.abs(positive) * margin
    left = [{j for j in range(60) if j != i and similarity[i, j] <= most[i]} for i in range(60)]
    found = mined(features, k=40, policy=policy, false_negatives="relative", fn_margin=margin, views=views)
    np.testing.assert_allclose(found.positive, positive, atol=1e-5)
    assert found.suspected.tolist() == [59 - len(others) for others in left]
    for row, alike, rank, others in zip(found.negative.tolist(), found.similarity, found.rank, left, strict=True):
        taken = [other for other in row if other >= 0]
        assert set(taken) <= others and len(set(taken)) == min(40, len(others))
        assert row[len(taken) :] == [-1] * (40 - len(taken))
        assert np.isfinite(alike[: len(taken)]).all() and np.isnan(alike[len(taken) :]).all()
        assert (rank[len(taken) :] == 0).all()


def test_known_positives_are_those_that_count_and_views_where_there_are_none(mined):
    """Pairs, but for the last two rows, whose only positives are their views."""
    features, views = spread(), np.stack([spread(seed=4)])
    pairs = np.where(np.arange(60) < 58, np.arange(60) // 2, np.arange(60) + 100)
    found = mined(features, false_negatives="relative", kin=Kin(pairs), views=views, fn_margin=0.1)
    similarity = cosines(features)
    partners = [similarity[i, i ^ 1] for i in range(58)]
    of_views = [cosines(np.stack([features[i], views[0, i]]))[0, 1] for i in (58, 59)]
    np.testing.assert_allclose(found.positive, [*partners, *of_views], atol=1e-5)


def test_of_many_known_positives_as_many_as_asked_for_are_drawn_anew_in_each_round(mined):
    features, kin = spread(), Kin(np.arange(60) // 30)
    one, same, two = (
        mined(features, false_negatives="relative", kin=kin, number=number, fn_views=4).positive for number in (1, 1, 2)
    )
    many = mined(features, false_negatives="relative", kin=kin, fn_views=2000).positive
    similarity = cosines(features)
    of_kin = [[similarity[i, j] for j in range(60) if j != i and j // 30 == i // 30] for i in range(60)]
    assert np.array_equal(one, same) and not np.allclose(one, two)
    np.testing.assert_allclose(many, np.mean(of_kin, axis=1), atol=0.06)


def test_what_is_known_to_be_no_negative_is_counted_apart(mined):
    """Ten equal images: the window leaves out a neighbour on either side, of all that are as near."""
    found = mined(np.ones((10, 2), np.float32), window=1, candidates=9)
    assert found.known.tolist() == [1, *[2] * 8, 1]


def test_ranks_are_those_of_the_search_and_none_where_all_images_are_drawn_from(mined):
    features = spread()
    order = Search(unit(features), [Kin(np.arange(60))], count=59, exact_up_to=60).candidates(np.arange(60)).other
    for policy in POLICIES[:-1]:
        found = mined(features, policy=policy)
        np.testing.assert_array_equal(np.take_along_axis(order, found.rank - 1, 1), found.negative)
    assert (mined(features).rank == [1, 2, 3]).all()
    assert (mined(features, policy="random").rank == 0).all()


def test_bands_and_margins(mined):
    features = spread()
    found = mined(features, policy="semi_hard", band=[0.1, 0.25])
    assert sorted(np.unique(found.rank)) == list(range(7, 16))
    found = mined(features, policy="margin", margin=[0.0, 0.6])
    assert 0 <= found.similarity.min() < 0.1 and 0.5 < found.similarity.max() <= 0.6


def test_weighted_draws_are_in_proportion_to_the_weights():
    """One of two others, of 20,000 anchors: the share of the nearer is exp(s / tau) over the sum of both."""
    n = 20_000
    near_and_far = Candidates(np.arange(n), np.tile([1, 2], (n, 1)), np.tile(np.float32([0.9, 0.6]), (n, 1)))
    noise = np.random.default_rng(0).random((n, 2))
    first = take_highest(weighted(near_and_far, noise, 0.5), 1) == 0
    expected = np.exp(0.9 / 0.5) / (np.exp(0.9 / 0.5) + np.exp(0.6 / 0.5))
    assert first.mean() == pytest.approx(expected, abs=0.0105)  # three standard errors


def test_random_others_are_all_as_likely():
    """Two others of the fifth of nine images, 400 times: neither itself, its window nor the suspected last one."""
    anchors = 400
    near = Candidates(np.full(anchors, 4), np.tile([8, 7], (anchors, 1)), np.ones((anchors, 2), np.float32))
    suspected = np.tile([True, False], (anchors, 1))
    draws = np.random.default_rng(0).spawn(anchors)
    found = random_others(near, suspected, 2, apart=[Kin(np.arange(9), 1)], draws=draws)
    counts = np.bincount(found.ravel(), minlength=9)
    assert counts[[3, 4, 5, 8]].sum() == 0 and counts.sum() == 2 * anchors
    assert (((counts[[0, 1, 2, 6, 7]] - 160) ** 2) / 160).sum() < 18.5  # chi squared, 4 degrees of freedom, p = 0.001


@pytest.mark.parametrize("policy", ["semi_hard", "margin", "weighted", "random"])
def test_draws_depend_on_seed_round_and_image(mined, policy):
    features = spread()
    first = mined(features, policy=policy)
    for changes in ({"seed": 1}, {"number": 2}):
        assert not np.array_equal(mined(features, policy=policy, **changes).negative, first.negative)
    assert len({tuple(row) for row in mined(np.ones((60, 2)), policy=policy).negative.tolist()}) > 50


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", [*SUSPICIONS, "relative"])
def test_neither_the_anchors_taken_together_nor_the_memory_change_a_bit(mined, monkeypatch, policy, name):
    features = spread(160)
    views = features + 0.3 * np.stack([spread(160, seed=seed) for seed in (4, 5)])
    changes = {"policy": policy, "false_negatives": name, "fn_threshold": 0.4, "fn_top": 4, "views": views}
    whole = mined(features, **changes)
    shares = [mined(features, anchors=range(*cut), **changes) for cut in ((0, 50), (50, 150), (150, 150), (150, 160))]
    monkeypatch.setattr(negatives, "ANCHORS", 7)
    little = mined(features, **changes)
    for part in ("negative", "similarity", "rank", "positive", "known", "suspected"):
        np.testing.assert_array_equal(np.concatenate([getattr(share, part) for share in shares]), getattr(whole, part))
        np.testing.assert_array_equal(getattr(little, part), getattr(whole, part))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", ["different", "duplicates", "equal", "zeros"])
@given(
    n=st.integers(1, 30),
    k=st.integers(1, 6),
    candidates=st.integers(1, 30),
    window=st.integers(0, 4),
    gaps=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    name=st.sampled_from(SUSPICIONS),
)
@settings(max_examples=8)
def test_never_itself_never_its_window_never_twice_or_one_clear_sentence(
    exact_features, mined, kind, policy, n, k, candidates, window, gaps, seed, name
):
    features = exact_features(kind, n, seed)
    position = np.random.default_rng(seed).choice(gaps * n, n, replace=False)
    candidates = max(candidates, k)
    outside = [int((np.abs(position - p) > window).sum()) for p in position.tolist()]
    try:
        found = mined(
            features,
            k=k,
            policy=policy,
            candidates=candidates,
            false_negatives=name,
            fn_threshold=0.9,
            window=window,
            position=position,
            views=np.stack([features, features]),
        )
    except UserError as error:
        assert f"got {k}" in str(error) and "raise mining.candidates" in str(error)
        # with nobody suspected there is no excuse but too few images
        assert name != "none" or k > min(outside)
        return
    assert found.negative.shape == (n, k)
    for i, row in enumerate(found.negative.tolist()):
        assert len(set(row)) == k and all(abs(position[j] - position[i]) > window for j in row)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"false_negatives": "rank", "fn_share": 0.25}, "mining.fn_share"),
        ({"policy": "semi_hard", "band": [0.25, 0.5]}, "mining.band"),
    ],
)
def test_shares_beyond_the_candidates_are_refused_by_the_number_of_images_as_mining_refuses_them(
    mined, params_of, changes, name
):
    wanted = {"false_negatives": "none", "candidates": 12, "k": 3} | changes
    mined(spread(36), **wanted)
    with pytest.raises(UserError):
        mined(spread(40), **wanted)
    settings = params_of(mining=WIDE | wanted).mining
    require_reach(settings, 36)  # passes over 9 of 12 candidates
    with pytest.raises(UserError, match=rf"candidates must be at least 13 for 40 images, got 12: {name} passes"):
        require_reach(settings, 40)
    require_reach(params_of(mining=WIDE | wanted | {"policy": "random"}).mining, 40)  # who draws from all images


def test_more_than_there_are_is_refused_with_the_number_that_fits(mined):
    features = spread(40)
    mined(features, k=35, false_negatives="rank")
    with pytest.raises(
        UserError, match=r"mining\.k must be at most 35 here, got 36: training image 0 has 39 candidates among 40"
    ):
        mined(features, k=36, false_negatives="rank")
    with pytest.raises(
        UserError, match=r"must be at most 0 here, got 3: training image 0 has 0 candidates among 1 images"
    ):
        mined(features[:1])
    with pytest.raises(UserError, match=r"false_negatives threshold suspects 39"):
        mined(np.ones((40, 2), np.float32), false_negatives="threshold")
