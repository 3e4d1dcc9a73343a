"""Accuracies of labelled features: linear probe and k-NN, on the validation and on the test images."""

from dataclasses import dataclass

import numpy as np
import torch

from contraflow.config import Eval
from contraflow.evaluation.knn import Labelled, knn_accuracies
from contraflow.evaluation.probe import Probe, Problem, Trial, choose, sweep


@dataclass(frozen=True)
class Accuracies:
    """What `measure` found.

    Attributes:
        test: Accuracies (0 to 1) by name: `linear`, then `knnK` for each k.
        validation: The same on the validation images.
        trials: The sweep over weight decays on the validation images.
        probe: The probe of the test accuracy.
        predicted: Its classes of the test images, (N,) int64.
    """

    test: dict[str, float]
    validation: dict[str, float]
    trials: list[Trial]
    probe: Probe
    predicted: np.ndarray


def measure(
    train: Labelled,
    training: np.ndarray,
    validation: np.ndarray,
    test: Labelled,
    *,
    classes: int,
    settings: Eval,
    device: torch.device,
) -> Accuracies:
    """Choose on the validation images, then measure once on the test images.

    Args:
        train: All training images, those of the validation included; those without a label (-1) are left aside.
        training: Indices into `train` of the images learned from for the validation figures.
        validation: Indices into `train` of the images held out.
        test: The test images, all with labels; what is measured on them chooses nothing. All of `train` is learned from
            for them.
        classes: Number of classes, whether they occur or not.
        settings: Neighbours, temperatures and weight decays.
        device: Where to compute.
    """
    learned, held_out = train[training[train.labels[training] >= 0]], train[validation]
    linear = settings.linear
    trials = sweep(
        learned.features,
        learned.labels,
        held_out.features,
        held_out.labels,
        weight_decays=linear.weight_decay,
        max_iterations=linear.max_iterations,
        device=device,
    )
    chosen = choose(trials)
    bank = train[train.labels >= 0]
    probe = Problem(bank.features, bank.labels, device=device).solve(
        chosen.weight_decay, max_iterations=linear.max_iterations, start=chosen.probe
    )
    predicted = probe.predict(test.features)
    validation_knn = knn_accuracies(held_out, learned, settings.knn, classes=classes, device=device)
    test_knn = knn_accuracies(test, bank, settings.knn, classes=classes, device=device)
    return Accuracies(
        test={"linear": float((predicted == test.labels).mean()), **test_knn},
        validation={"linear": chosen.validation_accuracy, **validation_knn},
        trials=trials,
        probe=probe,
        predicted=predicted,
    )
