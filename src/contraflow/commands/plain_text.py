"""Encoders of texts in plain torch and `tokenizers`: the code that loads their weights, and how texts become tokens."""

from torch import nn

from contraflow.models.text import PADDING, TextEncoder

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
        padding = tokens == {padding}
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
        x = self.norm(x).masked_fill(padding[..., None], 0)
        return self.projection(x.sum(1) / (~padding).sum(1, keepdim=True))


text = Text().eval()
text.load_state_dict(load_file("{file}"))
tokenizer = Tokenizer.from_file("{tokenizer}")
tokenizer.enable_truncation({context})
tokenizer.enable_padding(pad_id={padding})


def tokens(texts):
    return torch.tensor([each.ids for each in tokenizer.encode_batch(texts)])
"""


def text_code(encoder: TextEncoder, file: str, tokenizer: str) -> str:
    """Python that rebuilds an encoder as `text`, in evaluation mode, and `tokens`, which makes what it takes of texts.

    Args:
        file: Name of a safetensors file of `plain_weights`.
        tokenizer: Name of the JSON of its tokenizer.
    """
    return _TEXT.format(**sizes(encoder), padding=PADDING, file=file, tokenizer=tokenizer)


def sizes(encoder: TextEncoder) -> dict[str, int]:
    """What it is made by."""
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


def projection_code(projection: nn.Linear, file: str) -> str:
    """Python that makes of the features of images vectors in the space of images and texts, as `projection`."""
    sizes = f"{projection.in_features}, {projection.out_features}"
    return f"""\
projection = torch.nn.Linear({sizes}, bias=False)
projection.load_state_dict(load_file("{file}"))
"""
