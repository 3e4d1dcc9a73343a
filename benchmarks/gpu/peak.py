"""How much a device computes at most, and how much a step of training is."""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.loader.timing import Case, wait
from contraflow.training.loop import precision_of

TIMES = 20


def operations(case: Case) -> float:
    """Floating-point operations an image in the next step of a case: of convolutions and matrix products alone."""
    with FlopCounterMode(display=False) as counter:
        next(case.start())
    return counter.get_total_flops() / case.batch_size


def peak(side: int, precision: str, device: torch.device) -> float:
    """Floating-point operations a second of the product of two square matrices, in the type that `train.precision`
    takes for products on this device."""
    matrix = torch.randn(side, side, device=device)
    with precision_of(precision, device)[0]:
        matrix = matrix @ matrix / side**0.5
    for timed in (1, TIMES):  # the first is not
        wait()
        began = time.perf_counter()
        for _ in range(timed):
            matrix @ matrix
        wait()
    return TIMES * 2 * side**3 / (time.perf_counter() - began)
