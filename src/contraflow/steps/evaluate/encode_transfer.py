from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, ClassVar

from contraflow.encoded.card import Card
from contraflow.evaluation.settings import Transfer
from contraflow.foundations.signature import CardIn, Setting, Settings, Writes
from contraflow.images.sources import SOURCES
from contraflow.settings.values import NOTHING
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.fetch import Fetching, fetch


@dataclass(frozen=True)
class TransferEncoding(Settings):
    """Which images an encoder is transferred to, and how they are encoded."""

    transfer: Annotated[Transfer, Setting("eval.transfer")]
    jpeg_above: Annotated[int, Setting("data.jpeg_above")]
    skip_broken: Annotated[bool, Setting("data.skip_broken")]
    vocabulary: Annotated[int, Setting("data.vocabulary")]
    validation_fraction: Annotated[float, Setting("data.validation_fraction")]
    test_fraction: Annotated[float, Setting("data.test_fraction")]
    split_seed: Annotated[int, Setting("data.split_seed")]

    files_of: ClassVar = ("eval.transfer.path",)

    def files(self) -> list[Path]:
        return [] if self.transfer.name in SOURCES else [Path(self.transfer.path)]


def encode_transfer(
    settings: TransferEncoding,
    *,
    data: CardIn,
    card: Annotated[Path, Writes("Card to write; the images go beside it.", folder=True)],
) -> None:
    """Fetch the data set to transfer to, and write its images to FFCV files.

    They get the size of those in `data`. The raw files are not kept: what lies in `eval.transfer.path` is not
    downloaded again.

    Raises:
        UserError: as for `fetch` and `encode`; or the images in `data` are not encoded yet.
    """
    source = {"name": settings.transfer.name, "path": settings.transfer.path, "table": None}
    shared = {name: value for name, value in vars(settings).items() if name != "transfer"}
    own = {"limit": None, "image_size": Card.read(data).image_size, "text_weights": NOTHING, "tokenizer": NOTHING}
    encoding = Encoding(**source, **own, **shared)
    with TemporaryDirectory(prefix="contraflow-") as folder:
        fetched = Path(folder) / "source.json"
        fetch(Fetching(**source), source=fetched)
        encode(encoding, source=fetched, card=card)
