"""Cached gradients: the features of a large batch, in the memory that a part of it takes.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (GradCache): of each part the
features alone are kept. What follows the encoder sees those of the whole batch, and gives each its gradient; with that
a part goes through the encoder a second time, and its activations are there for as long.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call


def in_parts(encoder: nn.Module, views: Tensor, images: int | None) -> Tensor:
    """Features (V, n, F) of views (V, n, C, H, W), of which an encoder sees those of `images` images at a time.

    An image's features, and with them loss and gradients, are those of the whole batch, but for the last bits, where
    they depend on no other image. A BatchNorm takes its statistics of the part, as if the batch were that small; its
    running ones move with each part once, though it is seen twice.

    Args:
        encoder: Draws no random numbers.
        images: None for all: they go through the encoder as one batch, and all activations are kept.
    """
    if images is None or images >= views.shape[1]:
        return _embed(encoder, views)
    weights = [p for p in encoder.parameters() if p.requires_grad]
    return torch.cat([_Part.apply(encoder, part, *weights) for part in views.split(images, dim=1)], dim=1)


def _embed(encoder: nn.Module, views: Tensor) -> Tensor:
    return encoder(views.flatten(0, 1)).unflatten(0, views.shape[:2])


class _Part(torch.autograd.Function):
    """Features of a part. The weights are arguments so that gradients are asked for, and given to them."""

    @staticmethod
    def forward(ctx, encoder, views, *weights):
        ctx.encoder, ctx.views, ctx.weights = encoder, views, weights
        device = views.device.type
        ctx.autocast = torch.autocast(
            device, dtype=torch.get_autocast_dtype(device), enabled=torch.is_autocast_enabled(device)
        )
        return _embed(encoder, views)

    @staticmethod
    def backward(ctx, gradient):
        statistics = {name: buffer.clone() for name, buffer in ctx.encoder.named_buffers()}  # these have moved already
        views = ctx.views.flatten(0, 1)
        with torch.enable_grad(), ctx.autocast:
            features = functional_call(ctx.encoder, statistics, (views,))
        return None, None, *torch.autograd.grad(features, ctx.weights, gradient.flatten(0, 1))
