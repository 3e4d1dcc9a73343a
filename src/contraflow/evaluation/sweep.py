"""Which weight decay: the linear probe with each of a grid, measured on the validation images."""

from collections.abc import Sequence
from dataclasses import dataclass

from contraflow.evaluation.probe import TOLERANCE, Probe, Problem
from contraflow.evaluation.settings import Linear
from contraflow.neighbours.knn import Labelled

WIDER = 6  # weight decays at most that are tried beyond an edge of the grid
ROUGH = 1e-2  # of the objective: as probe.TOLERANCE, of what may not be chosen
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

    The problem is solved from the strongest to the weakest, each time started from the last, and roughly: that takes
    half the time. What would be chosen is then solved to its minimum, and chosen again; so the choice is at its
    minimum, and no trial looks better, whichever way it was solved.

    Where the choice is an edge of the grid, the sweep goes on beyond it by the grid's own step there, until a value is
    not better than the choice before by `GAIN`, `WIDER` values at most. A grid of one value has no step, and zero
    nothing beyond it.
    """

    def attempt(weight_decay: float, start: Probe | None, tolerance: float = ROUGH) -> Trial:
        probe = problem.solve(weight_decay, max_iterations=settings.max_iterations, start=start, tolerance=tolerance)
        return Trial(weight_decay, probe.accuracy(held_out.features, held_out.labels), probe)

    def settled(trials: list[Trial]) -> list[Trial]:
        while (best := choose(trials)).weight_decay not in at_minimum:
            at_minimum.add(best.weight_decay)
            solved = attempt(best.weight_decay, best.probe, TOLERANCE)
            trials = [solved if trial is best else trial for trial in trials]
        return trials

    grid, at_minimum = sorted(set(settings.weight_decay), reverse=True), set[float]()
    trials: list[Trial] = []
    for weight_decay in grid:
        trials.append(attempt(weight_decay, trials[-1].probe if trials else None))
    trials = settled(trials)
    for edge, inner in ((0, 1), (-1, -2)):
        if len(grid) == 1 or 0 in (grid[edge], grid[inner]):
            continue
        for _ in range(WIDER):
            best = choose(trials)
            if best is not trials[edge]:
                break
            further = float(f"{best.weight_decay * grid[edge] / grid[inner]:.9g}")  # 1e-8, not 9.999999999999999e-09
            trials = settled(sorted([*trials, attempt(further, best.probe)], key=_strength, reverse=True))
            if trials[edge].validation_accuracy < best.validation_accuracy + GAIN:
                break
    return trials


def _strength(trial: Trial) -> float:
    return trial.weight_decay
