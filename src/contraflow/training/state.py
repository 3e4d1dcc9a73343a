"""What a training needs to go on from the end of an epoch to the same bytes."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from contraflow.foundations.artefacts import atomic
from contraflow.foundations.errors import UserError

_DIGEST = 32  # bytes of SHA-256, before the content


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, text, lists and dicts of them, with a digest of it all."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    with atomic(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def digest_of(path: Path) -> bytes | None:
    """The digest in what `save_state` wrote; None where there is nothing."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(_DIGEST)


def load_state(path: Path) -> dict[str, Any] | None:
    """Read what `save_state` wrote; None where there is nothing.

    Raises:
        UserError: the file is cut short or damaged.
    """
    if not path.is_file():
        return None
    digest, content = (whole := path.read_bytes())[:_DIGEST], whole[_DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise UserError(
            f"{path}, the state of an unfinished training, is damaged: delete it, and the training starts over"
        )
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
