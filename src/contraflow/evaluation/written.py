"""What is written about an evaluation: its figures, and in plain words how each was measured."""

import numpy as np

from contraflow.encoded.card import Card
from contraflow.evaluation.accuracy import Accuracies, Probed
from contraflow.evaluation.classification import BINS, calibration, confusion_matrix, per_class
from contraflow.evaluation.geometry import ALIGNED, SPREAD
from contraflow.evaluation.hits import Hits
from contraflow.evaluation.probe import TOLERANCE
from contraflow.evaluation.raw_pixels import LARGEST
from contraflow.evaluation.results import DIGITS, Tried
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.tfidf import COMPONENTS
from contraflow.models.whitening import MOST
from contraflow.statistics import RESAMPLES, bootstrap_interval

FEATURES = {
    "encoder": "output of the encoder without its projection head, after the last epoch, in evaluation mode, float32",
    "control": "output of the encoder, which trained the epochs of the mining rounds with random batches instead, "
    "after the last epoch, in evaluation mode, float32",
    "supervised": "output of the encoder, trained with labels from the same start, after the last epoch, in evaluation "
    "mode, float32",
    "untrained": "output of the encoder with random weights, never trained, in evaluation mode, float32",
    "as_it_came": "output of the encoder with the weights that it starts from, before any training here, in evaluation "
    "mode, float32",
}
RAW = {  # what stands for items before anything is learned of them
    "images": {
        "raw_pixels": f"all pixels of an image (larger ones averaged down to {LARGEST} a side), normalised by mean and "
        "deviation of the training images, float32",
        "pca_pixels": "the first principal components of these pixels, found on the training images, float32",
    },
    "texts": {
        "raw_pixels": "TF-IDF of all tokens of a text, as a bag of words: frequencies as 1 + log, weighed by how few "
        f"training texts have the token, reduced to {COMPONENTS} by a truncated singular value decomposition of them "
        "(scikit-learn), float32",
        "pca_pixels": "the first principal components of these, found on the training texts, float32",
    },
}


def label_figures(found: Accuracies | None, labels: np.ndarray, classes: list[str]) -> dict:
    """The figures that need the test images' labels (N,); empty where `found` is None, without labels."""
    if found is None:
        nothing = {name: {} for name in ("test", "right", "validation", "intervals", "chance")}
        return nothing | _of_probe(None, labels, classes)
    return {
        "test": found.test,
        "right": {name: Hits.of(scores, n) for name, scores in found.scores.items() if (n := found.draws(name))},
        "intervals": {
            name: [round(end, DIGITS) for end in bootstrap_interval(scores)] for name, scores in found.scores.items()
        },
        "validation": found.validation,
        "chance": found.chance,
        **_of_probe(found.probed, labels, classes),
    }


def _of_probe(found: Probed | None, labels: np.ndarray, classes: list[str]) -> dict:
    if found is None:
        return {"per_class": [], "confusion": [], "probe_sweep": [], "few_labels": {}, "calibration": None}
    confusion = confusion_matrix(labels, found.predicted, len(classes))
    return {
        "per_class": per_class(confusion, classes),
        "confusion": confusion.tolist(),
        "probe": found.probe,
        "probe_sweep": [
            Tried(
                weight_decay=trial.weight_decay,
                validation_accuracy=trial.validation_accuracy,
                iterations=trial.probe.iterations,
                converged=trial.probe.converged,
            )
            for trial in found.trials
        ],
        "few_labels": found.few,
        "calibration": calibration(found.confidence, found.predicted == labels),
    }


def protocol(
    representation: str, dimension: int, whitened: float, card: Card, settings: Eval, found: Accuracies | None
) -> dict[str, str]:
    """Every choice behind the figures of a `representation`, a key of `FEATURES` or of `RAW`; `found` is None without
    labels.
    """
    spread = ""
    if whitened and representation == "pca_pixels":
        spread = f", each divided by its standard deviation to the power of {whitened:g}, as the encoder's are"
    elif whitened and representation != "raw_pixels":
        images = min(MOST, card.train.images - card.validation.images)
        spread = f", whitened by {whitened:g} on {images} training images, without their labels (model.whitening)"
    test = card.test.images
    aligned = min(ALIGNED, test)
    words = {
        "features": f"{(FEATURES | RAW[card.items])[representation]}, {dimension} dimensions{spread}",
        "images": "as stored, without augmentation; for alignment, two augmented views of each",
        "alignment": f"mean squared distance of two views of {aligned} test images, features of length 1",
        "uniformity": f"log mean exp(-2 d^2) over all pairs of {min(SPREAD, test)} test images, features of length 1",
        "similarities": f"cosine of each first view with each second view of the same {aligned} test images",
    }
    if found is None:
        return words
    words["interval"] = (
        f"middle 95 % of {RESAMPLES} bootstrap samples of the test images; of several seeds, the means of its ends. It "
        "says what other test images would change, the deviation what another seed would"
    )
    if found.probed:
        words |= _naming(found.probed, card, settings)
    if "map@r" in found.scores:
        queries, by = len(found.scores["map@r"]), settings.sought
        among = "the other test images" if found.searched == test else f"the {found.searched} of the gallery"
        words |= {
            "queries": f"{queries} test images, each compared with {among} by cosine; of equally similar images the "
            "first in the file",
            "recall": f"share of the queries with an image of their {by} among the k nearest",
            "mrr": "one over the rank of the first such image, mean over queries; what is as similar stands before it",
            "r_precision": f"share of the R nearest that are of the query's {by}, R the number of its other images",
            "chance": "what a random order is expected to get, exactly",
            "map_at_r": f"mean over the first R ranks of the precision up to there, 0 where another {by} stands "
            "(Musgrave et al. 2020)",
        }
    return words


def _naming(found: Probed, card: Card, settings: Eval) -> dict[str, str]:
    """How classes were named."""
    bank, validation, test = (amount.images for amount in (card.train, card.validation, card.test))
    training = bank - validation
    neighbours = [
        f"{knn}" + (f" (only {bank} images to search, all vote)" if knn.k > bank else "") for knn in settings.knn
    ]
    decays = ", ".join(f"{trial.weight_decay:g}" for trial in found.trials)
    state = "" if found.probe.converged else "; NOT CONVERGED"
    words = {
        "knn": f"{'; '.join(neighbours)}; exact, cosine similarity s in float32, each neighbour votes exp(s / tau)",
        "knn_ties": "of equally similar images the first in the file, of equal votes the first class",
        "linear": "logistic regression on standardised features, full-batch Newton without learning rate or seed, "
        f"until a step lowers the objective by at most {TOLERANCE:g} of itself, or {settings.linear.max_iterations} "
        f"iterations{state}",
        "weight_decay": f"{found.probe.weight_decay:g}, of {decays} the best on the validation images; where an edge "
        "of the grid was best, values beyond it were tried",
        "validation": f"learned from {training} training images, measured on {validation} others",
        "test": f"learned from all {bank} training images, measured once on {test}; nothing chosen on them",
        "calibration": f"expected calibration error of the linear probe: {BINS} bins of equal width by confidence",
    }
    if found.few:
        amounts = ", ".join(f"{few.images} ({name})" for name, few in found.few.items())
        words["few_labels"] = (
            f"the linear probe on the labels of so many training images: {amounts}; of each class the same share or "
            f"number, features standardised by all {training}, mean of {settings.few_draws} draws, the same for "
            "every representation and seed; weight decay chosen on the validation images in each draw"
        )
    return words
