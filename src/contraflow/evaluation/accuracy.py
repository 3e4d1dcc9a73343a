"""Accuracies of labelled features, on validation and on test images: linear probe, k-NN, retrieval."""

from dataclasses import dataclass

import numpy as np
import torch

from contraflow.encoded.card import EncodedData
from contraflow.evaluation.few_labels import FewLabels, few_label_probes
from contraflow.evaluation.probe import Probe, Problem
from contraflow.evaluation.settings import GRADED, Eval
from contraflow.evaluation.sweep import Trial, choose, sweep
from contraflow.foundations.errors import UserError
from contraflow.neighbours.knn import Labelled, knn_accuracies, knn_predictions
from contraflow.neighbours.retrieval import retrieval_scores


@dataclass(frozen=True)
class Probed:
    """What the linear probe found.

    Attributes:
        trials: The sweep over weight decays on the validation images.
        few: The probes on few labels, by name.
        probe: The probe of the test accuracy.
        predicted: Its classes of the test images, (N,) int64.
        confidence: Its probabilities of these classes, (N,) float32.
    """

    trials: list[Trial]
    few: dict[str, FewLabels]
    probe: Probe
    predicted: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Accuracies:
    """What `measure` found.

    Attributes:
        scores: By the names and in the order of `Eval.figures`: whether the class of each test image was named rightly,
            (N,), on few labels the share of the draws in which it was; of retrieval the score of each query, (Q,).
        validation: Accuracies (0 to 1) on the validation images, by the same names.
        probed: None where training has none of the test images' classes.
    """

    scores: dict[str, np.ndarray]
    validation: dict[str, float]
    probed: Probed | None

    @property
    def test(self) -> dict[str, float]:
        """Accuracies (0 to 1) on the test images, by name."""
        return {name: float(scores.mean()) for name, scores in self.scores.items()}

    def draws(self, name: str) -> int | None:
        """How many draws of labels the figure is a mean of; None where an image is not just named rightly or not."""
        if name in GRADED:
            return None
        return len(self.probed.few[name].weight_decays) if self.probed and name in self.probed.few else 1


def measure(data: EncodedData, train: Labelled, test: Labelled, settings: Eval, device: torch.device) -> Accuracies:
    """Choose on the validation images, then measure once on the test images.

    Args:
        data: Says which training images are held out for the choices, and how many classes there are.
        train: All training images, the held out included; those without a label (-1) are left aside.
        test: The test images, all with labels; what is measured on them chooses nothing. All of `train` is learned from
            for them.
        settings: Neighbours, temperatures, weight decays and amounts of few labels.
        device: Where to compute.

    Raises:
        UserError: no two test images are of one class, and retrieval is to be measured.
    """
    unseen = data.card.unseen
    found = Accuracies({}, {}, None) if unseen else _named(data, train, test, settings, device)
    if not (ks := settings.recalls(unseen=unseen)):
        return found
    scores = retrieval_scores(test, ks, device=device)
    if not len(scores["map@r"]):
        mend = "data.path must hold others" if unseen else "eval.retrieval must be [] here"
        raise UserError(f"{mend}: no two test images of {data.card.name} have one label")
    chosen_by = retrieval_scores(train[data.validation], ks, device=device)
    validation = {name: float(each.mean()) for name, each in chosen_by.items() if len(each)}
    return Accuracies(found.scores | scores, found.validation | validation, found.probed)


def _named(data: EncodedData, train: Labelled, test: Labelled, settings: Eval, device: torch.device) -> Accuracies:
    """By naming the classes of images, which training has."""
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
        scores={
            "linear": predicted == test.labels,
            **{name: found.correct for name, found in few.items()},
            **{name: found == test.labels for name, found in by_knn.items()},
        },
        validation={
            "linear": chosen.validation_accuracy,
            **{name: found.validation for name, found in few.items()},
            **knn,
        },
        probed=Probed(trials, few, probe, predicted, confidence),
    )
