import gzip
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from contraflow.evaluation import probe as module
from contraflow.evaluation.probe import Problem
from contraflow.evaluation.raw_pixels import principal_components
from contraflow.foundations.errors import UserError
from contraflow.images.sources import DEBIAN_FASHION_MNIST


def clusters(n, classes=4, dimension=12, spread=1.5, seed=0):
    """Overlapping classes with features of different scale, correlated."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = np.random.default_rng(99).normal(size=(classes, dimension))
    features = centres[labels] + spread * rng.normal(size=(n, dimension))
    mixing = np.random.default_rng(98).normal(size=(dimension, dimension))
    return (features @ mixing * np.geomspace(0.01, 100, dimension) + 5).astype(np.float32), labels


@pytest.fixture
def precise(monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 1e-10)


@pytest.mark.parametrize("weight_decay", [1e-1, 1e-2, 1e-4])
def test_equals_scikit_learn_on_the_same_objective(precise, weight_decay):
    x, y = clusters(1500)
    other, truth = clusters(800, seed=1)
    ours = Problem(x, y).solve(weight_decay, max_iterations=500)
    assert ours.converged
    mean, scale = x.mean(0, dtype=float), x.std(0, dtype=float)
    theirs = LogisticRegression(C=1 / (weight_decay * len(x)), tol=1e-8, max_iter=5000).fit((x - mean) / scale, y)
    np.testing.assert_allclose(ours.weight, theirs.coef_, atol=5e-3)
    np.testing.assert_allclose(ours.probabilities(other), theirs.predict_proba((other - mean) / scale), atol=1e-3)
    assert abs(ours.accuracy(other, truth) - theirs.score((other - mean) / scale, truth)) <= 0.005


@cache
def fashion_mnist():
    """Pixels (N, 784), from 0 to 1, and labels (N,) of its 60,000 training images, and of its 10,000 test images."""

    def read(name, header):
        with gzip.open(DEBIAN_FASHION_MNIST / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    def part(name):
        pixels = read(f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 784) / np.float32(255)
        return pixels, read(f"{name}-labels-idx1-ubyte.gz", 8).astype(int)

    return part("train"), part("t10k")


@cache
def components():
    """Principal components of Fashion-MNIST's training and test images, with their labels."""
    (pixels, labels), (others, truth) = fashion_mnist()
    of = principal_components(pixels)
    return of(pixels), labels, of(others), truth


