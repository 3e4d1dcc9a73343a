"""A folder of images as DVC sees it: it must be able to hash all of it, and hash every image that is read.

DVC fails in words of its own at a file that it cannot hash, does not look behind linked folders, and skips what an
ignore file names: an image there could be replaced, and both engines would call what was made of it up to date.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from contraflow.foundations.errors import UserError
from contraflow.images.listing import Listing, printable
from contraflow.images.protocols import list_data
from contraflow.images.sources import SOURCES

_TOLD = 20  # files that a sentence names


def require_watched(root: Path, name: str | None, folder: Path, table: str | None) -> Listing | None:
    """Look at all files of `folder`, in or outside of the repository `root`, where the data `name` are read from it.

    Where they are others, or there is no such folder, nothing is looked at; else its images are listed.

    Raises:
        UserError: DVC cannot hash a file (all of them are named) or would not watch an image; or the folder or table is
            laid out in no known way (see `list_data`).
    """
    if name is None or name in SOURCES or not (root / folder).is_dir():
        return None
    from dvc.fs import localfs  # takes a second, which other data sets need not spend
    from dvc.ignore import DvcIgnoreFilter

    root = root.resolve()
    top = os.path.normpath(root / folder)
    ignore = DvcIgnoreFilter(localfs, str(root))
    watched = {os.path.relpath(path, top): path for path in ignore.find(localfs, top)}
    if wrong := sorted((printable(name), reason) for name, path in watched.items() for reason in _not_hashed(path)):
        more = f"\n  and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        names = "".join(f"\n  {name} ({reason})" for name, reason in wrong[:_TOLD])
        raise UserError(f"DVC cannot hash {folder}, where these are: mend, rename or remove them{names}{more}")
    listing = list_data(name, root / folder, table)
    for name in sorted(listing.named() - watched.keys()):
        if os.path.exists(os.path.join(top, name)):
            raise UserError(f"DVC would not see {folder / printable(name)} change: {_why(ignore, Path(top), name)}")
    return listing


def _not_hashed(path: str) -> Iterator[str]:
    """Why DVC cannot hash a file, if it cannot."""
    if printable(path) != path:
        yield "its name is not UTF-8"
    elif os.path.basename(path) == ".dvcignore":
        yield "DVC wants ignore files outside of what it hashes"
    elif not os.path.exists(path):
        yield "a link that leads nowhere"
    elif not stat.S_ISREG(os.stat(path).st_mode):
        yield "neither a file nor a folder"
    elif not os.access(path, os.R_OK):
        yield "you have no permission to read it"


def _why(ignore, top: Path, name: str) -> str:
    for part in reversed(Path(name).parents):
        if part.name and (top / part).is_symlink():
            return f"it lies behind the linked folder {part}; put that folder itself there, or make links of its files"
    pattern = next(iter(ignore.check_ignore(str(top / name)).pattern_infos), None)
    by = pattern.file_info if pattern else ".dvcignore"
    return f"it is ignored ({by}); rename its folder, or begin the pattern with / if another folder is meant"
