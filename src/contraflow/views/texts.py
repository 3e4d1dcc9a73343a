"""Batches of texts that are alone, as rows: the key of a view's dropout, and then tokens, filled up with 0.

Tokens may be left out here; the dropout itself is the encoder's (`contraflow.models.dropout`): a row says all that it
needs. A view is thus a function of (seed, epoch, sample index, view), as an image's is.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from contraflow.encoded.kin import Kin
from contraflow.encoded.texts import Texts
from contraflow.foundations.errors import UserError
from contraflow.views.batch import Batch
from contraflow.views.kernels.texts import fill_pieces
from contraflow.views.kernels.views import fill_keys
from contraflow.views.loader import epoch_order
from contraflow.views.settings import WHOLE, ViewRecipe

MOST = 4096  # tokens of a text, the first ones: no encoder reads more


class _Texts:
    """What both loaders share: the texts, and which of them to use."""

    def __init__(self, texts: Texts, *, batch_size: int, indices: np.ndarray | None = None):
        self.texts, self.batch_size = texts, batch_size
        self.indices = np.arange(len(texts)) if indices is None else np.asarray(indices, np.int64)

    def _longest(self, indices: np.ndarray, most: int = MOST) -> int:
        """Tokens of the longest of some texts (n,), but `most` at most."""
        return min(most, int(self.texts.tokens.lengths[indices].max()))

    def _rows(self, indices: np.ndarray, keys: np.ndarray, length: int) -> Tensor:
        """Of texts (n,) with their keys (n,) uint64 so many tokens: (n, 1 + length) int64."""
        return _rows(keys, self.texts.tokens.padded(indices, length))

    def _slices(self, order: np.ndarray) -> Iterator[np.ndarray]:
        return (order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size))


class TextLoader(_Texts):
    """Texts as they are, without dropout, in the order of `indices`, with their labels.

    Rows are as long as the longest text of their batch.
    """

    def __len__(self) -> int:
        """Batches, the last of which may not be full."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of rows (B, 1 + T) int64 and labels (B,) int64, -1 where there is none."""
        for indices in self._slices(self.indices):
            keys, length = np.zeros(len(indices), np.uint64), self._longest(indices)
            yield self._rows(indices, keys, length), torch.from_numpy(self.texts.labels[indices])


class TextViews(_Texts):
    """Views of texts, each with a dropout of its own, in a new random order each epoch.

    Arguments are those of `contraflow.views.loader.ViewLoader`. All rows are as long as the longest of all texts, but
    have `tokens` at most, so that those of another loader can be put beside them.

    Args:
        recipes: One a view.
        around: How many tokens stand before and behind every text, whatever is left of it.

    Raises:
        UserError: batches don't divide into `parts`.
    """

    def __init__(
        self,
        texts: Texts,
        recipes: Sequence[ViewRecipe],
        *,
        seed: int,
        around: tuple[int, int],
        tokens: int = MOST,
        kin: Kin | None = None,
        part: int = 0,
        parts: int = 1,
        **which,
    ):
        super().__init__(texts, **which)
        if self.batch_size % parts:
            raise UserError(f"train.batch_size must be a multiple of the GPUs at work, {parts}, got {self.batch_size}")
        self.recipes, self.seed, self._around, self._kin = recipes, seed, around, kin
        self._length = self._longest(np.arange(len(texts)), tokens)
        self._part = slice(part * self.batch_size // parts, (part + 1) * self.batch_size // parts)

    def __len__(self) -> int:
        """Full batches an epoch."""
        return len(self.indices) // self.batch_size

    def order(self, epoch: int) -> np.ndarray:
        """The sample indices in the order of an epoch."""
        sizes = self.texts.tokens.lengths[self.indices] * self.texts.tokens.values.itemsize
        return epoch_order(self.indices, sizes, self.seed, epoch)

    def epoch(self, epoch: int, *, order: np.ndarray | None = None, drop_last: bool = True) -> Iterator[Batch]:
        """The batches of one epoch, as `ViewLoader.epoch` gives them: views (V, n, 1 + T) int64."""
        order = self.order(epoch) if order is None else order
        if drop_last:
            order = order[: len(order) // self.batch_size * self.batch_size]
        partners = None if self._kin is None else self._kin.partners(self.indices, seed=self.seed, epoch=epoch)
        for indices in self._slices(order):
            others = indices if partners is None else partners[indices]
            views = torch.stack(
                [self._view(epoch, (others if i else indices)[self._part], i) for i in range(len(self.recipes))]
            )
            partner = None if partners is None else torch.from_numpy(others)
            yield Batch(views, torch.from_numpy(indices), partner=partner)

    def _view(self, epoch: int, indices: np.ndarray, number: int) -> Tensor:
        keys = np.empty((1, len(indices)), np.uint64)
        fill_keys(indices, self.seed, epoch, number, keys)
        recipe = self.recipes[number]
        if recipe.word_crop == WHOLE and not recipe.word_dropout:
            return self._rows(indices, keys[0], self._length)
        tokens, of_texts = np.zeros((len(indices), self._length), np.int64), self.texts.tokens
        pieces = *self._around, *recipe.word_crop, recipe.word_dropout
        fill_pieces(of_texts.values, of_texts.begins, indices, keys[0], *pieces, tokens)
        return _rows(keys[0], tokens)


def _rows(keys: np.ndarray, tokens: np.ndarray) -> Tensor:
    """Keys (n,) uint64 and then tokens (n, length): (n, 1 + length) int64."""
    return torch.from_numpy(np.column_stack([keys.view(np.int64), tokens]))
