"""The extra evaluations, each as a table with the words on how it was measured."""

from collections.abc import Callable
from dataclasses import dataclass

from contraflow.evaluation.settings import Eval
from contraflow.pages.numbers import listing
from contraflow.report.run import Run
from contraflow.report.summary import NAMES, measures

CORRUPTIONS = {
    "clean": "As they are",
    "gaussian_noise": "Gaussian noise",
    "gaussian_blur": "Gaussian blur",
    "brightness": "Brightness",
    "jpeg": "JPEG",
    "rotation": "Rotation",
}


@dataclass(frozen=True)
class Kind:
    """An extra evaluation: when it is made, of what, and the table that shows it.

    Attributes:
        asked: Whether the parameters ask for it.
        measured: The representations that it must have measured.
        table: What `tables` says of it, but for its protocol.
    """

    asked: Callable[[Eval], object]
    measured: tuple[str, ...]
    table: Callable[[Run], dict]


def tables(run: Run) -> list[dict]:
    """One table a kind that was measured: `title`, `corner`, `columns` and `rows` (each with `name` and `small`), in
    each row `cells` (mean, std and n), `guide` (what it shows, what is good, what is bad) and `protocol`.
    """
    return [KINDS[kind].table(run) | {"protocol": protocol} for kind, protocol in run.extras.items()]


def _corruptions(run: Run) -> dict:
    found = run.metrics["corruptions"]
    knn = [measure for measure in measures(run) if measure.key.startswith("knn")]
    columns = [(name, measure) for name in NAMES if name in found for measure in knn]
    cases = [(name, severity) for name, by_severity in found["encoder"].items() for severity in by_severity]
    return {
        "title": "Corrupted test images",
        "corner": "Accuracy, %",
        "columns": [{"name": NAMES[name], "small": measure.name} for name, measure in columns],
        "rows": [
            {
                "name": CORRUPTIONS[case],
                "small": f"severity {severity}" if int(severity) else "",
                "cells": [found[name][case][severity][measure.key] for name, measure in columns],
            }
            for case, severity in cases
        ],
        "guide": (
            "k-NN on test images that were corrupted, among training images that were not "
            "(Hendrycks & Dietterich 2019; rotation is an addition).",
            "the encoder loses little, and less than raw pixels, above all where its augmentations are of that kind.",
            f"it falls below {listing([NAMES[name].lower() for name in ('raw_pixels', 'untrained')])} at low severity: "
            "the features hang on details that a camera would change.",
        ),
    }


def _transfer(run: Run) -> dict:
    found = run.metrics["transfer"]
    return {
        "title": f"Transfer to {run.params.eval.transfer.name}",
        "corner": "Accuracy, %",
        "columns": [{"name": measure.name, "small": measure.note} for measure in measures(run)],
        "rows": [
            {"name": NAMES[name], "small": "", "cells": [found[name][measure.key] for measure in measures(run)]}
            for name in NAMES
            if name in found
        ],
        "guide": (
            f"The same representations on images of another data set; the encoder was trained on {run.card.name}.",
            "the encoder is ahead of raw pixels and of its random start: what it learned serves other images, too.",
            "it is behind its random start: it learned what sets apart the images that it knows, and little else.",
        ),
    }


def _fine_tune(run: Run) -> dict:
    found = run.metrics["fine_tune"]
    names = {"encoder": "Encoder, fine-tuned", "untrained": "Trained from random weights"}
    share = run.params.eval.fine_tune.share
    return {
        "title": "Fine-tuning with few labels",
        "corner": "Accuracy, %",
        "columns": [{"name": "Classifier", "small": f"{100 * share:g} % of the labels"}],
        "rows": [{"name": name, "small": "", "cells": [found[key]["accuracy"]]} for key, name in names.items()],
        "guide": (
            "The same network trained with the same few labels, once from the encoder and once from random weights.",
            "the encoder is ahead: its pretraining is worth labels.",
            "no difference: with so many labels and epochs the pretraining is forgotten.",
        ),
    }


KINDS = {
    "corruptions": Kind(lambda asked: asked.corruptions, ("encoder", "untrained", "raw_pixels"), _corruptions),
    "transfer": Kind(lambda asked: asked.transfer.name, ("encoder", "untrained", "raw_pixels"), _transfer),
    "fine_tune": Kind(lambda asked: asked.fine_tune.share, ("encoder", "untrained"), _fine_tune),
}
