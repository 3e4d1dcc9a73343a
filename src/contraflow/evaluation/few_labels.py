"""Linear probe on few labels: how much of a representation's worth a handful of labels brings out."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np

from contraflow.encoded.splits import draw_each, draw_labelled
from contraflow.evaluation.probe import Problem
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.sweep import choose, sweep
from contraflow.neighbours.knn import Labelled


@dataclass(frozen=True)
class FewLabels:
    """The probe on one amount of labels.

    Attributes:
        images: How many labels each draw has.
        validation: Accuracy on the validation images, 0 to 1, mean over draws.
        correct: Share of the draws whose probe names the class of each test image rightly, (N,).
        weight_decays: What was chosen in each draw.
        converged: Whether every probe did.
    """

    images: int
    validation: float
    correct: np.ndarray
    weight_decays: list[float]
    converged: bool


def few_label_probes(
    train: Labelled, training: np.ndarray, held_out: Labelled, test: Labelled, *, settings: Eval, like: Problem
) -> dict[str, FewLabels]:
    """The probe on each amount of labels that `settings.few_labels` names, by the name of its figure.

    Which images are drawn, the same for every representation and every seed, and what is chosen on which:
    docs/measuring.md.

    Args:
        train: All training images; those without a label (-1) are not drawn.
        training: Indices into `train` of the images that may be drawn.
        held_out: The validation images.
        test: The test images.
        settings: Amounts, number of draws, and weight decays.
        like: The problem of all training images, whose standardisation is taken: it needs no label.
    """
    found = {}
    for name, amount in settings.few.items():
        chosen = []
        for seed in range(settings.few_draws):
            if amount < 1:
                known = draw_labelled(train.labels, training, fraction=amount, seed=seed)
            else:
                known = draw_each(train.labels, training, count=int(amount), seed=seed)
            few = train[np.flatnonzero(known >= 0)]
            problem = Problem(few.features, few.labels, like=like)
            chosen.append(choose(sweep(problem, held_out, settings.linear)))
        found[name] = FewLabels(
            images=len(few.labels),
            validation=fmean(trial.validation_accuracy for trial in chosen),
            correct=np.mean([trial.probe.predict(test.features) == test.labels for trial in chosen], axis=0),
            weight_decays=[trial.weight_decay for trial in chosen],
            converged=all(trial.probe.converged for trial in chosen),
        )
    return found
