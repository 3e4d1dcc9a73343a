"""The encoder of whatever a data set holds."""

from torch import nn

from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model
from contraflow.models.text import RowEncoder


def build_for(model: Model, channels: int, image_size: int, vocabulary: int) -> nn.Module:
    """That of images, or where they have no channels that of texts of so many tokens, as `build_encoder` makes one.

    Raises:
        UserError: as `build_encoder`.
    """
    if channels:
        return build_encoder(model, channels, image_size)
    return RowEncoder(model.text, vocabulary)