@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed")
@pytest.mark.parametrize("weight_decay", [1e-2, 1e-5])
@pytest.mark.parametrize("images", [50, 540, 6_000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_reaches_the_minimum_from_any_start(images, weight_decay):
    """Within 0.05 points of an exact Newton solver in float64, on real images, separable (50, 540) and not."""
    x, y, other, truth = components()
    chosen = np.random.default_rng(0).permutation(len(x))[:images]
    every, few = Problem(x, y), x[chosen]
    problem = Problem(few, y[chosen], like=every)
    mean, scale = x.mean(0, dtype=float), x.std(0, dtype=float)
    theirs = LogisticRegression(C=1 / (weight_decay * images), solver="newton-cholesky", tol=1e-9, max_iter=200).fit(
        (few - mean) / scale, y[chosen]
    )
    expected = theirs.predict((other - mean) / scale)
    stronger = problem.solve(10 * weight_decay, max_iterations=5000)
    weaker = problem.solve(weight_decay / 100, max_iterations=5000)
    for start in (None, stronger, weaker):
        ours = problem.solve(weight_decay, max_iterations=5000, start=start)
        found = ours.predict(other)
        assert ours.converged
        assert abs((found == truth).mean() - (expected == truth).mean()) < 5.01e-4
        assert (found != expected).mean() < 1.5e-3


def test_start_changes_the_way_and_not_the_end(precise):
    x, y = clusters(1000)
    problem = Problem(x, y)
    far = problem.solve(1.0, max_iterations=500)
    cold, warm = problem.solve(1e-3, max_iterations=500), problem.solve(1e-3, max_iterations=500, start=far)
    np.testing.assert_allclose(cold.weight, warm.weight, atol=2e-3)
    again = problem.solve(1e-3, max_iterations=500, start=warm)
    assert again.iterations < cold.iterations / 4


def test_the_same_call_gives_the_same_bits():
    x, y = clusters(1000)
    first, second = (Problem(x, y).solve(1e-4, max_iterations=100) for _ in range(2))
    np.testing.assert_array_equal(first.weight, second.weight)


def test_rows_taken_at_a_time_hardly_matter(precise, monkeypatch):
    x, y = clusters(1000)
    whole = Problem(x, y).solve(1e-2, max_iterations=500)
    monkeypatch.setattr(module, "LOGITS", 4 * 77)
    np.testing.assert_allclose(Problem(x, y).solve(1e-2, max_iterations=500).weight, whole.weight, atol=1e-3)


def test_separable_classes_are_learned_perfectly():
    x = np.array([[-3.0, 0], [-2, 1], [2, 0], [3, 1]] * 20, np.float32)
    y = np.array([0, 0, 1, 1] * 20)
    found = Problem(x, y).solve(1e-6, max_iterations=300)
    assert found.accuracy(x, y) == 1 and found.converged
    without = Problem(x, y).solve(0.0, max_iterations=300)
    assert np.isfinite(without.weight).all() and without.accuracy(x, y) == 1


def test_a_class_that_does_not_occur_is_never_predicted():
    x, y = clusters(600)
    y = np.where(y == 1, 3, y)
    found = Problem(x, y).solve(1e-3, max_iterations=300)
    assert found.classes.tolist() == [0, 2, 3]
    assert set(found.predict(x)) <= {0, 2, 3}
    assert found.accuracy(x, y) > 0.5


def test_one_class_alone():
    found = Problem(np.eye(3), np.full(3, 7)).solve(1e-3, max_iterations=10)
    assert found.converged and found.predict(np.eye(3)).tolist() == [7, 7, 7]


def test_constant_and_repeated_features_change_nothing(precise):
    x, y = clusters(500)
    wide = np.column_stack([x, np.full(500, 0.1, np.float32), np.zeros(500), x[:, 0]]).astype(np.float32)
    found = Problem(wide, y).solve(1e-2, max_iterations=500)
    assert np.isfinite(found.weight).all()
    np.testing.assert_allclose(found.weight[:, -3:-1], 0, atol=1e-4)
    np.testing.assert_allclose(found.weight[:, 0], found.weight[:, -1], atol=2e-3)


@pytest.mark.parametrize("images", [64, 1400])
def test_many_dead_features_change_nothing(precise, images):
    features, labels = clusters(images, dimension=128)
    dead = np.zeros((images, 1280), np.float32)
    for seed in range(4):  # of which MKL's eigensolver gets through none, if it is given the matrix of 64 images whole
        places = np.sort(np.random.default_rng(seed).permutation(1280)[:128])
        dead[:], dead[:, places] = 0, features
        found, expected = (Problem(x, labels).solve(1e-2, max_iterations=500) for x in (dead, features))
        np.testing.assert_allclose(found.weight[:, places], expected.weight, atol=1e-5)
        assert np.abs(np.delete(found.weight, places, axis=1)).max() < 1e-12 and found.converged


@pytest.mark.parametrize("images", [7, 59, 60, 61])
def test_fewer_images_than_features(precise, images):
    """Their weights are those of the whole problem, however it is solved, and what it starts from hardly matters."""
    x, y = clusters(images, dimension=60)
    _, axes = np.linalg.qr(np.random.default_rng(0).normal(size=(60, 60)))
    x = (x @ axes).astype(np.float32)
    ours = Problem(x, y).solve(1e-2, max_iterations=2000)
    mean, scale = x.mean(0, dtype=float), x.std(0, dtype=float)
    theirs = LogisticRegression(C=1 / (1e-2 * images), tol=1e-10, max_iter=20_000).fit((x - mean) / scale, y)
    assert ours.converged and ours.weight.shape == (len(np.unique(y)), 60)
    if len(ours.classes) > 2:  # of two classes theirs has one row
        np.testing.assert_allclose(ours.weight, theirs.coef_, atol=2e-3)
    other, truth = clusters(5000, dimension=60, seed=1)
    every = Problem((other @ axes).astype(np.float32), truth)
    few = Problem(x, y, like=every)
    cold, warm = (
        few.solve(1e-2, max_iterations=2000, start=start) for start in (None, every.solve(1e-2, max_iterations=500))
    )
    np.testing.assert_allclose(cold.weight, warm.weight, atol=2e-3)


def test_three_hundred_colour_pictures():
    """Of more features than are worth a matrix of their own; they are told apart, with small weights."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 3072)).astype(np.float32), np.arange(300) % 3
    found = Problem(x, y).solve(1e-3, max_iterations=300)
    assert found.converged and found.accuracy(x, y) == 1
    assert np.abs(found.weight).max() < 1


def test_says_when_it_did_not_converge():
    x, y = clusters(1000)
    assert not Problem(x, y).solve(1e-5, max_iterations=2).converged


def test_no_images_are_refused():
    with pytest.raises(UserError, match="no images to learn from"):
        Problem(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))


@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_the_last_step_promises_no_less_than_is_left(monkeypatch):
    """Also where earlier solves have met nearly all directions but those that are still missing."""
    pixels, labels = fashion_mnist()[0]
    chosen = np.random.default_rng(0).permutation(len(pixels))[:5400]
    problem, start = Problem(pixels[chosen], labels[chosen]), None
    for weight_decay in (1e-2, 1e-3, 1e-4, 1e-5):
        start = problem.solve(weight_decay, max_iterations=5000, start=start)
    monkeypatch.setattr(module, "TOLERANCE", 1e-8)
    least = problem.solve(weight_decay, max_iterations=20_000, start=start)
    assert start.converged and least.converged
    assert start.objective <= least.objective * (1 + 1e-5)
