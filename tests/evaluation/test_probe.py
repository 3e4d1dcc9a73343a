import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from contraflow.encoded.pixels import read_images
from contraflow.evaluation import probe as module
from contraflow.evaluation.probe import Problem, Trial, choose, sweep
from contraflow.evaluation.raw_pixels import principal_components
from contraflow.evaluation.settings import Linear
from contraflow.foundations.errors import UserError
from contraflow.neighbours.knn import Labelled


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
    monkeypatch.setattr(module, "GRADIENT_NORM", 5e-5)


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


def test_stops_close_enough_to_scikit_learn():
    x, y = clusters(3000, classes=10, dimension=40, spread=2)
    other, truth = clusters(2000, classes=10, dimension=40, spread=2, seed=1)
    mean, scale = x.mean(0, dtype=float), x.std(0, dtype=float)
    for weight_decay in (1e-2, 1e-3, 1e-5):
        ours = Problem(x, y).solve(weight_decay, max_iterations=300)
        theirs = LogisticRegression(C=1 / (weight_decay * len(x)), tol=1e-6, max_iter=5000).fit((x - mean) / scale, y)
        assert ours.converged
        assert abs(ours.accuracy(other, truth) - theirs.score((other - mean) / scale, truth)) <= 0.005


@pytest.mark.parametrize("weight_decay", [1e-2, 1e-4])
def test_within_half_a_point_of_scikit_learn_on_fashion_mnist(fashion_mnist, weight_decay):
    """On principal components of real images, with the parameters of a run."""
    card = fashion_mnist.card
    train, test = (
        read_images(file, np.arange(2000), card.image_size).reshape(2000, -1).astype(np.float32) / 255
        for file in (fashion_mnist.train_beton, fashion_mnist.test_beton)
    )
    y, truth = fashion_mnist.labels("train"), fashion_mnist.labels("test")[:2000]
    x, other = (principal_components(train)(pixels) for pixels in (train, test))
    mean, scale = x.mean(0, dtype=float), x.std(0, dtype=float)
    ours = Problem(x, y).solve(weight_decay, max_iterations=300)
    theirs = LogisticRegression(C=1 / (weight_decay * len(x)), tol=1e-6, max_iter=5000).fit((x - mean) / scale, y)
    assert ours.converged
    assert abs(ours.accuracy(other, truth) - theirs.score((other - mean) / scale, truth)) <= 0.005


def test_start_changes_the_way_and_not_the_end(precise):
    x, y = clusters(1000)
    problem = Problem(x, y)
    far = problem.solve(1.0, max_iterations=500)
    cold, warm = problem.solve(1e-3, max_iterations=500), problem.solve(1e-3, max_iterations=500, start=far)
    np.testing.assert_allclose(cold.weight, warm.weight, atol=2e-3)
    again = problem.solve(1e-3, max_iterations=500, start=warm)
    assert again.iterations <= 1


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
    assert np.isfinite(Problem(x, y).solve(0.0, max_iterations=50).weight).all()


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


def test_more_features_than_images():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 200)).astype(np.float32), np.arange(30) % 3
    found = Problem(x, y).solve(1e-3, max_iterations=300)
    assert found.converged and found.accuracy(x, y) == 1


def test_says_when_it_did_not_converge():
    x, y = clusters(1000)
    assert not Problem(x, y).solve(1e-5, max_iterations=2).converged


def test_no_images_are_refused():
    with pytest.raises(UserError, match="no images to learn from"):
        Problem(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))


def test_sweep_goes_from_strong_to_weak_and_learns_from_the_training_images_alone():
    x, y = clusters(800)
    other, truth = clusters(300, seed=1)
    trials = sweep(Problem(x, y), Labelled(other, truth), Linear(weight_decay=[1e-4, 10.0, 1e-2]))
    assert [trial.weight_decay for trial in trials] == [10, 1e-2, 1e-4]
    for trial in trials:
        alone = Problem(x, y).solve(trial.weight_decay, max_iterations=300)
        assert abs(trial.validation_accuracy - alone.accuracy(other, truth)) < 0.01


def test_choice_is_the_best_and_of_equals_the_strongest():
    trials = [Trial(1.0, 0.5, None), Trial(0.1, 0.8, None), Trial(0.01, 0.8, None), Trial(0.001, 0.7, None)]
    assert choose(trials).weight_decay == 0.1
