"""The losses of an epoch, which stay on the device until somebody looks."""

import math

import torch
from torch import Tensor

from contraflow.foundations.errors import UserError


class RunningLoss:
    """The mean over the steps of an epoch so far.

    Args:
        label: What is trained, for the sentence that says that it failed.
        epoch: From 1.
    """

    def __init__(self, label: str, epoch: int):
        self._label, self._epoch = label, epoch
        self._unseen: list[Tensor] = []
        self._total, self._steps = 0.0, 0

    def add(self, loss: Tensor) -> None:
        """Take in the loss of a step, a scalar, which is not looked at: a GPU may not have computed it yet."""
        self._unseen.append(loss.detach())

    def mean(self, rate: float) -> float:
        """Of at least one step, once the device has computed them all; `rate` is the learning rate of the last.

        Raises:
            UserError: a loss is not finite.
        """
        for value in torch.stack(self._unseen).tolist() if self._unseen else ():
            if not math.isfinite(value):
                raise UserError(
                    f"the training of {self._label} failed: the loss became {value} in epoch {self._epoch} at learning "
                    f"rate {rate:.4g}; lower train.lr or mining.lr, raise loss.tau or train.warmup_epochs"
                )
            self._total += value
            self._steps += 1
        self._unseen.clear()
        return self._total / self._steps
