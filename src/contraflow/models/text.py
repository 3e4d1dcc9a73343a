"""The encoder of texts: transformer layers over tokens."""

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.models.settings import TextModel

PADDING = 0  # the token that only fills up
_LENGTHS = 4  # parts of a batch, by length: what is short need not be filled up to the longest of all
_WIDER = 4  # times as wide is the hidden layer
_SPREAD = 0.02  # standard deviation of new vectors (Radford et al. 2021)


class TextEncoder(nn.Module):
    """Pre-norm transformer layers (Vaswani et al. 2017), the mean over a text's tokens, and a linear layer.

    Every token sees every other of its text, and none of the padding.

    Args:
        settings: Its size.
        vocabulary: Tokens, of which `PADDING` is one.
        dimension: D, of an embedding.
    """

    def __init__(self, settings: TextModel, vocabulary: int, dimension: int):
        super().__init__()
        width = settings.width
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.empty(settings.context, width))
        nn.init.normal_(self.tokens.weight, std=_SPREAD)
        nn.init.normal_(self.positions, std=_SPREAD)
        how = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, settings.heads, _WIDER * width, **how) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, dimension, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embeddings (N, D) of texts (N, T), int64, of which each has a token that is not `PADDING`."""
        order = (tokens != PADDING).sum(1).argsort()
        return torch.cat([self._embed(part) for part in tokens[order].chunk(_LENGTHS)])[order.argsort()]

    def _embed(self, tokens: Tensor) -> Tensor:
        padding = tokens == PADDING
        # short texts are less work; but the host would wait for a GPU to say how short
        longest = tokens.shape[1] if tokens.device.type == "cuda" else int((~padding).sum(1).max())
        tokens, padding = tokens[:, :longest], padding[:, :longest]
        x = self.tokens(tokens) + self.positions[:longest]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
        x = self.norm(x).masked_fill(padding[..., None], 0)
        return self.projection(x.sum(1) / (~padding).sum(1, keepdim=True))


def embed_texts(encoder: nn.Module, tokens: np.ndarray, batch_size: int, device: torch.device) -> np.ndarray:
    """Embeddings of texts (N, T) as they are, (N, D) float32, in evaluation mode."""
    encoder = encoder.to(device).eval()
    with torch.inference_mode():
        parts = [encoder(part.to(device)).float().cpu() for part in torch.from_numpy(tokens).split(batch_size)]
    return torch.cat(parts).numpy()
