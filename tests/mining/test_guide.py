"""A second encoder as the judge of false negatives, against a loop over pairs."""

import numpy as np
import pytest

from contraflow.encoded.kin import Kin
from contraflow.foundations.errors import UserError
from contraflow.mining import negatives
from contraflow.mining.judges import Guide
from contraflow.mining.negatives import mine_negatives
from contraflow.neighbours.bank import unit

GUIDED = ["threshold", "mutual", "views", "relative"]
N, K = 60, 20


def spread(seed, d=6):
    return unit(np.random.default_rng(seed).normal(size=(N, d)).astype(np.float32))


def views_of(features):
    return np.stack([unit(features + 0.3 * spread(seed, features.shape[1])) for seed in (4, 5, 6)], axis=1)


@pytest.fixture
def mined(params_of):
    """`mined("relative", features, views, guide)`: a pass over rows of which those of a triple are kin."""

    def mine(name, features, views, guide, *, anchors=None, kin=None, policy="hardest", **changes):
        changes = {
            "k": K,
            "policy": policy,
            "false_negatives": name,
            "band": [0.0, 1.0],
            "margin": [-1.0, 1.0],
        } | changes
        settings = params_of(mining={"fn_threshold": 0.5, "fn_top": 8, "fn_margin": 0.2} | changes).mining
        apart = [Kin(np.arange(N) // 3, 0)]
        return mine_negatives(
            features, apart, settings, seed=0, number=1, kin=kin, anchors=anchors, views=views, guide=guide
        )

    return mine


def slow_suspects(name, guide, views, i, candidates):
    """Which of the candidates of row i the guide suspects, a pair at a time."""

    def alike(a, b):
        return float(np.dot(a.astype(np.float64), b.astype(np.float64)))

    def nearest(row):
        others = [j for j in range(N) if j // 3 != row // 3]
        return sorted(others, key=lambda j: -alike(guide[row], guide[j]))[:8]

    if name == "threshold":
        return {j for j in candidates if alike(guide[i], guide[j]) >= 0.5}
    if name == "mutual":
        return {j for j in candidates if j in nearest(i) and i in nearest(j)}
    if name == "views":
        score = {j: max(alike(view, guide[j]) for view in views[i]) for j in candidates}
        return {j for j in sorted(candidates, key=lambda j: -score[j])[:8] if score[j] >= 0.5}
    positive = np.mean([alike(guide[i], view) for view in views[i]])
    return {j for j in candidates if alike(guide[i], guide[j]) > positive - abs(positive) * 0.2}


@pytest.mark.parametrize("policy", ["hardest", "random"])
@pytest.mark.parametrize("name", GUIDED)
def test_the_guide_suspects_and_the_encoder_finds_and_ranks(mined, name, policy):
    features, guide = spread(1), spread(2, d=9)
    views, seen = views_of(features), views_of(guide)
    found = mined(name, features, views, Guide(guide, seen), policy=policy, candidates=40)
    similarity = features @ features.T
    counts = []
    for i, row in enumerate(found.negative.tolist()):
        ranked = sorted((j for j in range(N) if j // 3 != i // 3), key=lambda j: -similarity[i, j])
        suspects = slow_suspects(name, guide, seen, i, ranked[:40])
        counts.append(len(suspects))
        taken = [j for j in row if j >= 0]
        assert not suspects & set(taken)
        if policy == "hardest":
            assert taken == [j for j in ranked[:40] if j not in suspects][:K]
    assert found.suspected.tolist() == counts and 0 < sum(counts) < 40 * N
    np.testing.assert_allclose(found.positive, np.einsum("ad,avd->av", features, views).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("name", GUIDED)
@pytest.mark.parametrize("exact_up_to", [200_000, 10])
def test_a_guide_that_is_the_encoder_changes_nothing(mined, name, exact_up_to):
    features = spread(1)
    views = views_of(features)
    kin = Kin(np.where(np.arange(N) < 30, np.arange(N) // 3, np.arange(N)) * 10, 0)  # some have known positives
    alone, guided = (
        mined(name, features, views, guide, kin=kin, exact_up_to=exact_up_to)
        for guide in (None, Guide(features, views))
    )
    for field in ("negative", "similarity", "rank", "positive", "known", "suspected"):
        assert np.array_equal(getattr(alone, field), getattr(guided, field), equal_nan=field == "similarity"), field


@pytest.mark.parametrize("name", GUIDED)
def test_neither_the_anchors_taken_together_nor_the_memory_change_a_bit(mined, monkeypatch, name):
    features, guide = spread(1), spread(2, d=9)
    views, seen = views_of(features), views_of(guide)
    whole = mined(name, features, views, Guide(guide, seen))
    monkeypatch.setattr(negatives, "ANCHORS", 7)
    for anchors in (range(23), range(23, N)):
        rows = slice(anchors.start, anchors.stop)
        part = mined(name, features, views[rows], Guide(guide, seen[rows]), anchors=anchors, memory_mb=1)
        for field in ("negative", "similarity", "rank", "positive", "suspected"):
            assert np.array_equal(getattr(part, field), getattr(whole, field)[rows], equal_nan=field == "similarity")


def test_known_positives_are_compared_by_the_guide_without_views(mined):
    features, guide = spread(1), spread(2, d=9)
    kin = Kin(np.arange(N) // 3 * 10, 0)
    found = mined("relative", features, None, Guide(guide), kin=kin, fn_margin=0.0, fn_views=64)
    similarity = guide @ guide.T
    for i, row in enumerate(found.negative.tolist()):
        own = [similarity[i, j] for j in range(N) if j // 3 == i // 3 and j != i]
        assert similarity[i, [j for j in row if j >= 0]].max(initial=-1) <= max(own) + 1e-6


@pytest.mark.parametrize("name", ["none", "rank"])
def test_a_guide_without_a_use_is_refused(params_of, name):
    with pytest.raises(
        UserError, match=rf"mining\.false_negatives must be .* where mining\.guide is named, got {name}"
    ):
        params_of(mining={"guide": "teacher.safetensors", "false_negatives": name})


@pytest.mark.parametrize("place", ["/a.safetensors", "../a.safetensors", "x/../results/a.safetensors", "."])
def test_a_guide_where_no_engine_sees_it_is_refused(params_of, place):
    with pytest.raises(UserError, match=r"mining\.guide must lie in this directory, but not in results"):
        params_of(mining={"guide": place, "false_negatives": "relative"})
