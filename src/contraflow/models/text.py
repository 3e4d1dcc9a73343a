"""The encoder of texts: transformer layers over tokens."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.encoded.texts import PADDING, Rows
from contraflow.models.dropout import NONE, Dropout
from contraflow.models.embed import require_finite
from contraflow.models.settings import TextModel
from contraflow.models.whitening import Whitened, bare

BATCH = 256  # texts at a time: of long ones attention takes much memory
_LENGTHS = 4  # parts of a batch, by length: what is short need not be filled up to the longest of all
_WIDER = 4  # times as wide is the hidden layer
_SPREAD = 0.02  # standard deviation of new vectors (Radford et al. 2021)


class OfTexts(nn.Module):
    """What encoders of texts have in common; subclasses give `embed`. The first `context` tokens of a text are read."""

    def __init__(self, settings: TextModel):
        super().__init__()
        self.context, self.dropout = settings.context, settings.dropout

    def forward(self, tokens: Tensor, keys: Tensor | None = None) -> Tensor:
        """Embeddings (N, D) of texts (N, T), int64, of which each has a token that is not `PADDING`.

        Args:
            keys: Of the dropout of each, (N,); None for no dropout.
        """
        tokens = tokens[:, : self.context]
        keys = tokens.new_full((len(tokens),), NONE) if keys is None else keys
        order = (tokens != PADDING).sum(1).argsort()
        parts = zip(tokens[order].chunk(_LENGTHS), keys[order].chunk(_LENGTHS), strict=True)
        return torch.cat([self._embed(*part) for part in parts])[order.argsort()]

    def _embed(self, tokens: Tensor, keys: Tensor) -> Tensor:
        padding, longest, share = tokens == PADDING, tokens.shape[1], self.dropout
        if tokens.device.type != "cuda":  # the host would wait for a GPU to say so
            # short texts are less work, and so are those of which nothing is dropped
            longest, share = int((~padding).sum(1).max()), share if keys.any() else 0.0
        return self.embed(tokens[:, :longest], padding[:, :longest], Dropout(keys, share))

    def embed(self, tokens: Tensor, padding: Tensor, drop: Dropout) -> Tensor:
        """Embeddings (N, D) of texts (N, T), of which some tokens are `padding`."""
        raise NotImplementedError


def mean_of(x: Tensor, padding: Tensor) -> Tensor:
    """Of what is made of tokens (N, T, D) the mean over those of a text, (N, D)."""
    return x.masked_fill(padding[..., None], 0).sum(1) / (~padding).sum(1, keepdim=True)


class TextEncoder(OfTexts):
    """Pre-norm transformer layers (Vaswani et al. 2017), the mean over a text's tokens, and a linear layer.

    Every token sees every other of its text, and none of the padding.

    Args:
        settings: Its size.
        vocabulary: Tokens, of which `PADDING` is one.
        dimension: D, of an embedding.
    """

    def __init__(self, settings: TextModel, vocabulary: int, dimension: int):
        super().__init__(settings)
        width = settings.width
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.empty(settings.context, width))
        nn.init.normal_(self.tokens.weight, std=_SPREAD)
        nn.init.normal_(self.positions, std=_SPREAD)
        self.layers = nn.ModuleList(_Layer(width, settings.heads, _WIDER * width) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, dimension, bias=False)

    def embed(self, tokens: Tensor, padding: Tensor, drop: Dropout) -> Tensor:
        x = drop(self.tokens(tokens) + self.positions[: tokens.shape[1]], 0)
        for number, layer in enumerate(self.layers):
            x = layer(x, padding, drop, 1 + 2 * number)
        return self.projection(mean_of(self.norm(x), padding))


class _Layer(nn.TransformerEncoderLayer):
    """A layer whose dropout is a function of keys: at the ends of both its parts, at two places from `place` on."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__(width, heads, hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)

    def forward(self, x: Tensor, padding: Tensor, drop: Dropout, place: int) -> Tensor:
        normed = self.norm1(x)
        attended, _ = self.self_attn(normed, normed, normed, key_padding_mask=padding, need_weights=False)
        x = x + drop(attended, place)
        return x + drop(self.linear2(F.gelu(self.linear1(self.norm2(x)))), place + 1)


class OfRows:
    """Makes an encoder of texts one of texts that are alone: from rows (N, 1 + T) int64.

    A row is the key of its dropout, in training and in evaluation, and then the tokens of a text.
    """

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows[:, 1:], rows[:, 0])


class RowEncoder(OfRows, TextEncoder):
    """The encoder of texts alone, to as many features as a token's vector has."""

    def __init__(self, settings: TextModel, vocabulary: int):
        super().__init__(settings, vocabulary, settings.width)
        self.dimension = settings.width


def embed_texts(encoder: nn.Module, tokens: np.ndarray, batch_size: int, device: torch.device) -> np.ndarray:
    """Embeddings of texts (N, T) as they are, (N, D) float32, in evaluation mode."""
    encoder = encoder.to(device).eval()
    with torch.inference_mode():
        parts = [encoder(part.to(device)).float().cpu() for part in torch.from_numpy(tokens).split(batch_size)]
    return torch.cat(parts).numpy()


def vectors_of(
    encoder: OfTexts | Whitened, tokens: Rows, rows: np.ndarray, device: torch.device, source: str
) -> Iterator[np.ndarray]:
    """Vectors (B, D) float32 of some rows (n,) of the tokens of texts after others, `BATCH` at a time, not normalised.

    Args:
        encoder: Of tokens, or `OfRows`, which drops nothing here; with or without its whitening.

    Raises:
        UserError: they are NaN or infinite; names `source`, where they come from.
    """
    reads = bare(encoder)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        padded = tokens.padded(part, min(reads.context, int(tokens.lengths[part].max())))
        if isinstance(reads, OfRows):
            padded = np.pad(padded, ((0, 0), (1, 0)), constant_values=NONE)
        vectors = embed_texts(encoder, padded, BATCH, device)
        require_finite(vectors, source)
        yield vectors
