"""Two encoders, of images and of texts, into one space."""

from pathlib import Path

import torch
from torch import nn

from contraflow.encoded.card import EncodedData
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import Checkpoint, read_checkpoint
from contraflow.models.encoders import build_encoder
from contraflow.models.heads import linear_head
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.text import TextEncoder
from contraflow.models.weights import load_weights

PARTS = ("encoder", "projection", "text")  # of a checkpoint


class Towers(nn.Module):
    """The networks of the methods clip and siglip, drawn from torch's generator as these draw them.

    Attributes:
        images: From images (N, C, H, W) to embeddings (N, D).
        text: From tokens (N, T) to embeddings (N, D).
    """

    def __init__(self, model: Model, channels: int, image_size: int, vocabulary: int):
        super().__init__()
        self.encoder = build_encoder(model, channels, image_size)
        self.projection, dimension = nn.Identity(), self.encoder.dimension
        if model.projection == "mlp":
            dimension = model.projection_dim
            self.projection = linear_head(self.encoder.dimension, model.projection_hidden, dimension)
        self.text = TextEncoder(model.text, vocabulary, dimension)
        self.images = nn.Sequential(self.encoder, self.projection)


def start_towers(model: Model, data: EncodedData, seed: int) -> Towers:
    """Those that a training with this seed starts from.

    Raises:
        UserError: as `build_encoder` or `load_weights`.
    """
    card = data.card
    torch.manual_seed(seed)
    towers = Towers(model, card.channels, card.image_size, card.texts.vocabulary)
    if model.pretrained:
        load_weights(towers.encoder, model.pretrained, Normalisation(card.mean, card.std))
    return towers.eval()


def load_towers(path: Path) -> tuple[Towers, Checkpoint]:
    """Rebuild both encoders of a checkpoint, in evaluation mode.

    Raises:
        UserError: the file is missing or damaged, or has no encoder of texts.
    """
    tensors, made_from = read_checkpoint(path)
    if (vocabulary := tensors.get("text.tokens.weight")) is None:
        raise UserError(f"{path} has no encoder of texts: name one that was trained by method.name clip or siglip")
    towers = Towers(Model(**made_from.params["model"]), made_from.channels, made_from.image_size, len(vocabulary))
    for part in PARTS:
        own = {name.removeprefix(f"{part}."): each for name, each in tensors.items() if name.startswith(f"{part}.")}
        getattr(towers, part).load_state_dict(own)
    return towers.eval(), made_from
