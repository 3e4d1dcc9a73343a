"""An order of all images in which they meet their mined negatives: cut into batches, each image once an epoch.

An in-batch loss so meets hard negatives without a single additional forward pass. Images that a mined graph links lie
together in neighbourhoods, the neighbourhoods in random order: a batch holds several of them, so that it is hard
without being one cluster of what looks the same.

One permutation that puts hard negatives into one batch is the idea of Sachidananda et al. 2023, "Global Selection of
Contrastive Batches via Optimization on Sample Permutations", which takes the reverse Cuthill-McKee order: where a mined
graph is wide, that meets little (docs/mining.md). Walking through a graph of neighbours from random starts is that of
Yang et al. 2023, "BatchSampler: Sampling Mini-Batches for Contrastive Learning in Vision, Language, and Graphs".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from contraflow.encoded.kin import Kin
from contraflow.mining.growth import grow


@dataclass(frozen=True)
class Composition:
    """How the batches of an epoch are composed.

    Attributes:
        anchor: Sample indices of the images, (N,) int64, rising.
        negative: Sample indices of the mined negatives of each, (N, k), all of them among `anchor`, or -1 for none.
        apart: By sample index, which images are never put together: those that are no negatives of each other.
        neighbourhood: So many images lie together, at most; 1 draws all at random.
        seed: With the epoch, what the order depends on beside these.
    """

    anchor: np.ndarray
    negative: np.ndarray
    apart: Sequence[Kin]
    neighbourhood: int
    seed: int

    def order(self, epoch: int) -> np.ndarray:
        """A permutation of `anchor`, (N,) int64: the same on any machine and with any number of threads."""
        n = len(self.anchor)
        draw = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch], np.uint64), counter=[0, 0, 0, 2]))
        # the images are numbered at random first: where a neighbourhood begins and whom it prefers differ by epoch
        numbered = draw.permutation(n)
        links, own = self._links(numbered), self.anchor[numbered]
        places = np.array([kin.places[own] for kin in self.apart], np.int64).reshape(-1, n)
        windows = np.array([kin.window for kin in self.apart], np.int64)
        order, begins = grow(links.indptr, links.indices, places, windows, self.neighbourhood)
        number = np.cumsum(begins) - 1
        turn = draw.permutation(begins.sum())[number]
        return own[order[np.argsort(turn, kind="stable")]]

    def _links(self, numbered: np.ndarray) -> csr_array:
        """Who is a mined negative of whom, either way, by the numbers of the images: (N, N)."""
        n, k = self.negative.shape
        number = np.empty(n, np.int32)
        number[numbered] = np.arange(n, dtype=np.int32)
        there = self.negative.ravel() >= 0
        end = number[np.searchsorted(self.anchor, self.negative.ravel()[there])]
        start = np.repeat(number, k)[there]
        ends = np.concatenate([start, end]), np.concatenate([end, start])
        links = csr_array((np.ones(2 * len(end), np.bool_), ends), (n, n))
        links.sum_duplicates()
        return links

    def meets(self, order: np.ndarray, batch_size: int) -> np.ndarray:
        """How many of its mined negatives each image shares its batch with, (M,), of the M images in full batches."""
        full = order[: len(order) // batch_size * batch_size]
        batch = np.full(self.anchor[-1] + 1, -1)
        batch[full] = np.arange(len(full)) // batch_size
        of_anchor = batch[self.anchor]
        met = (self.negative >= 0) & (batch[self.negative] == of_anchor[:, None])
        return met.sum(axis=1)[of_anchor >= 0]
