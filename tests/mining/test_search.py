"""The search against a slow one, a pair at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.mining import approximate
from contraflow.mining.search import Search
from contraflow.neighbours.bank import unit

KINDS = ["different", "duplicates", "equal", "zeros"]
TORCH = 10**6  # exact up to so many


def slow_candidates(features, position, window, count):
    """(other, similarity) of each row: its nearest outside of the window, equally similar ones by row."""
    length = np.sqrt((features.astype(float) ** 2).sum(1))
    unit = features / np.where(length == 0, 1, length)[:, None]
    found = []
    for i, row in enumerate(unit):
        outside = [j for j in range(len(unit)) if j != i and abs(position[j] - position[i]) > window]
        ranked = sorted((-float(row @ unit[j]), j) for j in outside)[:count]
        found.append([(j, -s) for s, j in ranked] + [(-1, -np.inf)] * (count - len(ranked)))
    return np.array(found).reshape(len(features), count, 2)


@pytest.mark.parametrize("kind", KINDS)
@given(
    n=st.integers(1, 40),
    count=st.integers(1, 45),
    window=st.integers(0, 6),
    gaps=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=15)
def test_equals_brute_force_with_ties_by_index(exact_features, kind, n, count, window, gaps, seed):
    features = exact_features(kind, n, seed)
    position = np.random.default_rng(seed).choice(gaps * n, n)
    search = Search(unit(features), [Kin(position, window)], count=count, exact_up_to=n)
    found = search.candidates(np.arange(n))
    expected = slow_candidates(features, position, window, min(count, n - 1))
    np.testing.assert_array_equal(found.other, expected[..., 0])
    np.testing.assert_allclose(found.similarity, expected[..., 1], atol=1e-6)
    assert (search.kind, search.recall) == ("exact", 1)


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(1, 40), count=st.integers(1, 45), window=st.integers(0, 6), seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_images_are_compared_through_texts_whichever_way_is_nearer(exact_features, kind, n, count, window, seed):
    images, texts = exact_features(kind, n, seed), exact_features("different", n, seed + 1)
    ways = unit(images).astype(float) @ unit(texts).astype(float).T
    similarity, position = np.maximum(ways, ways.T), np.random.default_rng(seed).permutation(n)
    search = Search(unit(images), [Kin(position, window)], count=count, exact_up_to=n, texts=unit(texts))
    found, rows = search.candidates(np.arange(n)), np.arange(n)
    for i in rows:
        others = found.other[i][found.there[i]]
        allowed = [j for j in rows if abs(position[j] - position[i]) > window]
        assert len(others) == len(set(others)) == min(count, len(allowed)) and set(others) <= set(allowed)
        expected = np.sort(similarity[i, allowed])[::-1][: len(others)]
        np.testing.assert_allclose(found.similarity[i][: len(others)], expected, atol=1e-6)
        np.testing.assert_allclose(similarity[i, others], expected, atol=1e-6)
    np.testing.assert_allclose(search.similarity(rows, np.tile(rows, (n, 1))), similarity, atol=1e-6)


def test_inverted_lists_are_searched_both_ways(monkeypatch):
    monkeypatch.setattr(approximate, "RECALL", 1.0)
    images, texts = (unit(np.random.default_rng(seed).normal(size=(700, 16))) for seed in (0, 1))
    apart, rows = [Kin(np.arange(700))], np.arange(700)
    exact = Search(images, apart, count=20, exact_up_to=700, texts=texts).candidates(rows)
    search = Search(images, apart, count=20, exact_up_to=0, texts=texts)
    assert (search.kind, search.recall) == ("ivf", 1)
    np.testing.assert_allclose(search.candidates(rows).similarity, exact.similarity, atol=1e-5)


def test_inverted_lists_find_the_same_where_all_are_looked_through(exact_features, monkeypatch):
    monkeypatch.setattr(approximate, "RECALL", 1.0)
    features = unit(np.random.default_rng(0).normal(size=(700, 16)))
    position = np.arange(700)
    exact = Search(features, [Kin(position, 2)], count=20, exact_up_to=700).candidates(position)
    search = Search(features, [Kin(position, 2)], count=20, exact_up_to=0)
    found = search.candidates(position)
    assert (search.kind, search.recall) == ("ivf", 1)
    np.testing.assert_allclose(found.similarity, exact.similarity, atol=1e-5)
    assert (found.other == exact.other).mean() > 0.999  # near ties may swap
    assert (np.abs(found.other - position[:, None]) > 2).all()


def test_where_the_lists_hold_too_few_none_is_named_last_and_nobody_twice(monkeypatch):
    monkeypatch.setattr(approximate, "RECALL", 0.0)
    monkeypatch.setattr(approximate, "PROBES", 1)
    features = unit(np.random.default_rng(0).normal(size=(40, 8)).repeat(10, axis=0))  # ten copies of each
    found = Search(features, [Kin(np.arange(400))], count=30, exact_up_to=0).candidates(np.arange(400))
    missing = found.other < 0
    assert missing.any() and (np.diff(missing.astype(int), axis=1) >= 0).all()
    assert (found.similarity[missing] == -np.inf).all() and (found.similarity[~missing] > -1.001).all()
    for anchor, others in enumerate(found.other):
        named = others[others >= 0].tolist()
        assert anchor not in named and len(named) == len(set(named))


def test_the_recall_that_is_recorded_is_that_of_the_search():
    rng = np.random.default_rng(0)
    features = unit(rng.normal(size=(40, 24))[rng.integers(0, 40, 3000)] + rng.normal(size=(3000, 24)))
    rows = np.linspace(0, 2999, 1000).round().astype(int)
    search = Search(features, [Kin(np.arange(3000))], count=15, exact_up_to=2999)
    exact = Search(features, [Kin(np.arange(3000))], count=15, exact_up_to=3000).candidates(rows).other
    found = search.candidates(rows).other
    recall = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
    assert approximate.RECALL <= search.recall < 1
    assert recall == pytest.approx(search.recall, abs=0.01)  # which counts the anchor itself, found by all


@pytest.mark.parametrize("exact_up_to", [0, TORCH], ids=["ivf", "exact"])
def test_the_same_bytes_on_one_and_two_threads(threads_of_torch, exact_up_to):
    features = unit(np.random.default_rng(0).normal(size=(600, 32)))
    rows = np.arange(600)
    found = []
    for threads in (1, 2):
        with threads_of_torch(threads):
            search = Search(features, [Kin(rows)], count=30, exact_up_to=exact_up_to, threads=threads)
            found.append([search.candidates(part) for part in np.array_split(rows, threads)])
    (one,), two = found
    for name in ("other", "similarity"):
        np.testing.assert_array_equal(getattr(one, name), np.concatenate([getattr(part, name) for part in two]))
