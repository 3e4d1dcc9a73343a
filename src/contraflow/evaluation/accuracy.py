"""Accuracies of labelled features: linear probe, on few labels too, and k-NN, on validation and on test images."""

from dataclasses import dataclass

import numpy as np
import torch

from contraflow.encoded.card import EncodedData
from contraflow.evaluation.few_labels import FewLabels, few_label_probes
from contraflow.evaluation.probe import Probe, Problem
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.sweep import Trial, choose, sweep
from contraflow.neighbours.knn import Labelled, knn_accuracies, knn_predictions


@dataclass(frozen=True)
class Accuracies:
    """What `measure` found.

    Attributes:
        correct: Whether the class of each test image was named rightly, (N,), by the figure's name: `linear`, then
            those of few labels (there the share of the draws in which it was), then `knnK` for each k.
        validation: Accuracies (0 to 1) on the validation images, by the same names.
        trials: The sweep over weight decays on the validation images.
        few: The probes on few labels, by name.
        probe: The probe of the test accuracy.
        predicted: Its classes of the test images, (N,) int64.
        confidence: Its probabilities of these classes, (N,) float32.
    """

    correct: dict[str, np.ndarray]
    validation: dict[str, float]
    trials: list[Trial]
    few: dict[str, FewLabels]
    probe: Probe
    predicted: np.ndarray
    confidence: np.ndarray

    @property
    def test(self) -> dict[str, float]:
        """Accuracies (0 to 1) on the test images, by name."""
        return {name: float(correct.mean()) for name, correct in self.correct.items()}

    def draws(self, name: str) -> int:
        """How many draws of labels the figure is a mean of."""
        return len(self.few[name].weight_decays) if name in self.few else 1


def measure(data: EncodedData, train: Labelled, test: Labelled, settings: Eval, device: torch.device) -> Accuracies:
    """Choose on the validation images, then measure once on the test images.

    Args:
        data: Says which training images are held out for the choices, and how many classes there are.
        train: All training images, the held out included; those without a label (-1) are left aside.
        test: The test images, all with labels; what is measured on them chooses nothing. All of `train` is learned from
            for them.
        settings: Neighbours, temperatures, weight decays and amounts of few labels.
        device: Where to compute.
    """
    training, classes = data.training, len(data.card.classes)
    learned, held_out = train[training[train.labels[training] >= 0]], train[data.validation]
    problem = Problem(learned.features, learned.labels, device=device)
    trials = sweep(problem, held_out, settings.linear)
    few = few_label_probes(train, training, held_out, test, settings=settings, like=problem)
    knn = knn_accuracies(held_out, learned, settings.knn, classes=classes, device=device)
    del learned, held_out, problem  # what comes takes as much memory
    chosen, bank = choose(trials), train[train.labels >= 0]
    probe = Problem(bank.features, bank.labels, device=device).solve(
        chosen.weight_decay, max_iterations=settings.linear.max_iterations, start=chosen.probe
    )
    predicted, confidence = probe.classify(test.features)
    by_knn = knn_predictions(test.features, bank, settings.knn, classes=classes, device=device)
    return Accuracies(
        correct={
            "linear": predicted == test.labels,
            **{name: found.correct for name, found in few.items()},
            **{name: found == test.labels for name, found in by_knn.items()},
        },
        validation={
            "linear": chosen.validation_accuracy,
            **{name: found.validation for name, found in few.items()},
            **knn,
        },
        trials=trials,
        few=few,
        probe=probe,
        predicted=predicted,
        confidence=confidence,
    )
