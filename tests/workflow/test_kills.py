"""A run that is killed again and again, at random moments, comes to the same bytes as one that never was.

`make test-kills` does the same at many more moments.
"""

import csv
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
import pytest

from contraflow.engines.jobs import Store
from contraflow.training.state import load_state

KILLS = int(os.environ.get("CONTRAFLOW_KILLS", "20"))  # in all, over both engines
SEED = int(os.environ.get("CONTRAFLOW_KILL_SEED", "0"))
COMMANDS = {"snakemake": "snakemake --cores all", "dvc": "dvc exp run"}
VICTIMS = {"snakemake": ["job", "snakemake", "group"], "dvc": ["job", "snakemake", "dvc", "group"]}
JOBS = {  # of each stage: the words after `contraflow`
    "fetch": {"fetch"},
    "encode": {"encode"},
    "pretrain": {"pretrain"},
    "mine": {"mine", "train-mined", "summarise-mining"},
    "evaluate": {"evaluate", "evaluate-rounds", "summarise"},
    "report": {"report"},
}
LAST = {  # what the last job of each stage makes
    "fetch": "results/fetch/source.json",
    "encode": "results/encode/card.json",
    "pretrain": "results/pretrain/seed0/encoder.safetensors",
    "mine": "results/mine/summary.csv",
    "evaluate": "results/metrics.json",
    "report": "results/report.html",
}
STARTS = {  # what Snakemake prints when a training starts, and what that makes
    r"Pretraining with seed (\d+)": "results/pretrain/seed{}/encoder.safetensors",
    r"Training with mined negatives: seed (\d+), round 1": "results/mine/seed{}/round1/encoder.safetensors",
}
CUT = {  # what DVC says where it was killed while it or git wrote, and what docs/engines.md says to type then
    "'./dvc.lock' validation failed": "snakemake -n",
    "the index is locked": "find .git -name '*.lock' -delete",
    "failed to lock file": "find .git -name '*.lock' -delete",
    "uncommitted changes exist in the index": "git reset --quiet",
}
ANY = 8  # seconds, at first, for a kill at any moment


