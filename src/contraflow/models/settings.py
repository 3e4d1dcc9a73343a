"""The section `model`: the network."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from contraflow.foundations.signature import Settings
from contraflow.settings.values import NOTHING, Count, Own, Section, Share, ShareBelowOne, Suited, Text, named

SMALL_IMAGE = 64  # pixels; up to here a ResNet's ImageNet stem would throw most of the image away
RESNETS = ("resnet18", "resnet34", "resnet50")
BUILT_IN = ("small", *RESNETS, "vit_small")
FOREIGN = re.compile(r"(timm|torchvision)/[\w.-]+|[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _an_encoder(name: str) -> str:
    if name not in BUILT_IN and not FOREIGN.fullmatch(name):
        others = "timm/NAME, torchvision/NAME or package.module:function"
        raise PydanticCustomError("encoder", f"must be {', '.join(BUILT_IN)}, {others}")
    return name


Encoder = Annotated[Text, AfterValidator(_an_encoder)]


class TextModel(Section):
    weights: Annotated[
        Own,
        "a folder in Hugging Face's format, whose tokenizer and encoder are taken and trained on (with ./setup.sh "
        "text); data: none, but random weights of this size (docs/text.md)",
    ] = NOTHING
    width: Annotated[int, Field(ge=8, le=1024), "of a token's vector (not with weights)"] = 128
    layers: Annotated[Count, Suited({"wordnet": 1}), "of a transformer (not with weights)"] = 2
    heads: Annotated[Count, "of attention, which share the width (not with weights)"] = 4
    context: Annotated[int, Field(ge=2, le=4096), "tokens that are read of a text, the first ones"] = 32
    dropout: Annotated[ShareBelowOne, "of texts alone: share of the values that each of two views loses in a layer"] = (
        0.1
    )

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"model.text.width must be a multiple of model.text.heads, {self.heads}, got {self.width}")
        return self

    @property
    def pretrained(self) -> Path | None:
        """The folder that the encoder of texts comes from; None where it is `small`, and random."""
        return named(self.weights)


class Model(Section):
    encoder: Annotated[
        Encoder,
        "small (for 28 to 32 pixels on a CPU), resnet18, resnet34, resnet50, vit_small; timm/NAME, torchvision/NAME, "
        "package.module:function of your own (docs/encoders.md)",
    ] = "small"
    code: Annotated[
        Own,
        "the file or folder in this directory that such a package.module, or one of method.teacher_encoder, is read "
        "from; data: none",
    ] = NOTHING
    weights: Annotated[
        Own,
        "what the encoder starts from: a file of weights (safetensors or a torch state dict), or a checkpoint or an "
        "export of contraflow; data: random ones (docs/encoders.md)",
    ] = NOTHING
    width: Annotated[
        int, Field(ge=8, le=512), "channels of the first block of `small`, whose last has 8 times as many"
    ] = 16
    norm: Annotated[
        Literal["batch", "sync", "instance", "group"],
        "of the encoder's convolutions: batch (over one GPU's images; moco: groups of a batch), sync (over all "
        "GPUs'; not moco), instance, group",
    ] = "batch"
    pooling: Annotated[
        Literal["average", "quarters", "linear"],
        Suited({"glyphs": "linear", "emoji": "average"} | dict.fromkeys(RESNETS, "average")),
        "what makes features of the last map of small and resnetN (others pool themselves): its average; or what tells "
        "where a thing is, the averages of its quarters, or a linear layer",
    ] = "quarters"
    projection: Annotated[
        Literal["mlp", "none"],
        Suited({"glyphs": "none", "simcse": "none"}),
        "the head between features and loss: mlp, or none (as where retrieval is all)",
    ] = "mlp"
    projection_hidden: Annotated[Count, "hidden units of the projection head"] = 256
    projection_dim: Annotated[Count, "its output, where the loss is computed"] = 128
    whitening: Annotated[
        Share,
        Suited(dict.fromkeys(("glyphs", "emoji", "wordnet", "clip", "siglip"), 0.0)),
        "after training, how far features vary alike in all directions, by the training images: 0 as they are learned, "
        "1 quite alike (not of clip, siglip; docs/measuring.md)",
    ] = 0.5
    text: Annotated[TextModel, "the encoder of texts: of clip and siglip, and of texts alone (docs/text.md)"] = (
        TextModel()
    )
    predictor_hidden: Annotated[Count, "hidden units of the predictor of byol, simsiam and nnclr"] = 256

    @property
    def foreign(self) -> bool:
        """Whether the encoder is of a library or of the user's, so that only the network itself can tell of itself."""
        return self.encoder not in BUILT_IN

    @property
    def module(self) -> str | None:
        """The module that has the user's function, which makes the encoder; None where it is made otherwise."""
        return module_of(self.encoder)

    @property
    def pretrained(self) -> Path | None:
        """The file of the weights that the encoder of images starts from; None where they are random."""
        return named(self.weights)

    def start(self, items: str) -> Path | None:
        """What the encoder of `images` or of `texts` that are alone starts from; None where its weights are random."""
        return self.text.pretrained if items == "texts" else self.pretrained

    @property
    def files(self) -> list[Path]:
        """What is read of the user's to make the encoder that a training starts from."""
        return [path for own in (self.weights, self.code, self.text.weights) if (path := named(own))]

    def trained_size(self) -> int | None:
        """As `contraflow.models.pretrained.trained_size`, which imports torch and the library: seconds."""
        from contraflow.models.pretrained import trained_size

        return trained_size(self.encoder)

    def stride(self, image_size: int) -> int | None:
        """Pixels a side of an image, of `image_size`, that one pixel of the encoder's last map stands for; None where
        the parameters do not tell."""
        if self.foreign:
            return None
        if self.encoder == "vit_small":
            return 4 if image_size <= SMALL_IMAGE else 16
        return 8 if self.encoder == "small" or image_size <= SMALL_IMAGE else 32


class StartSettings(Settings):
    """Of a step that makes the encoder that a training starts from; it has the section `model`."""

    files_of: ClassVar = ("model.weights", "model.code", "model.text.weights")

    def files(self) -> list[Path]:
        return self.model.files


def module_of(encoder: str | None) -> str | None:
    """The module of a `package.module:function`; None of any other encoder, and of none."""
    return encoder.partition(":")[0] if encoder and ":" in encoder else None


def groups(images: int) -> int:
    """Into how many equal groups, one after the other, moco's BatchNorms split a batch: the fewest that are at least as
    many as each has images (16 of 8, of a prime number of images each alone).
    """
    return next(g for g in range(1, images + 1) if images % g == 0 and g * g >= images)
