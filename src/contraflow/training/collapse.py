"""Collapse: embeddings that fall into one point or onto a line, which some losses reward.

The thresholds come from trainings of four epochs on 2,000 images of Fashion-MNIST with 128 dimensions: those made to
collapse, as in tests/training/test_collapse.py, were at a spread of 0.07 to 0.17 after the second epoch, and no healthy
method went below 0.4 or below a rank of 10. Embeddings within POINT lie in one point whatever they were before.
"""

from collections.abc import Sequence

from contraflow.training.history import Epoch

LEAST_SPREAD = 0.25
LEAST_RANK = 2.0
POINT = 0.1  # of spread
KNN_GAIN = 0.05  # of accuracy: with a gain above, the encoder learns, whatever its embeddings look like


def collapse(history: Sequence[Epoch]) -> str | None:
    """What shows that a training has collapsed by its last epoch, in words; None where nothing does.

    Spread or rank lies below its threshold and below what it was, though the loss has fallen; or the spread is that of
    a single point, from the first epoch on. Neither counts where k-NN, if measured, has gained since it was first.
    """
    last, before = history[-1], history[:-1]
    accuracies = [row.knn for row in history if row.knn is not None]
    if accuracies and accuracies[-1] - accuracies[0] > KNN_GAIN:
        return None
    if last.spread < POINT:
        return f"the spread is {last.spread:.3f}, that of a single point, and the rank {last.rank:.1f}"
    if not before or last.loss >= before[0].loss:
        return None
    for name, least in (("spread", LEAST_SPREAD), ("rank", LEAST_RANK)):
        most, now = max(getattr(row, name) for row in before), getattr(last, name)
        if now < least and now < most:
            return f"the loss fell from {before[0].loss:.3g} to {last.loss:.3g} and {name} from {most:.2f} to {now:.2f}"
    return None
