"""The section `model`: the network."""

from typing import Annotated, Literal

from pydantic import Field

from contraflow.settings.values import Count, Section, Suited

SMALL_IMAGE = 64  # pixels; up to here a ResNet's ImageNet stem would throw most of the image away


class Model(Section):
    encoder: Annotated[
        Literal["small", "resnet18", "resnet34", "resnet50", "vit_small"],
        "small (for 28 to 32 pixels on a CPU), resnet18, resnet34, resnet50, vit_small",
    ] = "small"
    width: Annotated[
        int, Field(ge=8, le=512), "channels of the first block of `small`; the features are 8 times as wide"
    ] = 16
    norm: Annotated[
        Literal["batch", "sync", "instance", "group"],
        "of the encoder's convolutions: batch (over one GPU's images; moco: groups of a batch), sync (over all "
        "GPUs'; not moco), instance, group",
    ] = "batch"
    pooling: Annotated[
        Literal["average", "linear"],
        Suited({"glyphs": "linear"}),
        "what makes features of the last map: average, or linear (a layer, which sees where a thing is; not vit_small)",
    ] = "average"
    projection: Annotated[
        Literal["mlp", "none"],
        Suited({"glyphs": "none"}),
        "the head between features and loss: mlp, or none (as where retrieval is all)",
    ] = "mlp"
    projection_hidden: Annotated[Count, "hidden units of the projection head"] = 256
    projection_dim: Annotated[Count, "its output, where the loss is computed"] = 128
    predictor_hidden: Annotated[Count, "hidden units of the predictor of byol, simsiam and nnclr"] = 256

    def stride(self, image_size: int) -> int:
        """Pixels a side of an image, of `image_size`, that one pixel of the encoder's last map stands for."""
        if self.encoder == "vit_small":
            return 4 if image_size <= SMALL_IMAGE else 16
        return 8 if self.encoder == "small" or image_size <= SMALL_IMAGE else 32


def groups(images: int) -> int:
    """Into how many equal groups, one after the other, moco's BatchNorms split a batch: the fewest that are at least as
    many as each has images (16 of 8, of a prime number of images each alone).
    """
    return next(g for g in range(1, images + 1) if images % g == 0 and g * g >= images)
