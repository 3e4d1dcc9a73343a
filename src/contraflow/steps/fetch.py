from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from contraflow.foundations.artefacts import sha256, write_json
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import Setting, Settings, Writes
from contraflow.images.download import provide
from contraflow.images.protocols import list_data
from contraflow.images.sources import SOURCES


@dataclass(frozen=True)
class Fetching(Settings):
    """What is fetched, from where."""

    name: Annotated[str, Setting("data.name")]
    path: Annotated[str, Setting("data.path")]
    table: Annotated[str | None, Setting("data.table")]


def fetch(
    settings: Fetching,
    *,
    source: Annotated[Path, Writes("List to write of the files, which go beside it (.json).", folder=True)] = Path(
        "results/fetch/source.json"
    ),
) -> None:
    """Get the files of the data set and check them.

    They are put beside `source` as torchvision lays them; the list is written last. A folder of images stays where it
    is: it is only looked at.

    Raises:
        UserError: a file's checksum is wrong, the files can neither be found nor downloaded, or the folder or its
            table is missing or laid out in no known way.
    """
    path, out = Path(settings.path), source.parent
    source.unlink(missing_ok=True)
    files = {}
    if known := SOURCES.get(settings.name):
        provide(settings.name, known, looked_in=path, root=out)
        files = {name: sha256(out / name) for name in known.files}
    else:
        list_data(settings.name, path, settings.table)
    provenance = Provenance.of_stage("fetch", params={"data": {"name": settings.name}}, inputs={})
    write_json(source, {"name": settings.name, "files": files, "provenance": provenance.content()})
