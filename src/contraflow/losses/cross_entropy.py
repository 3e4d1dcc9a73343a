"""The cross-entropy of a classifier, where not every image has a label."""

import torch.nn.functional as F
from torch import Tensor

from contraflow.encoded.splits import UNLABELLED


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the views of labelled images, at least 0; 0 where there are none.

    Args:
        logits: Of the views of each image, (V, N, classes).
        labels: Of the image in each view, (V, N) or (N,) where all views of an image show the same; -1 for none.
    """
    labels = labels.expand(logits.shape[:2]).flatten()
    # a sum over none is 0, where a mean would be no number
    loss = F.cross_entropy(logits.flatten(0, 1), labels, ignore_index=UNLABELLED, reduction="sum")
    return loss / (labels != UNLABELLED).sum().clamp(min=1)
