"""Test images in a plane."""

import numpy as np
import pytest

from contraflow.evaluation.projection import project


def test_neighbours_stay_together():
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    features = (np.eye(3)[labels] @ rng.normal(size=(3, 20)) * 5 + rng.normal(size=(90, 20))).astype(np.float32)
    found = project(features, 90)
    assert np.array_equal(found.image, np.arange(90))
    positions = found.position
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2) + np.diag(np.full(90, np.inf))
    assert (labels[distance.argmin(axis=1)] == labels).mean() > 0.95
    longer = features * np.float32(2) ** rng.integers(0, 4, (90, 1)).astype(np.float32)
    assert np.array_equal(positions, project(longer, 90).position)  # by directions alone


@pytest.mark.parametrize(
    "features", [np.ones((4, 8)), np.ones((20, 8)), np.full((20, 8), np.nan), np.zeros((20, 8))], ids=str.__class__
)
def test_nothing_where_nothing_is_to_be_seen(features):
    found = project(features.astype(np.float32), 20)
    assert (found.image.shape, found.position.shape) == ((0,), (0, 2))


def test_at_most_so_many():
    features = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    found = project(features, 12)
    assert len(found.image) == len(found.position) == 12
    assert np.array_equal(found.position, project(features[found.image], 12).position)
