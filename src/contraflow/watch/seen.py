"""What is seen of a repository: its own files and those of the experiments that DVC runs in copies of it."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from contraflow.engines.at_work import Work, at_work
from contraflow.engines.experiments import WORKSPACE
from contraflow.engines.jobs import Store
from contraflow.engines.times import STALE
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import PIPELINE, Stages
from contraflow.training.history import Epoch, read_history
from contraflow.watch.log import Progress, last_lines
from contraflow.watch.run import WorkflowRun, newest_run

RESULTS = "results"
HISTORY = "history.csv"  # of a finished training
TRAINING = ("pretrain", "mine", "evaluate")  # the stages that train, in their order
COMPLAINT = "contraflow: "  # what a user's mistake, and a training that fails, begins with in a log
RUNNING, STOPPED, ELSEWHERE, DONE = "running", "stopped", "on another machine", "done"


@dataclass(frozen=True)
class FollowedTraining:
    """A training.

    Attributes:
        name: The folder of its results.
        state: running, stopped (the same command goes on with it), on another machine, done.
        rows: Its epochs up to now.
        unread: Whether its history is there, but damaged.
        since: When it began; empty where it is done.
        progress: Where it is in the epoch that it is in; None where it says nothing.
        complaint: Why it failed, in its own words; empty where it did not, or was killed.
    """

    name: str
    state: str
    rows: list[Epoch]
    unread: bool = False
    since: str = ""
    progress: Progress | None = None
    complaint: str = ""

    @property
    def last(self) -> Epoch | None:
        return self.rows[-1] if self.rows else None

    @property
    def measured(self) -> Epoch | None:
        """The last epoch in which k-NN was measured."""
        return next((row for row in reversed(self.rows) if row.knn is not None), None)

    @property
    def collapse(self) -> Epoch | None:
        """The first epoch that showed a collapse."""
        return next((row for row in self.rows if row.collapse), None)


@dataclass(frozen=True)
class Other:
    """A job at work, or stopped, that trains nothing, and its last words."""

    name: str
    state: str
    since: str
    words: str = ""


@dataclass(frozen=True)
class Seen:
    """One experiment.

    Attributes:
        name: As `contraflow compare` calls it: DVC's name for it, or `workspace`; with its folder where others have the
            same.
        folder: Where it runs.
        stages: Those of the repository, from first to last.
        run: The last run of Snakemake; None where there was none.
        at_work: Whether that is at work; None on another machine, which cannot be asked.
        unread: Records that cannot be read.
    """

    name: str
    folder: Path
    stages: list[str]
    run: WorkflowRun | None
    at_work: bool | None
    trainings: list[FollowedTraining]
    others: list[Other]
    unread: list[str]


def require_repositories(folders: Iterable[Path]) -> None:
    """Refuse folders in which nothing can be watched.

    Raises:
        UserError: one has no `dvc.yaml`.
    """
    for folder in folders:
        if not (folder / PIPELINE).is_file():
            raise UserError(f"{folder} has no {PIPELINE}: name a folder that holds a repository of contraflow")


def look(folders: Iterable[Path]) -> list[Seen]:
    """The experiments of some repositories: each one's own, then those that DVC runs in copies."""
    found: dict[Path, Seen] = {}
    for folder in folders:
        work, damaged = at_work(Store(folder).folder)
        copies = sorted({place for each in work if (place := Path(each.folder)).is_dir()} - {folder})
        for place in (folder, *copies):
            own = [each for each in work if each.folder == str(place)]
            found.setdefault(place, _seen(place, own, damaged if place == folder else [], place in copies))
    names = Counter(each.name for each in found.values())
    return [
        replace(each, name=f"{each.name} in {each.folder.name}") if names[each.name] > 1 else each
        for each in found.values()
    ]


def _seen(folder: Path, work: list[Work], unread: list[Path], copy: bool) -> Seen:
    runs, jobs = [each for each in work if not each.outputs], [each for each in work if each.outputs]
    there = runs[-1].there if runs else False
    stages = _stages(folder)
    run = newest_run(folder, {*stages, "all"})
    trainings = {training.name: training for training in _finished(folder)}
    trainings |= {training.name: training for training in map(_training, filter(_trains, jobs))}
    named = [each.experiment for each in work if each.experiment and (copy or each.there is not False)]
    return Seen(
        name=named[-1] if named else WORKSPACE,
        folder=folder,
        stages=stages,
        run=run.ended() if run and there is False else run,
        at_work=there,
        trainings=sorted(trainings.values(), key=lambda training: _order(training.name)),
        others=[_other(each) for each in jobs if not _trains(each)],
        unread=[path.name for path in unread],
    )


def _stages(folder: Path) -> list[str]:
    try:
        return Stages(folder).names
    except Exception:  # edited or checked out just now
        return []


def _finished(folder: Path) -> Iterable[FollowedTraining]:
    """Trainings whose results are there and are not to be made again."""
    for place, _, files in (found for stage in TRAINING for found in os.walk(folder / RESULTS / stage)):
        path = Path(place, HISTORY)
        with suppress(FileNotFoundError):  # taken away just now
            if HISTORY in files and path.stat().st_mtime != STALE:
                name = path.parent.relative_to(folder / RESULTS).as_posix()
                yield FollowedTraining(name, DONE, *_rows(path))


def _trains(work: Work) -> bool:
    """Whether it trains: that of fine-tuning leaves no history, but keeps one."""
    return any(Path(path).name == HISTORY for path in work.outputs) or Path(work.history or "").is_file()


def _training(work: Work) -> FollowedTraining:
    rows, unread = _rows(Path(work.history)) if work.history else ([], False)
    name = next((Path(path).parent for path in work.outputs if Path(path).name == HISTORY), None)
    name = (name or Path(work.outputs[0]).with_suffix("")).as_posix().removeprefix(f"{RESULTS}/")
    lines = last_lines(_log(work))
    complaint = next((line for line in reversed(lines) if line.startswith(COMPLAINT)), "")
    return FollowedTraining(name, _state(work), rows, unread, _clock(work.began), _progress(lines), complaint)


def _other(work: Work) -> Other:
    name = Path(work.log).with_suffix("").as_posix().removeprefix("logs/") if work.log else work.outputs[0]
    return Other(name, _state(work), _clock(work.began), *last_lines(_log(work))[-1:])


def _state(work: Work) -> str:
    return {True: RUNNING, False: STOPPED, None: ELSEWHERE}[work.there]


def _log(work: Work) -> Path:
    return Path(work.folder, work.log or "none")


def _progress(lines: list[str]) -> Progress | None:
    """The last line of a training that tells of an epoch."""
    found = (Progress.of(line) for line in reversed(lines))
    return next((progress for progress in found if progress and progress.epoch), None)


def _rows(path: Path) -> tuple[list[Epoch], bool]:
    """The epochs of a history, and whether it cannot be read."""
    try:
        return read_history(path), False
    except (UserError, OSError):
        return [], path.is_file()


def _clock(seconds: float) -> str:
    """The time of day, and the day where that is not today."""
    when = datetime.fromtimestamp(seconds)
    return when.strftime("%H:%M:%S" if when.date() == datetime.now().date() else "%d %B, %H:%M")


def _order(name: str) -> tuple:
    """By stage, then by name, in which numbers count as such."""
    stage = name.partition("/")[0]
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
    return TRAINING.index(stage) if stage in TRAINING else -1, parts
