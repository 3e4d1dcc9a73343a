"""A run of Snakemake as its own log tells it: what it planned, and how far that is."""

import os
import re
from collections import Counter
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

_PLAN = re.compile(r"^Job stats:\njob +count\n[- ]+\n((?:\S+ +\d+\n)+)", re.MULTILINE)
_COMMAND = re.compile(r"^  Command: .* -- (\w+)$", re.MULTILINE)  # of a stage that DVC runs
_TIME = r"^\[([^\]]+)\]\n"
_EVENT = re.compile(
    _TIME + r"(?:Job (?P<begun>\d+): (?P<words>.*)|Finished jobid: (?P<done>\d+) \(Rule: (?P<rule>\w+)\)"
    r"|Error in rule \w+:\n(?:    message: .*\n)?    jobid: (?P<failed>\d+))$",
    re.MULTILINE,
)
_WHEN = "%a %b %d %H:%M:%S %Y"


@dataclass(frozen=True)
class Job:
    """A job that has begun.

    Attributes:
        words: What it does.
        state: running, done, failed, or stopped where its run has ended before it.
        began: Hours, minutes and seconds of the day.
        seconds: How long it took; None where it has not ended by itself.
    """

    words: str
    state: str
    began: str
    seconds: float | None = None


@dataclass(frozen=True)
class WorkflowRun:
    """One run.

    Attributes:
        stage: The one that DVC told it to make; None for a run of Snakemake alone.
        began: Day and time.
        rules: For each rule with jobs in this run how many it has, and how many of them are done.
        jobs: Those that have begun, from first to last.
    """

    stage: str | None
    began: str
    rules: dict[str, tuple[int, int]]
    jobs: list[Job]

    def count(self, state: str) -> int:
        """Jobs of a state; those `to come` have not begun."""
        return self.planned - len(self.jobs) if state == "to come" else sum(job.state == state for job in self.jobs)

    @property
    def planned(self) -> int:
        return sum(planned for planned, _ in self.rules.values())

    def ended(self) -> Self:
        """The same where no process of it is there any more."""
        jobs = [replace(job, state="stopped") if job.state == "running" else job for job in self.jobs]
        return replace(self, jobs=jobs)


def newest_run(folder: Path, targets: Set[str]) -> WorkflowRun | None:
    """The last run in a folder that planned a job; None where there was none. Rules that make nothing are `targets`."""
    logs = folder / ".snakemake/log"
    with suppress(OSError):
        for name in sorted(os.listdir(logs), reverse=True):
            text = (logs / name).read_text(encoding="utf-8", errors="replace")
            if run := _run(text, targets):
                return run
    return None


def _run(text: str, targets: Set[str]) -> WorkflowRun | None:
    if not (plan := _PLAN.search(text)):
        return None
    planned = {rule: int(count) for rule, count in map(str.split, plan[1].splitlines())}
    jobs: dict[str, Job] = {}
    times: dict[str, datetime] = {}
    done: Counter[str] = Counter()
    first = None
    for event in _EVENT.finditer(text, plan.end()):
        when = datetime.strptime(event[1], _WHEN)
        first = first or when
        if number := event["begun"]:  # a job that Snakemake repeats begins anew
            jobs[number], times[number] = Job(event["words"], "running", when.strftime("%H:%M:%S")), when
        elif (number := event["done"] or event["failed"]) in jobs:
            took = (when - times[number]).total_seconds()
            jobs[number] = replace(jobs[number], state="done" if event["done"] else "failed", seconds=took)
            done.update(filter(None, [event["rule"]]))
    stage = _COMMAND.search(text)
    return WorkflowRun(
        stage=stage[1] if stage else None,
        began=first.strftime("%d %B, %H:%M:%S") if first else "",
        rules={rule: (n, done[rule]) for rule, n in planned.items() if rule not in {"total", *targets}},
        jobs=list(jobs.values()),
    )
