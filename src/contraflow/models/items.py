"""The encoder of whatever a data set holds."""

from torch import nn

from contraflow.models.encoders import build_encoder
from contraflow.models.huggingface import Architecture, FolderEncoder, FolderRows
from contraflow.models.settings import Model, TextModel
from contraflow.models.text import OfTexts, RowEncoder, TextEncoder


def build_for(
    model: Model, channels: int, image_size: int, vocabulary: int, text: Architecture | None = None
) -> nn.Module:
    """That of images, or where they have no channels that of texts of so many tokens, as `build_encoder` makes one.

    One of texts that `model.text.weights` names begins with its weights, but for that of a checkpoint, which tells of
    `text`.

    Raises:
        UserError: as `build_encoder` or `FolderEncoder`.
    """
    if channels:
        return build_encoder(model, channels, image_size)
    if model.text.pretrained:
        return FolderRows(model.text, architecture=text)
    return RowEncoder(model.text, vocabulary)


def build_beside(model: TextModel, vocabulary: int, dimension: int, text: Architecture | None = None) -> OfTexts:
    """The encoder of texts beside one of images, to embeddings of a `dimension`; else as `build_for`."""
    if model.pretrained:
        return FolderEncoder(model, dimension, text)
    return TextEncoder(model, vocabulary, dimension)
