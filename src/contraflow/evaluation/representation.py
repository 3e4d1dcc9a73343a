"""What the steps of the stage evaluate measure: a representation, by its name. They must not touch its network."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from torch import Tensor, nn

from contraflow.encoded.card import EncodedData
from contraflow.evaluation.raw_pixels import all_pixels
from contraflow.evaluation.tfidf import BagOfTokens
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import track
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import Option, Reads, Writes
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed, require_finite
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.start import start_encoder, started_from
from contraflow.models.whitening import Whitened, find_whitening, found_on
from contraflow.neighbours.knn import Labelled
from contraflow.views.items import item_loader

BATCH = 500
TRAINED = ("encoder", "control", "supervised")  # have a checkpoint

# What every step that measures a representation is told.
Called = Annotated[str, Option("raw_pixels, or untrained-, supervised-, control- or encoder-seedN.")]
OfTrained = Annotated[Path | None, Reads("Checkpoint, of what was trained (.safetensors).")]
FiguresOut = Annotated[Path, Writes("Figures to write (.json).")]


@dataclass(frozen=True)
class Representation:
    """A network from images (B, C, H, W) to features (B, D).

    Attributes:
        called: `raw_pixels`, `untrained-seedN`, `supervised-seedN`, `control-seedN` or `encoder-seedN`.
        name: The same without the seed.
        seed: None for raw pixels.
        network: Of raw pixels, what flattens them.
        source: What to name where its features are not finite.
        inputs: Digests of the data and, where it was trained, of the checkpoint.
    """

    called: str
    name: str
    seed: int | None
    network: nn.Module
    source: str
    inputs: dict[str, str]

    def provenance(self, params: dict[str, Any], **inputs: str) -> Provenance:
        """Of what was measured of it with these parameters, and with these digests of other inputs."""
        inputs = self.inputs | inputs
        return Provenance.of_stage("evaluate", representation=self.called, params=params, inputs=inputs)

    def features(self, batches: Iterable[tuple[Tensor, Tensor]], total: int, device: torch.device, of: str) -> Labelled:
        """Features and labels of images (B, C, H, W) with labels (B,), in `total` batches; the bar says `of` what.

        Raises:
            UserError: some are NaN or infinite.
        """
        counted = track(batches, total=total, label=f"{self.called} · {of}", unit="batches")
        found = Labelled(*embed(self.network, counted, device))
        require_finite(found.features, self.source)
        return found

    def whitened(self, data: EncodedData, share: float, device: torch.device, threads: int) -> Self:
        """The same, where it never was trained, with the whitening that a training would have found; a trained one
        has its own, and what stands for items before anything is learned has none.

        Raises:
            UserError: features are NaN or infinite.
        """
        if self.name != "untrained" or not share:
            return self
        items = found_on(data.training)
        batches = item_loader(data, "train", batch_size=BATCH, threads=threads, indices=items)
        return replace(
            self, network=Whitened(self.network, find_whitening(self.network, share, batches, device, self.source))
        )


def open_representation(called: str, checkpoint: Path | None, data: EncodedData, model: Model) -> Representation:
    """The representation of a name, as `Representation.called` has it.

    Raises:
        UserError: it is called otherwise, or the checkpoint is missing, not wanted, damaged, of other data or of
            another seed.
    """
    name, seed = _parse(called, checkpoint)
    inputs, source = {"data": data.digest}, called
    if name in TRAINED:
        network, made_from = load_encoder(checkpoint)
        made_from.require(checkpoint, data=data.digest)
        if made_from.seed != seed:
            raise UserError(
                f"{checkpoint} was trained with seed {made_from.seed}, but is to be evaluated as seed {seed}"
            )
        inputs["encoder"] = sha256(checkpoint)
        source = f"the encoder of seed {seed} ({checkpoint})"
    elif name == "untrained":
        torch.manual_seed(seed)
        card = data.card
        given = Normalisation(card.mean, card.std)
        network = start_encoder(model, card.channels, card.image_size, given, card.vocabulary)
        inputs |= started_from(model)
    else:
        network = _raw(data)
    return Representation(called, name, seed, network, source, inputs)


def _raw(data: EncodedData) -> nn.Module:
    """What items are before anything is learned of them: pixels, or a bag of tokens."""
    if data.card.items == "texts":
        return BagOfTokens(data.texts["train"].tokens.take(data.training), data.card.vocabulary)
    return all_pixels(data.card.image_size)


def _parse(called: str, checkpoint: Path | None) -> tuple[str, int | None]:
    match = re.fullmatch(r"(raw_pixels)|(untrained|supervised|control|encoder)-seed(\d+)", called)
    if not match:
        raise UserError(
            "representation must be raw_pixels, untrained-seedN, supervised-seedN, control-seedN or encoder-seedN, "
            f"got {called!r}"
        )
    name = match[1] or match[2]
    if name in TRAINED and checkpoint is None:
        raise UserError(f"{called} needs a checkpoint: name one with --checkpoint")
    if name not in TRAINED and checkpoint is not None:
        raise UserError(f"{called} takes no checkpoint, got {checkpoint}")
    return name, int(match[3]) if match[3] else None


@contextmanager
def frozen(encoder: nn.Module) -> Iterator[None]:
    """Put an encoder into evaluation mode, and prove at the end that the block left it as it was.

    Raises:
        AssertionError: a parameter or buffer (BatchNorm's statistics, for one) no longer has the same bits, or a part
            is in training mode.
    """
    encoder.eval()
    before = _content(encoder)
    yield
    training = [name or "the encoder" for name, module in encoder.named_modules() if module.training]
    if training:
        raise AssertionError(f"in training mode after the evaluation: {', '.join(training)}")
    after = _content(encoder)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    if changed:
        raise AssertionError(f"changed by the evaluation: {', '.join(changed)}")


def _content(encoder: nn.Module) -> dict[str, bytes]:
    return {name: tensor.cpu().numpy().tobytes() for name, tensor in encoder.state_dict().items()}
