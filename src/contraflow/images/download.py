"""A data set's files from the user, from the system or from the network, each checked by its checksum."""

import gzip
import hashlib
import io
import shutil
import socket
from contextlib import ExitStack, redirect_stdout, suppress
from http.client import HTTPException
from pathlib import Path

from contraflow.foundations.artefacts import atomic, md5
from contraflow.foundations.errors import UserError
from contraflow.images.sources import Source

_PATIENCE = 10  # seconds without an answer


def provide(name: str, source: Source, *, looked_in: Path, root: Path) -> None:
    """Make `root` torchvision's root folder of a data set.

    Archives are taken from `looked_in` (or its subfolder as torchvision lays it), else from the system's packages. What
    is found in neither torchvision downloads, where it can; archives of several files it unpacks.

    Raises:
        UserError: an archive that was found has a wrong checksum, or one was not found and cannot be downloaded.
    """
    folder = root / source.folder
    folder.mkdir(parents=True, exist_ok=True)
    if source.gzipped:
        for file in source.files:  # torchvision takes any file of this name as right, one that was cut short too
            (root / file).unlink(missing_ok=True)
    places = (looked_in, looked_in / source.folder, *source.packages)
    missing = []
    for archive in source.archives:
        found = next((place / archive for place in places if (place / archive).is_file()), None)
        if found is None:
            missing.append(archive)
        else:
            _check(found, archive, source, looked_in)
            _place(found, archive, folder, source)
    if missing and not source.downloadable:
        raise UserError(f"{name} is not whole on this machine: {_remedy(source, missing, looked_in)}")
    if missing or source.packed:
        _complete(name, source, missing, looked_in, root)
    for archive in source.archives:
        if archive not in source.files:
            (folder / archive).unlink(missing_ok=True)


def _complete(name: str, source: Source, missing: list[str], looked_in: Path, root: Path) -> None:
    """Let torchvision download what is missing, and unpack."""
    from contraflow.images.torchvision_sets import open_part  # imports torch, which files at hand need not wait for

    try:
        with redirect_stdout(io.StringIO()), ExitStack() as after:
            after.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
            socket.setdefaulttimeout(_PATIENCE)
            for part in ("train", "test"):
                open_part(name, root, part, download=True)
    except (OSError, RuntimeError, HTTPException, EOFError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        reason = reason.removeprefix("<urlopen error ").removesuffix(">")
        if not missing:
            raise UserError(f"{name} cannot be unpacked in {root} ({reason})") from None
        remedy = _remedy(source, missing, looked_in)
        raise UserError(f"{name} is not on this machine and cannot be downloaded ({reason}): {remedy}") from None


def _remedy(source: Source, missing: list[str], looked_in: Path) -> str:
    install = f"`{source.remedy}`, or put" if source.remedy else "put"
    return f"{install} {', '.join(missing)} into the folder of data.path ({looked_in})"


def _check(archive: Path, name: str, source: Source, looked_in: Path) -> None:
    expected = source.archives[name]
    found = md5(archive)
    if found == expected:
        return
    if source.content:
        with suppress(OSError, EOFError), gzip.open(archive) as file:  # not a gzip file, or cut short
            if hashlib.sha256(file.read()).hexdigest() == source.content[name]:
                return
    remedy = "replace or remove it"
    if any(map(archive.is_relative_to, source.packages)):
        remedy = f"put the right {name} into the folder of data.path ({looked_in})"
    raise UserError(f"{archive} has a wrong checksum (MD5 {found}, expected {expected}): {remedy}")


def _place(archive: Path, name: str, folder: Path, source: Source) -> None:
    if source.gzipped:
        with gzip.open(archive) as file, atomic(folder / archive.stem) as temporary, temporary.open("wb") as target:
            shutil.copyfileobj(file, target)
    elif name in source.files:
        with atomic(folder / name) as temporary:
            shutil.copyfile(archive, temporary)
    else:  # torchvision unpacks it from where it lies
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(archive.resolve())
