"""Accuracies of labelled features, on validation and on test images: linear probe, k-NN, retrieval."""

from dataclasses import dataclass, field

import numpy as np
import torch

from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import groups_of
from contraflow.evaluation import chance
from contraflow.evaluation.few_labels import FewLabels, few_label_probes
from contraflow.evaluation.probe import Probe, Problem
from contraflow.evaluation.queries import require_queries
from contraflow.evaluation.settings import GRADED, Eval
from contraflow.evaluation.sweep import Trial, choose, sweep
from contraflow.neighbours.knn import Labelled, knn_accuracies, knn_predictions
from contraflow.neighbours.retrieval import retrieval_scores, right_ones


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
        searched: Of retrieval, how many test images are searched.
        chance: Of retrieval, what a random order is expected to get on the test images.
    """

    scores: dict[str, np.ndarray]
    validation: dict[str, float]
    probed: Probed | None
    searched: int = 0
    chance: dict[str, float] = field(default_factory=dict)

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
        UserError: retrieval is to be measured, and nothing right can be found (see `require_queries`).
    """
    unseen = data.card.unseen
    found = Accuracies({}, {}, None) if unseen else _named(data, train, test, settings, device)
    if not (ks := settings.recalls(unseen=unseen)):
        return found
    searched, gallery = sought(test, data, settings), data.gallery
    known = {"unseen": unseen, "source": data.card.name, "named": "test image {}".format}
    require_queries(searched.labels, gallery, settings, **known)
    scores = retrieval_scores(searched, ks, gallery=gallery, device=device)
    held_out = data.validation
    chosen_by = retrieval_scores(sought(train[held_out], data, settings, held_out), ks, device=device)
    validation = {name: float(each.mean()) for name, each in chosen_by.items() if len(each)}
    among = len(test.labels) if gallery is None else int(gallery.sum())
    right = right_ones(searched, gallery)
    by_chance = chance.of_first(*right, ks) | chance.of_all(*right)
    return Accuracies(found.scores | scores, found.validation | validation, found.probed, among, by_chance)


def sought(images: Labelled, data: EncodedData, settings: Eval, indices: np.ndarray | None = None) -> Labelled:
    """Images, labelled with what makes others right to find.

    Args:
        images: Those of `train.beton` at these `indices`, or where there are none the test images.
    """
    if settings.retrieval_by == "label":
        return images
    positions = data.positions
    groups = data.groups if indices is None else groups_of(positions, len(positions))[indices]
    return Labelled(images.features, groups)


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
