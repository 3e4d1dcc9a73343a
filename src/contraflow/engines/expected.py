"""What DVC, running a stage, is about to record: it hashes what the stage wrote and read just after our last look."""

from collections.abc import Mapping
from pathlib import Path

from contraflow.engines.dvc import LOCK, Dvc
from contraflow.engines.jobs import content_digest
from contraflow.foundations.artefacts import read_json, write_json
from contraflow.foundations.errors import UserError

FOLDER = Path(".snakemake", "contraflow.expected")


def expect(root: Path, stage: str, files: Mapping[str, str], read: Mapping[str, str | None]) -> None:
    """Remember with which hashes the files of a stage are to be recorded, and those of what it read of the user's."""
    write_json(root / FOLDER / f"{stage}.json", {"files": dict(files), "read": dict(read)})


def require_expected(root: Path, dvc: Dvc, since: float) -> None:
    """Make sure that the stages which a `dvc` has run before this one are recorded as their jobs wrote them.

    A stage that is not is struck from `dvc.lock`, so that it runs again.

    Args:
        root, dvc: The repository.
        since: When that `dvc` started, in seconds since the epoch: what was expected earlier may have been replaced by
            the user since.

    Raises:
        UserError: somebody changed a file, or what it was made from, while it was recorded.
    """
    wrong = {}
    for file in (root / FOLDER).glob("*.json"):
        stage, expected, recent = file.stem, read_json(file), file.stat().st_mtime > since
        file.unlink()
        if recent and (recorded := dvc.recorded(stage)):
            wrong |= {path: stage for path, digest in expected["files"].items() if recorded.get(path) != digest}
            wrong |= {path: stage for path, digest in expected["read"].items() if content_digest(root / path) != digest}
    if wrong:
        dvc.forget(wrong.values())
        raise UserError(f"{min(wrong)} was changed while {LOCK} took it up: run the same command again")
