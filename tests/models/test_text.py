"""The encoder of texts: what it sees, and what it does not."""

import numpy as np
import pytest
import torch
from torch import nn

from contraflow.models.settings import TextModel
from contraflow.models.text import RowEncoder, TextEncoder, embed_texts

SETTINGS = TextModel(width=16, layers=2, heads=4, context=12)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return TextEncoder(SETTINGS, 40, 6).double().train()


@pytest.fixture
def tokens():
    """Nine texts of 1 to 12 tokens, in no order of length."""
    lengths = torch.tensor([5, 12, 1, 3, 8, 2, 12, 7, 4])
    found = torch.randint(1, 40, (9, 12), generator=torch.Generator().manual_seed(0))
    return found.masked_fill(torch.arange(12) >= lengths[:, None], 0)


def test_an_embedding_is_of_its_text_alone(encoder, tokens):
    whole = encoder(tokens)
    for row, own in enumerate(tokens):
        alone = own[own != 0]
        torch.testing.assert_close(encoder(alone[None])[0], whole[row])


def test_it_is_the_mean_over_tokens_that_attention_has_mixed(encoder, tokens):
    """Layer by layer, by hand, without padding."""
    own = tokens[4][:8]
    x = encoder.tokens.weight[own] + encoder.positions[:8]
    for layer in encoder.layers:
        y, attention = layer.norm1(x), layer.self_attn
        q, k, v = (y @ attention.in_proj_weight.T + attention.in_proj_bias).unflatten(1, (3, 4, 4)).permute(1, 2, 0, 3)
        mixed = (q @ k.transpose(1, 2) / 2).softmax(2) @ v
        x = x + attention.out_proj(mixed.transpose(0, 1).flatten(1))
        x = x + layer.linear2(torch.nn.functional.gelu(layer.linear1(layer.norm2(x))))
    torch.testing.assert_close(encoder(tokens)[4], encoder.projection(encoder.norm(x).mean(0)))


def test_the_order_of_tokens_counts(encoder):
    assert not torch.allclose(encoder(torch.tensor([[1, 2, 3]])), encoder(torch.tensor([[1, 3, 2]])))


def test_layers_begin_unlike_each_other(encoder):
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert not torch.equal(first, second)


def test_embedding_many_is_embedding_each(encoder, tokens):
    found = embed_texts(encoder.float(), tokens.numpy(), 4, torch.device("cpu"))
    assert found.dtype == np.float32 and found.shape == (9, 6)
    np.testing.assert_allclose(found, encoder(tokens).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_what_fills_up_a_row_behind_what_is_read_changes_no_bit(tokens):
    """So that rows may be as short as their loader likes."""
    torch.manual_seed(0)
    encoder = RowEncoder(SETTINGS, 40)
    rows = torch.column_stack([torch.arange(9) * 2**40, tokens])
    longer = nn.functional.pad(rows, (0, 4096 - 12))
    longer[1, 13:] = 7  # of a text of 4,096 tokens
    assert torch.equal(encoder(rows), encoder(longer))
