"""Retrieval against a loop over queries, ties and lone classes included."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.neighbours import retrieval
from contraflow.neighbours.knn import Labelled
from contraflow.neighbours.retrieval import rank_queries, retrieval_scores, right_ones

CPU = torch.device("cpu")
# Few directions whose cosines are exact, so that many images are equally similar.
vectors = st.lists(st.sampled_from([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]), min_size=1, max_size=14)


def searches(features, labels, gallery=None):
    """Each query with its others, the nearest first, their cosines, and whether they are right."""
    known = [i for i, label in enumerate(labels) if label >= 0]
    unit = [features[i] / (np.linalg.norm(features[i]) or 1) for i in range(len(labels))]
    for query in known:
        if gallery is not None and gallery[query]:
            continue
        others = [i for i in known if i != query and (gallery is None or gallery[i])]
        ranked = sorted(others, key=lambda i: (-float(unit[query] @ unit[i]), i))
        right = [labels[i] == labels[query] for i in ranked]
        if any(right):
            yield query, ranked, [float(unit[query] @ unit[i]) for i in ranked], right


def by_hand(features, labels, ks, gallery=None):
    """The scores of each query, in order."""
    scores = {name: [] for name in [*(f"recall@{k}" for k in ks), "mrr", "r_precision", "map@r"]}
    for _, _, cosines, right in searches(features, labels, gallery):
        relevant, best = sum(right), cosines[right.index(True)]
        before = [cosine for cosine, hit in zip(cosines, right, strict=True) if cosine >= best and not hit]
        scores["mrr"].append(1 / (1 + len(before)))
        for k in ks:
            scores[f"recall@{k}"].append(float(any(right[:k])))
        scores["r_precision"].append(sum(right[:relevant]) / relevant)
        precisions = [sum(right[: r + 1]) / (r + 1) for r in range(relevant) if right[r]]
        scores["map@r"].append(sum(precisions) / relevant)
    return scores


def drawn(rows, random, roles):
    """Labels, and with roles which images are the gallery."""
    labels = np.array([random.randint(-1, 3) for _ in rows], np.int64)
    return labels, np.array([random.random() < 0.6 for _ in rows]) if roles else None


@given(vectors, st.randoms(use_true_random=False), st.booleans(), st.integers(1, 40))
def test_equals_the_slow_definition(rows, random, roles, at_a_time):
    features, ks = np.array(rows, np.float32), (1, 2, 100)
    labels, gallery = drawn(rows, random, roles)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "FOUND", at_a_time)
        found = retrieval_scores(Labelled(features, labels), ks, gallery=gallery, device=CPU)
    expected = by_hand(features, labels, ks, gallery)
    assert {name: pytest.approx(scores, abs=1e-12) for name, scores in expected.items()} == {
        name: scores.tolist() for name, scores in found.items()
    }


@given(vectors, st.randoms(use_true_random=False), st.booleans(), st.integers(1, 40))
def test_what_queries_find_is_what_a_slow_search_finds(rows, random, roles, at_a_time):
    features = np.array(rows, np.float32)
    labels, gallery = drawn(rows, random, roles)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "FOUND", at_a_time)
        found = rank_queries(Labelled(features, labels), gallery=gallery, device=CPU)
    expected = list(searches(features, labels, gallery))
    assert found.query.tolist() == [query for query, *_ in expected]
    assert found.nearest.tolist() == [ranked[:10] for _, ranked, _, _ in expected]
    assert found.similarity.tolist() == [cosines[:10] for _, _, cosines, _ in expected]
    assert found.right.tolist() == [right[:10] for *_, right in expected]
    assert found.relevant.tolist() == [sum(right) for *_, right in expected]
    assert found.first.tolist() == [1 + right.index(True) for *_, right in expected]
    worst = sorted(range(len(expected)), key=lambda i: (-found.first[i], i))
    assert found.worst(3).tolist() == worst[:3]


def test_ranks_agree_with_recalls_whatever_rounding_does():
    random = np.random.default_rng(0)
    images = Labelled(random.normal(size=(700, 30)).astype(np.float32), random.integers(0, 60, 700))
    ranking, ks = rank_queries(images, device=CPU), (1, 2, 5, 50, 699)
    scores = retrieval_scores(images, ks, device=CPU)
    for k in ks:
        assert np.array_equal(ranking.first <= k, scores[f"recall@{k}"] == 1)


def test_an_image_never_finds_itself_even_among_many_copies_of_it():
    """More copies of another class than are looked at, all before it: what is left out is a copy, and none is right."""
    features = np.ones((30, 2), np.float32)
    labels = np.array([0] * 28 + [1, 1])
    found = retrieval_scores(Labelled(features, labels), (1,), device=CPU)
    assert found["recall@1"][-2:].tolist() == [0, 0] and found["recall@1"][:28].all()


def test_where_all_are_equally_similar_a_right_one_comes_last():
    found = retrieval_scores(Labelled(np.ones((9, 2), np.float32), np.array([0] * 3 + [1] * 6)), (1,), device=CPU)
    assert found["mrr"].tolist() == [1 / 7] * 3 + [1 / 4] * 6


def test_right_ones_are_counted_as_a_loop_counts_them():
    labels, gallery = np.array([0, 0, 0, 1, 1, 2, -1]), np.array([1, 1, 0, 0, 1, 0, 1], bool)
    images = Labelled(np.ones((7, 2), np.float32), labels)
    for roles, expected in ((None, ([2, 2, 2, 1, 1], 5)), (gallery, ([2, 1], 3))):
        counts, others = right_ones(images, roles)
        assert (counts.tolist(), others) == expected


def test_two_apart_classes_are_found_without_a_mistake_and_one_image_a_class_is_no_query():
    features = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [-1, -1]], np.float32)
    found = retrieval_scores(Labelled(features, np.array([0, 0, 1, 1, 2])), (1,), device=CPU)
    assert all(scores.tolist() == [1] * 4 for scores in found.values())
    alone = retrieval_scores(Labelled(features, np.arange(5)), (1,), device=CPU)
    assert all(len(scores) == 0 for scores in alone.values())
