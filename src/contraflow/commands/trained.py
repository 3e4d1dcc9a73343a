"""A trained encoder and pictures as it takes them: what `export`, `embed` and `search` begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from contraflow.encoded.card import Card
from contraflow.encoded.pixels import square
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.images.decoding import open_picture
from contraflow.methods.parts.settings import WITH_TEXTS
from contraflow.models.checkpoint import Checkpoint, load_encoder
from contraflow.models.towers import Towers, load_towers
from contraflow.params import load_params
from contraflow.views.recipe import make_table

RESULTS = Path("results")


@dataclass(frozen=True)
class Trained:
    """An encoder in evaluation mode, its provenance, and the SHA-256 of its checkpoint."""

    path: Path
    network: nn.Module
    made_from: Checkpoint
    digest: str

    @classmethod
    def open(cls, path: Path) -> "Trained":
        """Load a checkpoint.

        Raises:
            UserError: it is missing or damaged.
        """
        if not path.is_file():
            stage = "pretrain" if "pretrain" in path.parts else "mine"
            raise UserError(f"{path} is missing: `snakemake {stage}` makes it, or name an encoder with --checkpoint")
        return cls(path, *load_encoder(path), sha256(path))

    @property
    def alone(self) -> bool:
        """Whether it takes texts alone."""
        return not self.made_from.channels

    def require_images(self) -> None:
        """Refuse it where it takes none.

        Raises:
            UserError: it takes texts alone.
        """
        self.made_from.require_no_texts(str(self.path))

    @cached_property
    def towers(self) -> Towers | None:
        """This encoder and that of texts, into one space; None where it was not trained beside texts."""
        return load_towers(self.path)[0] if self.made_from.params["method"]["name"] in WITH_TEXTS else None

    @property
    def into_space(self) -> nn.Module:
        """From images into the space of images and texts, or where there is none to features."""
        return self.towers.images if self.towers else self.network

    @property
    def dimension(self) -> int:
        """Of the vectors there."""
        return (self.towers or self.network).dimension

    @property
    def image(self) -> dict:
        """Size and channels of the images that it takes."""
        return {"size": self.made_from.image_size, "channels": self.made_from.channels}

    @property
    def normalisation(self) -> dict:
        """Mean and standard deviation of each channel, on the scale 0 to 1."""
        return {"mean": self.made_from.mean, "std": self.made_from.std}


def last_checkpoint(file: Path) -> Path:
    """Where a run with the parameters in `file` leaves the encoder of its first seed after its last round."""
    params = load_params(file)
    seed, rounds = params.seeds[0], params.mining.rounds
    folder = RESULTS / "mine" / f"seed{seed}" / f"round{rounds}" if rounds else RESULTS / "pretrain" / f"seed{seed}"
    return folder / "encoder.safetensors"


def card_of(trained: Trained, path: Path) -> Card | None:
    """The card of the images that the encoder was trained on, where this is theirs.

    Raises:
        UserError: it is of another version.
    """
    if not path.is_file() or sha256(path) != trained.made_from.inputs["data"]:
        return None
    return Card.read(path)


def read_input(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture file as an image uint8 (size, size, channels); a coloured one becomes grey for an encoder of one.

    Raises:
        BrokenPicture: it cannot be decoded whole.
    """
    image, _, _ = open_picture(path)
    pixels = square(image, size)
    if channels == 1:  # Rec. 601's luma, which leaves grey pixels as they are
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels


def normalised(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images uint8 (N, H, W, C) as float32 (N, C, H, W), bit for bit as the loaders make them; see `make_table`."""
    table = make_table(mean, std)
    return torch.from_numpy(np.stack([levels[images[..., c]] for c, levels in enumerate(table)], axis=1))
