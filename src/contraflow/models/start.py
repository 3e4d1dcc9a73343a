"""What the encoder that a training starts from is made of, beside the parameters."""

from pathlib import Path

from torch import nn

from contraflow.foundations.artefacts import fingerprint, sha256
from contraflow.foundations.stages import files_at
from contraflow.models.foreign import module_file
from contraflow.models.huggingface import require_folder
from contraflow.models.items import build_for
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.weights import load_weights, require_weights
from contraflow.settings.values import named


def start_encoder(model: Model, channels: int, image_size: int, given: Normalisation, vocabulary: int = 0) -> nn.Module:
    """The encoder that a training starts from: with random weights drawn from torch's generator, or with those of
    `model.weights`, for images that are normalised as `given`; of texts alone for so many tokens.

    Raises:
        UserError: as `build_encoder` or `load_weights`.
    """
    encoder = build_for(model, channels, image_size, vocabulary)
    if model.pretrained:
        load_weights(encoder, model.pretrained, given)
    return encoder


def started_from(model: Model) -> dict[str, str]:
    """SHA-256 of what is read of the user's to make it, by name, for a provenance.

    Of a function of the user's it is that of the code that `model.code` names, else of its module alone.

    Raises:
        UserError: a file is not there, or its module cannot be imported.
    """
    if model.pretrained:
        require_weights(model.pretrained)
    if model.text.pretrained:
        require_folder(model.text.pretrained)
    code = model.module and (named(model.code) or module_file(model.encoder))
    read = {"weights": model.pretrained, "model_code": code, "text_weights": model.text.pretrained}
    return {name: _digest(path) for name, path in read.items() if path}


def _digest(path: Path) -> str:
    if path.is_file():
        return sha256(path)
    return fingerprint({file.relative_to(path).as_posix(): sha256(file) for file in files_at(path)}, ())
