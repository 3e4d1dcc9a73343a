"""The section `model`: the network."""

from typing import Annotated, Literal

from pydantic import Field

from contraflow.settings.values import Count, Section


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
    projection_hidden: Annotated[Count, "hidden units of the projection head"] = 256
    projection_dim: Annotated[Count, "its output, where the loss is computed"] = 128
    predictor_hidden: Annotated[Count, "hidden units of the predictor of byol, simsiam and nnclr"] = 256
