"""The step `encode-transfer`: the data set that an encoder is transferred to, fetched and encoded for it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from contraflow.encoded.card import Card
from contraflow.params import Params
from contraflow.steps.encode import encode
from contraflow.steps.fetch import fetch

READS = (
    *("eval.transfer", "data.jpeg_above", "data.skip_broken"),
    *("data.validation_fraction", "data.test_fraction", "data.split_seed"),
)


def encode_transfer(params: Params, *, data: Path, out: Path) -> None:
    """Fetch `eval.transfer` and write into `out` what `encode` writes, all images at the size of those in `data`.

    The raw files are not kept: what lies in `eval.transfer.path` is not downloaded again.

    Raises:
        UserError: as for `fetch` and `encode`; or the images in `data` are not encoded yet.
    """
    transfer = params.eval.transfer
    size = Card.read(data).image_size
    changes = {"name": transfer.name, "path": transfer.path, "table": None, "limit": None, "image_size": size}
    other = params.model_copy(update={"data": params.data.model_copy(update=changes)})
    with TemporaryDirectory(prefix="contraflow-") as fetched:
        fetch(other, out=Path(fetched))
        encode(other, fetched=Path(fetched), out=out)
