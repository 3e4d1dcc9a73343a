from types import SimpleNamespace

import numpy as np
import pytest

from contraflow.evaluation.probe import Problem
from contraflow.evaluation.settings import Linear
from contraflow.evaluation.sweep import GAIN, WIDER, Trial, choose, sweep
from contraflow.neighbours.knn import Labelled

NOBODY = Labelled(np.zeros((0, 1), np.float32), np.zeros(0, int))


def noisy(n, seed=0):
    """Two classes along the first of 40 features."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    features = random.normal(size=(n, 40)).astype(np.float32)
    features[:, 0] += labels
    return Labelled(features, labels)


def tried(grid, accuracy):
    """The weight decays that a sweep of `grid` solves for, in turn, and those of its trials, where accuracy is so."""
    solved = []

    def solve(weight_decay, *, max_iterations, start):
        solved.append(weight_decay)
        return SimpleNamespace(accuracy=lambda *_: accuracy(weight_decay))

    trials = sweep(SimpleNamespace(solve=solve), NOBODY, Linear(weight_decay=grid))
    assert sorted(solved, reverse=True) == [trial.weight_decay for trial in trials]
    return solved, choose(trials).weight_decay


def test_goes_from_strong_to_weak_and_chooses_on_the_validation_images_alone():
    train, held_out = noisy(300), noisy(500, seed=1)
    problem, settings = Problem(train.features, train.labels), Linear(weight_decay=[1e-4, 10.0, 1e-2])
    trials = sweep(problem, held_out, settings)
    assert [trial.weight_decay for trial in trials if trial.weight_decay in settings.weight_decay] == [10, 1e-2, 1e-4]
    for trial in trials:
        alone = problem.solve(trial.weight_decay, max_iterations=5000)
        assert abs(trial.validation_accuracy - alone.accuracy(held_out.features, held_out.labels)) <= 0.002


def test_an_edge_that_is_best_is_no_edge_any_more():
    """With fewer images than it takes, a decay far stronger than the grid's is best."""
    train, held_out = noisy(60), noisy(2000, seed=1)
    trials = sweep(Problem(train.features, train.labels), held_out, Linear(weight_decay=[1e-2, 1e-3]))
    decays = [trial.weight_decay for trial in trials]
    assert decays == sorted(decays, reverse=True) and decays[0] > choose(trials).weight_decay > 1e-2


@pytest.mark.parametrize(
    ("best", "grid", "solved"),
    [
        (1e-3, [1e-2, 1e-3, 1e-4], [1e-2, 1e-3, 1e-4]),
        (1.0, [1e-2, 1e-3, 1e-4], [1e-2, 1e-3, 1e-4, 1e-1, 1, 10]),
        (1e-6, [1e-2, 1e-3, 1e-4], [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7]),
        (1e-6, [1.0, 1e-3, 1e-4], [1.0, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7]),
        (1e3, [1.0, 1e-3, 1e-4], [1.0, 1e-3, 1e-4, 1e3, 1e6]),
        (1e-2, [1e-3], [1e-3]),
        (0.0, [1e-3, 1e-4, 0.0], [1e-3, 1e-4, 0.0]),
        (1e-2, [1e-3, 1e-4, 0.0], [1e-3, 1e-4, 0.0, 1e-2, 1e-1]),
    ],
)
def test_goes_on_by_its_own_step_until_the_best_is_inside(best, grid, solved):
    found, chosen = tried(grid, lambda decay: -abs(np.log10(max(decay, 1e-12)) - np.log10(max(best, 1e-12))))
    assert found == solved
    assert chosen == pytest.approx(best if len(grid) > 1 else grid[0])


def test_ends_where_nothing_more_is_gained():
    assert tried([1e-2, 1e-3], lambda decay: 0.5)[0] == [1e-2, 1e-3, 1e-1]
    slowly, steadily = 0.9 * GAIN, 1.1 * GAIN
    assert tried([1e-2, 1e-3], lambda decay: -slowly * np.log10(decay))[0] == [1e-2, 1e-3, 1e-4]
    weaker = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]
    assert tried([1e-2, 1e-3], lambda decay: -steadily * np.log10(decay))[0] == [1e-2, 1e-3, *weaker]
    assert len(weaker) == WIDER


def test_choice_is_the_best_and_of_equals_the_strongest():
    trials = [Trial(1.0, 0.5, None), Trial(0.1, 0.8, None), Trial(0.01, 0.8, None), Trial(0.001, 0.7, None)]
    assert choose(trials).weight_decay == 0.1
