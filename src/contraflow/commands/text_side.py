"""The encoder of texts of a run, beside one of images or alone, with the tokenizer that its texts go through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from contraflow.commands.trained import Trained, card_of
from contraflow.encoded.names import TOKENIZER
from contraflow.encoded.texts import Rows
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.text import BATCH, OfTexts, vectors_of


@dataclass(frozen=True)
class TextSide:
    """From texts to vectors: beside an encoder of images into the space of both, alone to features.

    Attributes:
        path: Of the checkpoint.
        network: From tokens (N, T) to vectors (N, D); alone from rows, which begin with the key of a dropout.
        tokenizer: JSON of `tokenizers`.
    """

    path: Path
    network: OfTexts
    tokenizer: str

    @classmethod
    def of(cls, trained: Trained, data: Path) -> Self:
        """That of a checkpoint, and the tokenizer beside the card of what it was trained on.

        Raises:
            UserError: it has no encoder of texts, `data` is another card, or the tokenizer is missing or was changed.
        """
        if not trained.alone and trained.towers is None:
            raise UserError(
                f"{trained.path} has no encoder of texts: name one that was trained by method.name clip, siglip or "
                "simcse with --checkpoint"
            )
        if (card := card_of(trained, data)) is None:
            raise UserError(
                f"{trained.path} was trained on other texts than those of {data}, beside which its tokenizer should "
                "lie: name its own with --data"
            )
        file = data.with_name(TOKENIZER)
        if not file.is_file() or sha256(file) != card.digests[TOKENIZER]:
            raise UserError(f"{file} is missing or was changed: run the step encode again")
        network = trained.network if trained.alone else trained.towers.text
        return cls(trained.path, network, file.read_text(encoding="utf-8"))

    def of_texts(self, texts: Sequence[str], device: torch.device) -> Iterator[np.ndarray]:
        """Vectors (B, D) float32 of some of the texts after others, not normalised.

        Raises:
            UserError: they are NaN or infinite.
        """
        for start in range(0, len(texts), BATCH):
            yield from self.of_tokens(Rows.of(tokenise(self.tokenizer, texts[start : start + BATCH]), np.int32), device)

    def of_tokens(self, tokens: Rows, device: torch.device) -> Iterator[np.ndarray]:
        """The same of the tokens of texts."""
        return vectors_of(self.network, tokens, np.arange(len(tokens)), device, str(self.path))
