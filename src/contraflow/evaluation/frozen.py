"""Evaluation must not touch what it evaluates."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(encoder: nn.Module) -> Iterator[None]:
    """Put an encoder into evaluation mode, and prove at the end that the block left it as it was.

    Raises:
        AssertionError: a parameter or buffer (BatchNorm's statistics, for one) no longer has the same bits, or a part
            is in training mode.
    """
    encoder.eval()
    before = _content(encoder)
    yield
    training = [name or "the encoder" for name, module in encoder.named_modules() if module.training]
    if training:
        raise AssertionError(f"in training mode after the evaluation: {', '.join(training)}")
    after = _content(encoder)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    if changed:
        raise AssertionError(f"changed by the evaluation: {', '.join(changed)}")


def _content(encoder: nn.Module) -> dict[str, bytes]:
    return {name: tensor.cpu().numpy().tobytes() for name, tensor in encoder.state_dict().items()}
