"""Triplet and margin: the losses on the batch's comparison, with the settings that the parameters give."""

import pytest
import torch

from contraflow.losses.comparison import in_batch
from contraflow.losses.margins import margin_pairs, triplet


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_losses_are_those_of_the_projections(method_of, batch_of, similarity):
    batch, loss = batch_of(0), {"margin": 0.4, "similarity": similarity, "triplet": "hardest"}
    output = method_of("triplet", loss=loss)(batch)
    torch.testing.assert_close(
        output.loss, triplet(in_batch(output.embeddings, batch.index, similarity), 0.4, "hardest")
    )
    output = method_of("margin", loss=loss)(batch)
    expected = margin_pairs(in_batch(output.embeddings, batch.index, similarity), 0.4, similarity)
    torch.testing.assert_close(output.loss, expected)
