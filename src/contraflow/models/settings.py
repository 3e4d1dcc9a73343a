"""The section `model`: the network."""

from typing import Annotated, Literal

from pydantic import Field

from contraflow.settings.values import Count, Section


class Model(Section):
    encoder: Literal["small", "resnet18", "resnet34", "resnet50", "vit_small"]
    width: Annotated[int, Field(ge=8, le=512)]
    norm: Literal["batch", "sync", "instance", "group"]
    projection_hidden: Count
    projection_dim: Count
    predictor_hidden: Count
