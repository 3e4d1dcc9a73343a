"""Which pairs of test images are shown."""

import numpy as np
import pytest
import torch

from contraflow.evaluation.pairs import TYPICAL, WORST, choose_pairs
from contraflow.neighbours.knn import Labelled
from contraflow.neighbours.retrieval import rank_queries

CPU = torch.device("cpu")


def cosines(features):
    vectors = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = vectors @ vectors.T
    np.fill_diagonal(found, -2)
    return found


@pytest.mark.parametrize("copies", [False, True])
def test_images_evenly_spaced_each_with_its_nearest_other(copies):
    features = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    if copies:
        features[1::2] = features[::2]  # an image's copy is its nearest, and no image is its own
    found, expected = choose_pairs(features, None, CPU), cosines(features)
    assert found.pair[:, 0].tolist() == np.linspace(0, 49, TYPICAL).round().tolist() and not found.worst.any()
    for (query, other), cosine in zip(found.pair, found.cosine, strict=True):
        assert other != query and expected[query, other] == pytest.approx(expected[query].max(), abs=1e-6)
        assert cosine == pytest.approx(expected[query].max(), abs=1e-6)


def test_of_retrieval_queries_evenly_spaced_and_the_worst_each_once():
    rng = np.random.default_rng(1)
    images = Labelled(rng.normal(size=(60, 8)).astype(np.float32), rng.integers(0, 5, 60))
    gallery = np.arange(60) >= 30
    ranking = rank_queries(images, gallery=gallery, device=CPU)
    found = choose_pairs(images.features, ranking, CPU)
    assert len(set(found.pair[:, 0].tolist())) == len(found.pair) <= TYPICAL + WORST
    assert gallery[found.pair[:, 1]].all() and not gallery[found.pair[:, 0]].any()
    worst = ranking.query[np.argsort(-ranking.first, kind="stable")[:WORST]]
    assert set(found.pair[found.worst, 0].tolist()) == set(worst.tolist())
    expected = cosines(images.features)[:, gallery]
    np.testing.assert_allclose(found.cosine, expected[found.pair[:, 0]].max(1), atol=1e-6)


def test_a_single_image_is_near_nothing():
    found = choose_pairs(np.ones((1, 4), np.float32), None, CPU)
    assert found.pair.shape == (0, 2) and found.cosine.shape == found.worst.shape == (0,)
