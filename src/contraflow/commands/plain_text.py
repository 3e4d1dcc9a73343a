"""Encoders of texts in plain torch and `tokenizers`, those of a model folder with `transformers`: the code that loads
their weights, and how texts become tokens."""

from typing import Any

import torch
from torch import Tensor, nn

from contraflow.commands.plain import plain_weights, whitening_code
from contraflow.encoded.texts import exchanged
from contraflow.models.huggingface import FolderEncoder
from contraflow.models.text import OfTexts

_TEXT = """\
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer


class Text(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = torch.nn.Embedding({vocabulary}, {width})
        self.positions = torch.nn.Parameter(torch.empty({context}, {width}))
        layer = {{"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}}
        self.layers = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer({width}, {heads}, {hidden}, **layer) for _ in range({layers})
        )
        self.norm = torch.nn.LayerNorm({width})
        self.projection = torch.nn.Linear({width}, {features}, bias=False)

    def forward(self, tokens):  # (N, T) to (N, {features}); what fills up is {padding}
        tokens = tokens[:, :{context}]
        padding = tokens == {padding}
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
        x = self.norm(x).masked_fill(padding[..., None], 0)
        return self.projection(x.sum(1) / (~padding).sum(1, keepdim=True))


text = Text().eval()
text.load_state_dict(load_file("{file}"))
"""
_FOLDER = """\
import json

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

with open("{card}") as card:
    config = AutoConfig.for_model(**json.load(card)["text"]["config"])
network = AutoModel.from_config(config, dtype=torch.float32).eval()
network.pooler = None
weights = load_file("{file}")
to_space = weights.pop("projection.weight", None)
network.load_state_dict(weights)


def text(tokens):  # (N, T) to (N, {features}); what fills up is {padding}
    mask = tokens != {padding}
    x = network(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
    x = {pooled}
    return x if to_space is None else x @ to_space.T

"""
_POOLED = {
    "mean": "x.masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)",
    "cls": "x[:, 0]",
}
_TOKENS = """\
tokenizer = Tokenizer.from_file("{tokenizer}")
tokenizer.encode_special_tokens = True
{truncation}tokenizer.enable_padding(pad_id={padding})


def tokens(texts):
    return torch.tensor([each.ids for each in tokenizer.encode_batch(texts)])
"""


def text_code(encoder: OfTexts, *, file: str, tokenizer: str, filling: int, card: str) -> str:
    """Python that rebuilds an encoder as `text`, in evaluation mode, and `tokens`, which makes what it takes of texts.

    Args:
        file: Name of a safetensors file of `text_weights`.
        tokenizer: Name of the JSON of its tokenizer.
        filling: Number of the token with which that fills up.
        card: Name of the JSON in which `described` is `text`.
    """
    named = {"file": file, "tokenizer": tokenizer, "card": card, "padding": filling, "truncation": ""}
    if isinstance(encoder, FolderEncoder):
        of = encoder.architecture
        # what is cut keeps the tokens around it, as the encoder has it
        named |= {"truncation": f"tokenizer.enable_truncation({encoder.context})\n"}
        named |= {"features": encoder.dimension, "pooled": _POOLED[of.pooling]}
        return (_FOLDER + _TOKENS).format(**named)
    return (_TEXT + _TOKENS).format(**described(encoder), **named)


def text_weights(encoder: OfTexts, filling: int) -> dict[str, Tensor]:
    """`plain_weights` for tokens as their tokenizer numbers them, which fills up with `filling`."""
    weights = plain_weights(encoder)
    if not isinstance(encoder, FolderEncoder):
        vectors = weights["tokens.weight"]
        weights["tokens.weight"] = vectors[exchanged(torch.arange(len(vectors)), filling)]
    return weights


def described(encoder: OfTexts) -> dict[str, Any]:
    """What it is made by."""
    if isinstance(encoder, FolderEncoder):
        of = encoder.architecture
        told = {"vocabulary": encoder.network.config.vocab_size, "context": encoder.context}
        return told | {"features": encoder.dimension, "pooling": of.pooling, "config": of.config}
    layer = encoder.layers[0]
    return {
        "vocabulary": encoder.tokens.num_embeddings,
        "context": encoder.context,
        "width": encoder.tokens.embedding_dim,
        "layers": len(encoder.layers),
        "heads": layer.self_attn.num_heads,
        "hidden": layer.linear1.out_features,
        "features": encoder.projection.out_features,
    }


def whitened_code(whitening: nn.Linear, file: str) -> str:
    """Python that puts a whitening behind `text`, which `text_code` made; `file` is one of its `plain_weights`."""
    return f"""\
as_learned = text
{whitening_code(whitening, file)}

def text(tokens):
    return whitening(as_learned(tokens))
"""


def projection_code(projection: nn.Linear, file: str) -> str:
    """Python that makes of the features of images vectors in the space of images and texts, as `projection`."""
    sizes = f"{projection.in_features}, {projection.out_features}"
    return f"""\
projection = torch.nn.Linear({sizes}, bias=False)
projection.load_state_dict(load_file("{file}"))
"""
