"""What each job was made from, so that nothing finished is made twice.

A job that ends well leaves a *trace*: its stage, the parameters and code that it ran, the hashes of what it read and of
what it wrote (a verifying trace of Mokhov, Mitchell and Peyton Jones 2018, "Build systems a la carte"). Its files are
also linked into a *store*, where DVC, which deletes a stage's outputs before it runs, and Snakemake, which deletes a
job's, don't reach them. Whoever was killed finds both again; once DVC has recorded a file, the store lets go of it, or
shares it with the results, where it takes no room.

All of it lies in `.contraflow/`, may be deleted at any time, and is not versioned.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contraflow.engines.at_work import FOLDER as AT_WORK
from contraflow.engines.at_work import begin
from contraflow.foundations.artefacts import atomic, fingerprint, md5, write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import launch
from contraflow.foundations.stages import PIPELINE, Stages, chosen, files_at
from contraflow.params import Params
from contraflow.training.history import so_far

MEMORY = 90 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Trace:
    """What a finished job was made from. Paths are relative to the repository; hashes are MD5, as DVC's are.

    `params` are those that the job depends on, by name.
    """

    stage: str
    params: dict
    code: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    written: float = field(default=0.0, compare=False)

    @property
    def key(self) -> str:
        """Stands for the job before it has run: the same for the same job in any directory."""
        return fingerprint(asdict(self) | {"outputs": sorted(self.outputs), "written": 0}, ())


class Store:
    """The folder `.contraflow` of a repository; experiments that DVC runs in a copy share that of the original."""

    def __init__(self, root: Path):
        parts = root.resolve().parts
        home = Path(*parts[: parts.index(".dvc")]) if ".dvc" in parts else root
        self.folder = home / ".contraflow"

    def traces(self) -> list[Trace]:
        """All traces, the newest first."""
        found = []
        for path in (self.folder / "traces").glob("*.json"):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                found.append(Trace(**content | {"written": path.stat().st_mtime}))
            except (OSError, ValueError, TypeError):  # removed meanwhile, damaged, or of another version
                continue
        return sorted(found, key=lambda trace: trace.written, reverse=True)

    def training(self, trace: Trace) -> Path:
        """Where the job's training keeps its state between epochs."""
        return self.folder / "training" / trace.key

    def keep(self, trace: Trace, root: Path) -> None:
        """Keep a finished job's files and its trace; what its training kept, and killed ones left of it, is dropped."""
        for path, digest in trace.outputs.items():
            self.put(root / path, digest)
        write_json(self.folder / "traces" / f"{trace.key}.json", asdict(trace))
        for path in (self.folder / "training").glob(f"*{trace.key}*"):
            path.unlink(missing_ok=True)

    def put(self, file: Path, digest: str) -> None:
        """Keep a file of which this is the hash."""
        place(file, self._object(digest))

    def find(self, digest: str) -> Path | None:
        """A kept file by its hash; None where there is none, or it was changed since."""
        path = self._object(digest)
        return path if path.is_file() and md5(path) == digest else None

    def shares(self, digest: str, file: Path) -> bool:
        """Whether a kept file is a link to this one, and so takes no room."""
        return file.is_file() and self._object(digest).samefile(file)

    def share(self, digest: str, file: Path) -> bool:
        """Make a kept file a link to this one; False where that cannot be, or they are not of one size.

        Nothing is hashed, so that a start does not read all results: `find` does that when it is asked.
        """
        if file.is_file() and file.stat().st_size == self._object(digest).stat().st_size:
            place(file, self._object(digest))
        return self.shares(digest, file)

    def drop(self, digests: Iterable[str]) -> None:
        """Let go of files that DVC's cache now has."""
        for digest in digests:
            self._object(digest).unlink(missing_ok=True)

    def forget(self) -> dict[str, str]:
        """Remove what nobody came back for in a long time, the states of abandoned trainings above all.

        Returns:
            The hashes of the files that are kept still, with the paths that the newest trace has for them.
        """
        for path in (path for kind in ("traces", "training", AT_WORK) for path in self.folder.glob(f"{kind}/*")):
            with suppress(FileNotFoundError):  # another run forgets, too
                if path.stat().st_mtime < time.time() - MEMORY:
                    path.unlink()
        kept = [path.name for path in (self.folder / "objects").glob("[!.]*")]
        if not kept:
            return {}
        named = {digest: path for trace in reversed(self.traces()) for path, digest in trace.outputs.items()}
        self.drop(digest for digest in kept if digest not in named)  # links have the results' times, which say nothing
        return {digest: named[digest] for digest in kept if digest in named}

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest


