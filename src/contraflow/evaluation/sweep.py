"""Which weight decay: the linear probe with each of a grid, measured on the validation images."""

from collections.abc import Sequence
from dataclasses import dataclass

from contraflow.evaluation.probe import Probe, Problem
from contraflow.evaluation.settings import Linear
from contraflow.neighbours.knn import Labelled

WIDER = 6  # weight decays at most that are tried beyond an edge of the grid
GAIN = 0.001  # in accuracy, of the last of them, for which the next is tried: less is chance and takes longest


@dataclass(frozen=True)
class Trial:
    """One weight decay of the sweep."""

    weight_decay: float
    validation_accuracy: float
    probe: Probe


def choose(trials: Sequence[Trial]) -> Trial:
    """The trial with the best validation accuracy, of equally good ones that with the strongest weight decay."""
    return max(trials, key=lambda trial: (trial.validation_accuracy, trial.weight_decay))


def sweep(problem: Problem, held_out: Labelled, settings: Linear) -> list[Trial]:
    """Accuracy on the validation images for each weight decay, the strongest first.

    The problem is solved from the strongest to the weakest, each time started from the last. Where the choice is an
    edge of the grid, the sweep goes on beyond it by the grid's own step there, until a value is not better than the
    choice before by `GAIN`, `WIDER` values at most. A grid of one value has no step, and zero nothing beyond it.
    """

    def attempt(weight_decay: float, start: Probe | None) -> Trial:
        probe = problem.solve(weight_decay, max_iterations=settings.max_iterations, start=start)
        return Trial(weight_decay, probe.accuracy(held_out.features, held_out.labels), probe)

    grid = sorted(set(settings.weight_decay), reverse=True)
    trials = []
    for weight_decay in grid:
        trials.append(attempt(weight_decay, trials[-1].probe if trials else None))
    for edge, inner in ((0, 1), (-1, -2)):
        if len(grid) == 1 or 0 in (grid[edge], grid[inner]):
            continue
        for _ in range(WIDER):
            best = choose(trials)
            if best is not trials[edge]:
                break
            further = float(f"{best.weight_decay * grid[edge] / grid[inner]:.9g}")  # 1e-8, not 9.999999999999999e-09
            beyond = attempt(further, best.probe)
            trials = sorted([*trials, beyond], key=lambda trial: trial.weight_decay, reverse=True)
            if beyond.validation_accuracy < best.validation_accuracy + GAIN:
                break
    return trials
