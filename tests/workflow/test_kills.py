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

KILLS = int(os.environ.get("CONTRAFLOW_KILLS", "30"))  # in all, over both engines
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
    "the index is locked": "rm .git/index.lock",
    "uncommitted changes exist in the index": "git reset --quiet",
}
ANY = 8  # seconds, for a kill at any moment


@dataclass
class Killer:
    """Runs one command in one repository again and again, and kills it. A job of a stage takes so many `seconds`."""

    repository: object
    engine: str
    seconds: dict[str, float]
    random: random.Random
    hits: Counter = field(default_factory=Counter)

    def start(self) -> subprocess.Popen:
        return self.repository.start(COMMANDS[self.engine])

    def kill(self, stage: str | None) -> None:
        """Kill once: while a job of `stage`, or of the next that is not complete, runs; for None at any moment.

        Afterwards nothing may be left running, and nothing that was finished may have been made again.
        """
        finished, epochs = self.finished(), self.epochs()
        if stage:
            later = list(JOBS)[list(JOBS).index(stage) :]
            stage = next((name for name in later if LAST[name] not in finished), None)
        process = self.start()
        moment = self.random.uniform(0, self.seconds[stage] if stage else ANY)
        if stage and stage not in self.hits:
            moment = 0  # each stage is hit once, however fast its jobs are
        self.wait_for_job(process, stage)
        deadline = time.monotonic() + moment
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.wait_for_job(process, stage)  # the next, where that one was short
        now = self.processes()  # looked at once: short jobs end while one looks
        running = [name for name in JOBS if self.jobs(name, now)]
        hit = stage if stage in running else next(iter(running), "between")  # stages run side by side
        victim = self.random.choice(VICTIMS[self.engine])
        if struck := process.poll() is None:
            self.strike(process, victim, hit)
            self.hits[hit] += 1
        said = process.communicate(timeout=300)[0]
        self.wait_for_silence(said)
        if process.returncode and not struck:
            self.mend(said)
        for words, makes in STARTS.items():
            for seed in re.findall(words, said):
                assert makes.format(seed) not in finished, f"a finished training was repeated:\n{said}"
        for state, done in self.epochs().items():
            assert done >= epochs.get(state, 0), f"finished epochs were lost:\n{said}"

    def wait_for_job(self, process: subprocess.Popen, stage: str | None) -> None:
        """Until a job of the stage runs, unless the stage or the command has ended."""
        while stage and process.poll() is None and not self.jobs(stage) and LAST[stage] not in self.finished():
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

    def strike(self, process: subprocess.Popen, victim: str, stage: str) -> None:
        """SIGKILL to one process of the command, a job being one of `stage`, or to all where there is no such."""
        if victim == "job":
            found = self.jobs(stage) if stage in JOBS else []
        else:
            found = [p for p in self.processes() if victim in map(os.path.basename, p["cmdline"][:2])]
        if found:
            os.kill(found[0]["pid"], signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)

    def processes(self) -> list[dict]:
        """Those that work in the repository, the command's own shell left out."""
        found = [p.info for p in psutil.process_iter(["pid", "cwd", "cmdline", "status"])]
        return [
            info
            for info in found
            if info["cwd"] == str(self.repository.path) and info["cmdline"] and info["status"] != psutil.STATUS_ZOMBIE
        ]

    def jobs(self, stage: str, processes: list[dict] | None = None) -> list[dict]:
        """Those of `processes`, by default of all there are now, that are jobs of the stage."""
        return [
            info
            for info in (self.processes() if processes is None else processes)
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
        states = (self.repository.path / ".contraflow/training").glob("[!.]*")
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
    """Seconds of the longest job of each stage."""
    found = {}
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
    for number in range(kills):
        killer.kill(stages[number * len(stages) // kills])
    killer.finish()
    assert killer.repository.up_to_date()
    assert killer.repository.results() == unharmed.results()
    assert killer.hits.total() >= kills * 3 // 4, killer.hits
    assert set(JOBS) <= set(killer.hits), killer.hits
    leftovers = [path.name for path in killer.repository.path.rglob("*.tmp") if ".dvc" not in path.parts]
    assert not leftovers
