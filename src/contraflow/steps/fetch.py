"""The step `fetch`: the raw files of a data set, checked."""

from pathlib import Path

from contraflow.artefacts import sha256, write_json
from contraflow.images.download import provide
from contraflow.images.sources import SOURCES
from contraflow.images.table import list_images
from contraflow.params import Params
from contraflow.stages import code_digest

READS = ("data.name", "data.path", "data.table")


def fetch(params: Params, *, out: Path) -> None:
    """Put the raw files of `data.name` under `out`, as torchvision lays them, and write `out/source.json` last.

    A folder of images stays where it is: it is only looked at.

    Raises:
        UserError: a file's checksum is wrong, the files can neither be found nor downloaded, or the folder or its
            table is missing or laid out in no known way.
    """
    data = params.only(*READS).data
    path = Path(data.path).expanduser()
    (out / "source.json").unlink(missing_ok=True)
    files = {}
    if data.name == "folder":
        list_images(path, data.table)
    else:
        source = SOURCES[data.name]
        provide(data.name, source, looked_in=path, root=out)
        files = {name: sha256(out / name) for name in source.files}
    provenance = {
        "step": "fetch",
        "code": code_digest("fetch"),
        "params": {"data": {"name": data.name}},
        "inputs": {},
    }
    write_json(out / "source.json", {"name": data.name, "files": files, "provenance": provenance})
