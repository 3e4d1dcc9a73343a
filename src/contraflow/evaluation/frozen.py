"""Evaluation must not touch what it evaluates, and refuses what is no number."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.errors import UserError
from contraflow.models.embed import embed_batches


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


def require_finite(features: np.ndarray, source: str) -> None:
    """Refuse features (N, D) of a failed training.

    Raises:
        UserError: features of some image are NaN or infinite; names `source`, where they come from.
    """
    bad = int((~np.isfinite(features).all(axis=1)).sum())
    if bad:
        raise UserError(
            f"{source} gives NaN or infinite features for {bad} of {len(features)} images: "
            "its training has failed; lower train.lr or mining.lr and train again"
        )


def finite_features(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device, source: str
) -> Iterator[np.ndarray]:
    """Features (B, D) of each batch, as `embed_batches` computes them.

    Raises:
        UserError: as `require_finite`.
    """
    for features, _ in embed_batches(encoder, batches, device):
        require_finite(features, source)
        yield features


def _content(encoder: nn.Module) -> dict[str, bytes]:
    return {name: tensor.cpu().numpy().tobytes() for name, tensor in encoder.state_dict().items()}
