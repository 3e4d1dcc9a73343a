"""What the encoder that a training starts from is made of, beside the parameters."""

import hashlib
from pathlib import Path

from contraflow.foundations.artefacts import sha256
from contraflow.foundations.stages import files_at
from contraflow.models.foreign import source_of
from contraflow.models.settings import Model
from contraflow.settings.values import named


def started_from(model: Model) -> dict[str, str]:
    """SHA-256 of what is read of the user's to make it, by name, for a provenance.

    Of a function of the user's it is that of the code that `model.code` names, else of its module alone.

    Raises:
        UserError: its module cannot be imported.
    """
    if not model.module:
        return {}
    code = named(model.code) or source_of(model.encoder)
    return {"model_code": _digest(code)} if code else {}


def _digest(path: Path) -> str:
    if path.is_file():
        return sha256(path)
    digests = {file.relative_to(path).as_posix(): sha256(file) for file in files_at(path)}
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()
