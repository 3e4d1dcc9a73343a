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
        self._unseen: list[tuple[Tensor, float]] = []
        self._total, self._steps = 0.0, 0

    def add(self, loss: Tensor, rate: float) -> None:
        """Take in the loss of a step, a scalar, which is not looked at: a GPU may not have computed it yet.

        Args:
            rate: The learning rate of the step.
        """
        self._unseen.append((loss.detach(), rate))

    def mean(self) -> float:
        """Of at least one step, once the device has computed them all.

        Raises:
            UserError: a loss is not finite.
        """
        losses, rates = zip(*self._unseen, strict=True) if self._unseen else ((), ())
        for value, rate in zip(torch.stack(losses).tolist() if losses else (), rates, strict=True):
            if not math.isfinite(value):
                raise UserError(
                    f"the training of {self._label} failed: the loss became {value} in epoch {self._epoch} at learning "
                    f"rate {rate:.4g}; lower train.lr or mining.lr, raise loss.tau or train.warmup_epochs"
                )
            self._total += value
            self._steps += 1
        self._unseen.clear()
        return self._total / self._steps
