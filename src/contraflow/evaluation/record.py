"""What is written about an evaluation: its figures, and in plain words how each was measured."""

from dataclasses import dataclass

import numpy as np

from contraflow.config import Eval
from contraflow.evaluation.accuracy import Accuracies
from contraflow.evaluation.classification import confusion_matrix, per_class
from contraflow.evaluation.probe import GRADIENT_NORM

FEATURES = {
    "encoder": "output of the encoder without its projection head, after the last epoch, in evaluation mode, float32",
    "untrained": "output of the encoder with random weights, never trained, in evaluation mode, float32",
    "raw_pixels": "all pixels of an image, normalised by mean and deviation of the training images, float32",
}


@dataclass(frozen=True)
class Counts:
    """Images: learned from, held out for choices, tested, and of those compared by alignment and by uniformity."""

    training: int
    validation: int
    test: int
    aligned: int
    spread: int


def label_figures(found: Accuracies | None, labels: np.ndarray, classes: list[str]) -> dict:
    """The figures that need the test images' labels (N,); empty where `found` is None, without labels."""
    if found is None:
        return {"test": {}, "validation": {}, "per_class": [], "confusion": [], "probe_sweep": []}
    probe = found.probe
    confusion = confusion_matrix(labels, found.predicted, len(classes))
    return {
        "test": found.test,
        "validation": found.validation,
        "per_class": per_class(confusion, classes),
        "confusion": confusion.tolist(),
        "probe": {"weight_decay": probe.weight_decay, "iterations": probe.iterations, "converged": probe.converged},
        "probe_sweep": [
            {
                "weight_decay": trial.weight_decay,
                "validation_accuracy": trial.validation_accuracy,
                "iterations": trial.probe.iterations,
                "converged": trial.probe.converged,
            }
            for trial in found.trials
        ],
    }


def protocol(representation: str, counts: Counts, settings: Eval, found: Accuracies | None) -> dict[str, str]:
    """Every choice behind the figures; `found` is None without labels."""
    words = {
        "features": FEATURES[representation],
        "images": "as stored, without augmentation; for alignment, two augmented views of each",
        "alignment": f"mean squared distance of two views of {counts.aligned} test images, features of length 1",
        "uniformity": f"log mean exp(-2 d^2) over all pairs of {counts.spread} test images, features of length 1",
    }
    if found is None:
        return words
    bank = counts.training + counts.validation
    neighbours = [
        f"k = {knn.k}, tau = {knn.tau:g}" + (f" (only {bank} images to search, all vote)" if knn.k > bank else "")
        for knn in settings.knn
    ]
    decays = ", ".join(f"{trial.weight_decay:g}" for trial in found.trials)
    state = "" if found.probe.converged else "; NOT CONVERGED"
    return words | {
        "knn": f"{'; '.join(neighbours)}; exact, cosine similarity s in float32, each neighbour votes exp(s / tau)",
        "knn_ties": "of equally similar images the first in the file, of equal votes the first class",
        "linear": "logistic regression on standardised features, full-batch L-BFGS without learning rate or seed, "
        f"until the gradient norm is at most {GRADIENT_NORM:g} or {settings.linear.max_iterations} iterations{state}",
        "weight_decay": f"{found.probe.weight_decay:g}, of {decays} the best on the validation images",
        "validation": f"learned from {counts.training} training images, measured on {counts.validation} others",
        "test": f"learned from all {bank} training images, measured once on {counts.test}; nothing chosen on them",
    }