@contextmanager
def job(
    stage: str,
    params: Params,
    depends_on: Iterable[str],
    *,
    inputs: Iterable[Path],
    outputs: Iterable[Path],
    log: Path | None = None,
) -> Iterator[Path]:
    """Run the block as a job of a stage, and leave its trace where it ends well; meanwhile others can see it at work.

    Of several processes that were launched for one job, the first does this.

    Yields the path where a training keeps its state between epochs. Outside a repository, or where the files lie
    outside it, there is a path for the state but no trace.

    Args:
        stage: Name of the stage in `dvc.yaml`.
        params: Parameters of the run.
        depends_on: Names of those on which the job's results depend.
        inputs: Files and folders that the job reads.
        outputs: Files that it writes, and folders that it fills.
        log: The file in which what it says is kept; None for none.

    Raises:
        UserError: somebody changed an input while the block ran.
    """
    root = Path.cwd()
    store = Store(root)
    stages = Stages(root) if (root / PIPELINE).is_file() else None
    states = {path: state for path in inputs if (state := _state(path))}
    before = Trace(
        stage=stage,
        params=chosen(params.model_dump(), depends_on),
        code=stages.code(stage) if stages else "",
        inputs={_relative(path, root): digest for path in states if (digest := content_digest(path))},
        outputs={_relative(path, root): "" for path in outputs},
    )
    state = store.training(before)
    leaves = stages and launch().first
    work = begin(store.folder, root, outputs=before.outputs, history=so_far(state), log=log) if leaves else None
    yield state
    for path, was in states.items():
        untouched = _state(path) == was and not path.is_dir()
        if not untouched and content_digest(path) != before.inputs[_relative(path, root)]:
            raise UserError(f"{path} was changed while it was read: run the same command again")
    inside = not any(Path(path).is_absolute() for path in [*before.inputs, *before.outputs])
    if leaves and inside:
        files = [file for path in before.outputs for file in files_at(root / path)]
        made = {file.relative_to(root).as_posix(): md5(file) for file in files}
        store.keep(Trace(**asdict(before) | {"outputs": made}), root)
    if work:
        work.unlink(missing_ok=True)


def content_digest(path: Path) -> str | None:
    """MD5 of a file; of a folder that of the names, sizes and times of its files; None where there is nothing."""
    if path.is_dir():
        states = [(file.relative_to(path).as_posix(), file.stat()) for file in files_at(path)]
        listing = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest()
    return md5(path) if path.is_file() else None


def _state(path: Path) -> tuple | None:
    """Changes whenever somebody writes to the file, or directly into the folder; None where there is neither."""
    found = path.stat() if path.is_file() or path.is_dir() else None
    return found and (found.st_ino, found.st_size, found.st_mtime_ns)


def place(source: Path, target: Path, *, copy: bool = False) -> None:
    """Put a file at `target`, whole or not at all: as a hard link where the file system can, else as a copy."""
    with atomic(target) as temporary:
        if not copy:
            with suppress(OSError):
                os.link(source, temporary)
        if not temporary.exists():
            shutil.copyfile(source, temporary)


def _relative(path: Path, root: Path) -> str:
    absolute = Path(os.path.abspath(path))
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.as_posix()
