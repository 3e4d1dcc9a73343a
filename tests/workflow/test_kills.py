"""A run that is killed again and again, at random moments, comes to the same bytes as one that never was.

`make test-kills` does the same at many more moments.
"""

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


@dataclass
class Killer:
    """Runs one command in one repository again and again, and kills it."""

    repository: object
    engine: str
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
        moment = self.random.uniform(0, {"fetch": 0.5, None: 8}.get(stage, 4))
        while stage and process.poll() is None and not self.jobs(stage):
            time.sleep(0.02)
        deadline = time.monotonic() + moment
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        running = [name for name in JOBS if self.jobs(name)]
        hit = stage if stage in running else next(iter(running), "between")  # stages run side by side
        victim = self.random.choice(VICTIMS[self.engine])
        if process.poll() is None:
            self.strike(process, victim, hit)
            self.hits[hit] += 1
        said = process.communicate(timeout=300)[0]
        self.wait_for_silence(said)
        for words, makes in STARTS.items():
            for seed in re.findall(words, said):
                assert makes.format(seed) not in finished, f"a finished training was repeated:\n{said}"
        for state, done in self.epochs().items():
            assert done >= epochs.get(state, 0), f"finished epochs were lost:\n{said}"

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

    def jobs(self, stage: str) -> list[dict]:
        return [
            info
            for info in self.processes()
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
def whole(make):
    """What a run leaves that was never killed."""
    repository = make()
    repository.run("snakemake --cores 1")
    return repository.results()


@pytest.mark.parametrize(("engine", "kills"), [("snakemake", KILLS * 3 // 5), ("dvc", KILLS * 2 // 5)])
def test_a_run_killed_again_and_again_ends_in_the_same_bytes(make, whole, engine, kills):
    killer = Killer(make(), engine, random.Random(f"{SEED} {engine}"))
    stages = [*JOBS, None]
    for number in range(kills):
        killer.kill(stages[number * len(stages) // kills])
    killer.repository.run(COMMANDS[engine])
    assert killer.repository.up_to_date()
    assert killer.repository.results() == whole
    assert killer.hits.total() >= kills * 3 // 4, killer.hits
    assert set(JOBS) <= set(killer.hits), killer.hits
    leftovers = [path.name for path in killer.repository.path.rglob("*.tmp") if ".dvc" not in path.parts]
    assert not leftovers
