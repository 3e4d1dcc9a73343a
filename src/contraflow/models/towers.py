"""Two encoders, of images and of texts, into one space."""

from pathlib import Path

import torch
from torch import nn

from contraflow.encoded.card import EncodedData
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import Checkpoint, read_checkpoint
from contraflow.models.encoders import build_encoder
from contraflow.models.heads import linear_head
from contraflow.models.huggingface import Architecture
from contraflow.models.items import build_beside
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.start import start_encoder

PARTS = ("encoder", "projection", "text")  # of a checkpoint


class Towers(nn.Module):
    """The networks of the methods clip and siglip, drawn from torch's generator as these draw them.

    Attributes:
        images: From images (N, C, H, W) to embeddings (N, D).
        text: From tokens (N, T) to embeddings (N, D).
        dimension: D.
    """

    def __init__(self, encoder: nn.Module, model: Model, vocabulary: int, text: Architecture | None = None):
        super().__init__()
        self.encoder, self.projection, dimension = encoder, nn.Identity(), encoder.dimension
        if model.projection == "mlp":
            dimension = model.projection_dim
            self.projection = linear_head(encoder.dimension, model.projection_hidden, dimension)
        self.text = build_beside(model.text, vocabulary, dimension, text)
        self.dimension = dimension
        self.images = nn.Sequential(self.encoder, self.projection)


def start_towers(model: Model, data: EncodedData, seed: int) -> Towers:
    """Those that a training with this seed starts from.

    Raises:
        UserError: as `start_encoder`.
    """
    card = data.card
    torch.manual_seed(seed)
    encoder = start_encoder(model, card.channels, card.image_size, Normalisation(card.mean, card.std))
    return Towers(encoder, model, card.texts.vocabulary).eval()


def load_towers(path: Path) -> tuple[Towers, Checkpoint]:
    """Rebuild both encoders of a checkpoint, in evaluation mode.

    Raises:
        UserError: the file is missing or damaged, or has no encoder of texts.
    """
    tensors, made_from = read_checkpoint(path)
    if not any(name.startswith("text.") for name in tensors):
        raise UserError(f"{path} has no encoder of texts: name one that was trained by method.name clip or siglip")
    model = Model(**made_from.params["model"])
    encoder = build_encoder(model, made_from.channels, made_from.image_size)
    towers = Towers(encoder, model, made_from.vocabulary, made_from.text)
    for part in PARTS:
        own = {name.removeprefix(f"{part}."): each for name, each in tensors.items() if name.startswith(f"{part}.")}
        getattr(towers, part).load_state_dict(own)
    return towers.eval(), made_from
