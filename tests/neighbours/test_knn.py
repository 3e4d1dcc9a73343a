import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.neighbours.bank import nearest
from contraflow.neighbours.knn import vote


def slow_knn(queries, bank, labels, k, tau, classes):
    """The published protocol, one pair at a time and in double precision."""

    def unit(vector):
        length = math.sqrt(sum(float(x) ** 2 for x in vector))
        return [float(x) / length if length else 0.0 for x in vector]

    bank = [unit(vector) for vector in bank]
    found, predicted = [], []
    for query in map(unit, queries):
        similar = [(sum(a * b for a, b in zip(query, other, strict=True)), i) for i, other in enumerate(bank)]
        similar.sort(key=lambda pair: (-pair[0], pair[1]))
        similar = similar[:k]
        score = [0.0] * classes
        for similarity, i in similar:
            score[labels[i]] += math.exp(similarity / tau)
        found.append([i for _, i in similar])
        predicted.append(score.index(max(score)))
    return np.array(found), np.array(predicted)


def exact_vectors(rng, rows):
    """Vectors whose length is a power of 2, so that their similarities are exact in any order of summation."""
    vectors = rng.choice([-1.0, 1.0], (rows, 8)).astype(np.float32)
    for vector in vectors:
        vector[rng.permutation(8)[: rng.choice([4, 7, 8])]] = 0  # 4, 1 or no entries are left
    return vectors


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 20),
    bank=st.integers(1, 60),
    k=st.integers(1, 70),
    classes=st.integers(1, 5),
    query_rows=st.integers(1, 25),
    bank_rows=st.integers(1, 70),
)
def test_equals_slow_loop_with_many_ties(seed, queries, bank, k, classes, query_rows, bank_rows):
    rng = np.random.default_rng(seed)
    q, b, labels = exact_vectors(rng, queries), exact_vectors(rng, bank), rng.integers(0, classes, bank)
    found, predicted = slow_knn(q, b, labels, k, 0.5, classes)
    similarity, index = nearest(q, b, k, query_rows=query_rows, bank_rows=bank_rows)
    np.testing.assert_array_equal(index, found)
    assert (np.diff(similarity) <= 0).all()
    ours = vote(similarity, labels[index], k=k, tau=0.5, classes=classes)
    scores = np.zeros((queries, classes))
    np.add.at(scores, (np.arange(queries)[:, None], labels[index]), np.exp(similarity.astype(float) / 0.5))
    # sums that are equal but for rounding may go to either class
    np.testing.assert_allclose(scores[np.arange(queries), ours], scores[np.arange(queries), predicted], rtol=1e-12)


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(7, 48))
    labels, truth = rng.integers(0, 7, 3000), rng.integers(0, 7, 700)
    bank = (centres[labels] + 3 * rng.normal(size=(3000, 48))).astype(np.float32)
    queries = (centres[truth] + 3 * rng.normal(size=(700, 48))).astype(np.float32)
    return queries, truth, bank, labels


@pytest.mark.parametrize(("k", "tau"), [(200, 0.1), (20, 0.07), (1, 0.5)])
def test_accuracy_of_the_published_protocol(clusters, k, tau):
    queries, truth, bank, labels = clusters
    _, expected = slow_knn(queries[:40], bank, labels, k, tau, 7)
    similarity, index = nearest(queries, bank, 200)
    predicted = vote(similarity, labels[index], k=k, tau=tau, classes=7)
    np.testing.assert_array_equal(predicted[:40], expected)

    # the same by whole matrices: one-hot votes over the full ranking
    q, b = (x.astype(float) / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, bank))
    ranking = np.argsort(-(q @ b.T), axis=1, kind="stable")[:, :k]
    weights = np.exp(np.take_along_axis(q @ b.T, ranking, 1) / tau)
    dense = (np.eye(7)[labels[ranking]] * weights[:, :, None]).sum(1).argmax(1)
    assert (predicted == truth).mean() == (dense == truth).mean()
    assert 1 / 7 < (predicted == truth).mean() < 1


def test_larger_k_takes_the_whole_bank():
    similarity, index = nearest(np.eye(3), np.eye(3), 10)
    np.testing.assert_array_equal(index, [[0, 1, 2], [1, 0, 2], [2, 0, 1]])
    np.testing.assert_array_equal(vote(similarity, index, k=10, tau=0.1, classes=3), [0, 1, 2])


def test_classes_missing_from_the_bank_or_the_queries():
    queries, bank = np.array([[1.0, 0], [0, 1.0]]), np.array([[1.0, 0.1], [0.1, 1.0]])
    similarity, index = nearest(queries, bank, 1)
    labels = np.array([2, 7])
    np.testing.assert_array_equal(vote(similarity, labels[index], k=1, tau=0.1, classes=9), [2, 7])


def test_equal_scores_go_to_the_lower_class():
    similarity = np.array([[0.5, 0.5, 0.25, 0.25]], np.float32)
    assert vote(similarity, np.array([[3, 1, 1, 3]]), k=4, tau=0.1, classes=4) == 1


def test_tiny_temperature_does_not_overflow():
    similarity = np.array([[1.0, 0.9, 0.9]], np.float32)
    assert vote(similarity, np.array([[0, 1, 1]]), k=3, tau=1e-6, classes=2) == 0
    assert vote(similarity, np.array([[0, 1, 1]]), k=3, tau=1e3, classes=2) == 1