@dataclass
class Killer:
    """Runs one command in one repository again and again, and kills it. A job of a stage takes so many `seconds`, the
    whole command those of None.
    """

    repository: object
    engine: str
    seconds: dict[str | None, float]
    random: random.Random
    hits: Counter = field(default_factory=Counter)

    def start(self) -> subprocess.Popen:
        return self.repository.start(COMMANDS[self.engine])

    def kill(self, stage: str | None) -> bool:
        """Kill once: while a job of `stage`, or of the next that is not complete, runs; for None at any moment. Whether
        the command came to its end before that.

        Afterwards nothing may be left running, and nothing that was finished may have been made again.
        """
        finished, epochs = self.finished(), self.epochs()
        if stage:
            later = list(JOBS)[list(JOBS).index(stage) :]
            stage = next((name for name in later if LAST[name] not in finished), None)
        process = self.start()
        now = self.wait_for_job(process, stage)
        if stage is None or stage in self.hits:  # at first at once: each stage is hit, however fast its jobs are
            deadline = time.monotonic() + self.random.uniform(0, self.seconds[stage])
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            now = self.wait_for_job(process, stage)  # the next, where that one was short
        running = [name for name in JOBS if self.jobs(name, now)]
        hit = stage if stage in running else next(iter(running), "between")  # stages run side by side
        victim = self.random.choice(VICTIMS[self.engine])
        if struck := process.poll() is None:
            self.strike(process, victim, hit, now)
            self.hits[hit] += 1
        else:
            self.seconds[stage] /= 2  # jobs are faster now than where they were timed
        said = process.communicate(timeout=300)[0]
        self.wait_for_silence(said)
        if process.returncode and not struck:
            self.mend(said)
        for words, makes in STARTS.items():
            for seed in re.findall(words, said):
                assert makes.format(seed) not in finished, f"a finished training was repeated:\n{said}"
        for state, done in self.epochs().items():
            assert done >= epochs.get(state, 0), f"finished epochs were lost:\n{said}"
        return not process.returncode

    def wait_for_job(self, process: subprocess.Popen, stage: str | None) -> list[dict]:
        """The processes of the first look that shows a job of the stage, or that follows on its end or the command."""
        while True:
            now = self.processes()
            ended = process.poll() is not None or not stage or LAST[stage] in self.finished()
            if ended or self.jobs(stage, now):
                return now
            time.sleep(0.02)

    def finish(self) -> None:
        """Run the command to its end; first what the documents say, where a kill hit DVC or git while they wrote."""
        for _ in CUT:
            process = self.start()
            said = process.communicate()[0]
            if not process.returncode:
                return
            self.mend(said)
        self.repository.run(COMMANDS[self.engine])

    def mend(self, said: str) -> None:
        """Type what the documents say to do; a command that was not killed fails for no other reason."""
        found = [command for words, command in CUT.items() if words in said]
        assert self.engine == "dvc" and found, said
        self.repository.run(found[0])

    def strike(self, process: subprocess.Popen, victim: str, stage: str, now: list[dict]) -> None:
        """SIGKILL to one process of the command, a job being one of `stage`, or to all where there is no such `now`."""
        if victim == "job":
            found = self.jobs(stage, now) if stage in JOBS else []
        else:
            found = [p for p in now if victim in map(os.path.basename, p["cmdline"][:2])]
        try:
            os.kill(found[0]["pid"], signal.SIGKILL)
        except (IndexError, ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def processes(self) -> list[dict]:
        """Those that work in the repository, the command's own shell left out."""
        found = [p.info for p in psutil.process_iter(["pid", "cwd", "cmdline", "status"])]
        return [
            info
            for info in found
            if info["cwd"] == str(self.repository.path) and info["cmdline"] and info["status"] != psutil.STATUS_ZOMBIE
        ]

    def jobs(self, stage: str, processes: list[dict]) -> list[dict]:
        """Those of `processes` that are jobs of the stage."""
        return [
            info
            for info in processes
            if os.path.basename(info["cmdline"][1 % len(info["cmdline"])]) == "contraflow"
            and JOBS[stage] & set(info["cmdline"][2:3])
        ]

    def wait_for_silence(self, said: str) -> None:
        """Whoever worked for a killed process ends with it; only DVC itself may finish what it is writing."""
        deadline = time.monotonic() + 20
        while left := self.processes():
            assert time.monotonic() < deadline, f"{left} outlived\n{said}"
            time.sleep(0.05)

    def finished(self) -> set[str]:
        """Files of the trainings that had ended."""
        return {path for trace in Store(self.repository.path).traces() for path in trace.outputs}

    def epochs(self) -> dict[str, int]:
        """Finished epochs of the trainings that had not."""
        files = (self.repository.path / ".contraflow/training").glob("[!.]*")
        states = [file for file in files if not file.suffix]  # beside each its history
        return {state.name: len(load_state(state)["history"]) for state in states}


@pytest.fixture(scope="module")
def make(tmp_path_factory, new_repository):
    changes = {"train": {"epochs": 3}, "mining": {"epochs": 3}}
    return lambda: new_repository(tmp_path_factory.mktemp("killed"), **changes)


@pytest.fixture(scope="module")
def unharmed(make):
    """A repository whose run was never killed."""
    repository = make()
    repository.run("snakemake --cores 1")
    return repository


def longest(repository) -> dict[str, float]:
    """Seconds of the longest job of each stage, and `ANY`."""
    found = {None: ANY}
    for path in (repository.path / "logs/benchmarks").rglob("*.tsv"):
        with path.open() as file:
            [row] = csv.DictReader(file, delimiter="\t")
        stage = path.relative_to(repository.path / "logs/benchmarks").parts[0]
        found[stage] = max(found.get(stage, 0), float(row["s"]))
    return found


@pytest.mark.parametrize(("engine", "kills"), [("snakemake", KILLS * 3 // 5), ("dvc", KILLS * 2 // 5)])
def test_a_run_killed_again_and_again_ends_in_the_same_bytes(make, unharmed, engine, kills):
    killer = Killer(make(), engine, longest(unharmed), random.Random(f"{SEED} {engine}"))
    stages = [*JOBS, None]
    while (hits := killer.hits.total()) < kills:
        if killer.kill(stages[hits * len(stages) // kills]):
            assert killer.repository.results() == unharmed.results()
            killer.repository = make()  # the other kills hit a run that begins anew
    killer.finish()
    assert killer.repository.up_to_date()
    assert killer.repository.results() == unharmed.results()
    assert set(JOBS) <= set(killer.hits), killer.hits
    leftovers = [path.name for path in killer.repository.path.rglob("*.tmp") if ".dvc" not in path.parts]
    assert not leftovers
