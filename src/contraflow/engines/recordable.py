"""Whether all that a run makes can be written and recorded, asked before the work is done."""

import os
from collections.abc import Iterator
from pathlib import Path

from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import Stages

BESIDE = (".contraflow", ".dvc", ".dvc/tmp", ".dvc/cache", "logs")  # folders that a run writes to beside its results


def require_recordable(root: Path, stages: Stages) -> None:
    """Look at all folders that a run in the repository `root` writes to.

    Raises:
        UserError: one may not be written to, or is a link in the results.
    """
    outputs = {root / path for stage in stages.names for path in stages.outputs(stage)}
    inside = {folder for path in outputs for folder in _folders_below(path)}
    made = sorted({*inside, *(path.parent for path in outputs)})
    for folder in [root, *(root / name for name in BESIDE), *made]:
        if folder.is_dir() and not os.access(folder, os.W_OK):
            name = folder.relative_to(root)
            raise UserError(f"{name} may not be written to: make it writable and run the same command again")
    for folder in made:
        if folder.is_symlink():
            raise UserError(
                f"{folder.relative_to(root)} is a link, behind which DVC records nothing: put the folder itself there; "
                "to have the large files on another disk, move DVC's cache: `dvc cache dir PLACE` and "
                "`dvc config cache.type symlink`"
            )


def _folders_below(path: Path) -> Iterator[Path]:
    """A folder and all in it; links to folders, too, but not what lies behind them."""
    if path.is_dir():
        yield path
        for place, names, _ in os.walk(path):
            yield from (Path(place, name) for name in names)
