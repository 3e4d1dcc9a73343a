"""The command `weights`: pretrained weights of a library as a file to start from."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.models.pretrained import pretrained
from contraflow.models.weights import write_weights

SUFFIX = ".safetensors"


def weights(
    name: Annotated[str, typer.Argument(help="timm/NAME or torchvision/NAME, as model.encoder, or hf-hub:OWNER/NAME.")],
    out: Annotated[Path, typer.Argument(help=f"File to write (*{SUFFIX}), for model.weights.")],
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size", help="Pixels a side that a network of timm's which takes one size is to take.", min=1
        ),
    ] = None,
) -> None:
    """Save pretrained weights of timm or torchvision, for model.weights.

    They come from the library's own cache, or through it from its hub where there is a network. As a file they can be
    versioned, and a run needs no network.

    Raises:
        UserError: `out` is no .safetensors, or the weights cannot be had.
    """
    if out.suffix != SUFFIX:
        raise UserError(f"the file of weights must be named *{SUFFIX}, got {out}")
    encoder, tensors, normalisation, size = pretrained(name, image_size)
    told = {"pretrained": name, "model": {"encoder": encoder}, "image_size": size} | asdict(normalisation)
    write_weights(out, {key: tensor.contiguous() for key, tensor in tensors.items()}, told)
    say(
        f"{out}: {len(tensors)} tensors of {name}; model.encoder {encoder} takes them as model.weights, and "
        f"they are made for images of {size} pixels a side (data.image_size)"
    )
