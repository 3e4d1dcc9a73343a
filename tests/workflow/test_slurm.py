"""The workflow on a real cluster of one node: the files of a local run, whatever ends a job or a run."""

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
from fixtures.repositories import Repository

from contraflow.devices import job_cores

PROFILE = "profiles/slurm/config.yaml"
ENDS = ("cancelled", "requeued", "timed_out", "killed", "interrupted", "late")  # each has a seed
LONG = 100  # epochs, in the middle of which a training is stopped
WAIT = 120  # seconds
IN_TWO = """
set-resources:
  pretrain_seed:
    tasks: 2
    mpi: srun --ntasks=2
"""


@pytest.fixture(scope="module")
def submit(slurm):
    """The beginning of a command that submits."""
    return f"{slurm.exports} snakemake --profile profiles/slurm"


@pytest.fixture(scope="module")
def made(tmp_path_factory, new_repository):
    """A repository whose profile is for the cluster here: as many cores a job as locally, for the same last digits."""

    def make(name: str, **changes) -> Repository:
        repository = new_repository(tmp_path_factory.mktemp(name), **changes)
        profile = repository.path / PROFILE
        text = profile.read_text().replace("cpus_per_task: 4", f"cpus_per_task: {job_cores()}")
        profile.write_text(text.replace("status-checks: 15", "status-checks: 1"))
        repository.run("git commit -qam profile")
        return repository

    return make


def test_a_training(made, submit, slurm):
    local, there = made("local"), made("slurm")
    meanwhile = local.start("snakemake pretrain")
    there.run("snakemake encode")
    there.run(f"{submit} pretrain")
    meanwhile.communicate()
    assert there.results() == local.results()
    ((number, _, comment),) = slurm.jobs("all")
    assert comment == "rule_pretrain_seed_wildcards_0" and not slurm.asks_for_gpus(number)
    assert "Nothing to be done" in there.run("snakemake -n pretrain 2>&1")


@pytest.mark.slow
def test_a_whole_run_through_dvc(made, submit, slurm):
    before = len(slurm.jobs("all"))
    local, there = made("local"), made("slurm")
    local.run("snakemake")
    said = there.run(f"{slurm.exports} SNAKEMAKE_PROFILE=profiles/slurm dvc exp run 2>&1")
    assert len(slurm.jobs("all")) - before == len(there.finished(said)) - 4  # which run beside Snakemake
    assert there.results() == local.results()
    assert (there.path / "dvc.lock").read_text() == (local.path / "dvc.lock").read_text()
    assert "submitted to a batch system" in (there.path / "results/circumstances.html").read_text()
    assert there.up_to_date() and "Nothing to be done" in there.run(f"{submit} -n 2>&1")


@pytest.mark.slow
def test_gpus(made, submit, slurm):
    """They are asked for where they are said to be there, and only where a job computes with them."""
    there = made("slurm")
    there.run(f"{submit} --resources gpu=1 -- pretrain")
    *_, (encode, *_), (train, _, comment) = slurm.jobs("all")
    assert "pretrain" in comment and slurm.asks_for_gpus(train) and not slurm.asks_for_gpus(encode)


@pytest.mark.slow
def test_a_training_in_two_processes(made, submit, slurm):
    """Both on the one node that there is: they find each other as on two."""
    there = made("slurm", train={"gpus": 2}, model={"norm": "sync"})
    there.run("snakemake encode")
    profile = there.path / PROFILE
    profile.write_text(f"{profile.read_text()}{IN_TWO}")
    there.run("git commit -qam hosts")
    there.run(f"{submit} pretrain 2>&1")
    assert "one training in 2 processes, with 1 cpu each" in (there.path / "logs/pretrain/seed0.log").read_text()
    assert "Nothing to be done" in there.run("snakemake -n pretrain 2>&1")


@pytest.fixture(scope="module")
def trained(made):
    """What a local run makes of each seed; a repository to do the same on the cluster."""
    train = {"epochs": LONG, "batch_size": 16}
    local = made("local", train=train, seeds=list(range(len(ENDS))))
    local.run("snakemake pretrain")
    there = made("slurm", train=train)
    there.run("snakemake encode")
    return local.results(), there


class Case:
    """One seed's training on the cluster."""

    def __init__(self, seed: int, trained, submit: str, slurm):
        self.expected, self.repository = trained
        self.seed, self.slurm, self.command = seed, slurm, f"{submit} pretrain 2>&1"
        self.repository.set(seeds=[seed])
        self.states = self.repository.path / ".contraflow" / "training"
        shutil.rmtree(self.states, ignore_errors=True)

    def in_the_middle(self, command: str):
        """Start a command and wait until its training has an epoch behind it; its process, and its number in Slurm."""
        process = self.repository.start(command)
        deadline = time.monotonic() + WAIT
        while not any(self.states.glob("[!.]*")):
            assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        return process, self.slurm.await_job("pretrain_seed")

    def is_right(self) -> bool:
        files = {path: digest for path, digest in self.repository.results().items() if self.of_seed(path)}
        return files == {path: digest for path, digest in self.expected.items() if self.of_seed(path)} and bool(files)

    def of_seed(self, path: str) -> bool:
        return path.startswith(f"results/pretrain/seed{self.seed}/")


@pytest.fixture
def case(request, trained, submit, slurm):
    yield Case(ENDS.index(request.node.originalname.removeprefix("test_")), trained, submit, slurm)
    slurm.await_end()


@pytest.mark.slow
def test_cancelled(case):
    process, number = case.in_the_middle(f"{case.command} --retries 0")
    case.slurm.run("scancel", number)
    said = process.communicate()[0]
    assert process.returncode and "CANCELLED" in said and not case.is_right()
    case.repository.run(case.command)
    assert case.is_right()


@pytest.mark.slow
def test_requeued(case):
    process, number = case.in_the_middle(case.command)
    case.slurm.run("scontrol", "requeue", number)
    process.communicate()
    assert process.returncode == 0 and case.is_right()


@pytest.mark.slow
def test_timed_out(case):
    """A job that hangs runs into its limit, and is run again."""
    process, number = case.in_the_middle(case.command)
    hangs(case.repository.path)
    case.slurm.run("scontrol", "update", f"JobId={number}", "TimeLimit=1")
    said = process.communicate()[0]
    assert process.returncode == 0 and "TIMEOUT" in said and case.is_right()


def hangs(folder: Path) -> None:
    """Stop the training that works in a folder."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and any(word.endswith("/contraflow") for word in words):
            process.suspend()


@pytest.mark.slow
def test_killed(case):
    """A run that was killed cannot cancel its job; the next one waits until that has noticed and ended."""
    process, number = case.in_the_middle(case.command)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert case.slurm.await_job("pretrain_seed") == number
    said = case.repository.run(case.command)
    assert "waiting for jobs of an earlier run to end" in said
    assert case.repository.finished(said) == ["pretrain_seed"] and case.is_right()


@pytest.mark.slow
def test_interrupted(case):
    process, _ = case.in_the_middle(case.command)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0]
    assert said.endswith("Stopped. The same command goes on from here.\n") and process.returncode == 128 + signal.SIGINT
    case.slurm.await_end()
    assert not case.is_right()
    case.repository.run(case.command)
    assert case.is_right()


@pytest.mark.slow
def test_late(case):
    """A job that begins after its run was killed, and another run has made the same of other parameters."""
    blocking = case.slurm.run("sbatch", "--parsable", "--exclusive", "--output=/dev/null", "--wrap=sleep 600").strip()
    process = case.repository.start(case.command)
    case.slurm.await_job("pretrain_seed", "PENDING")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    case.repository.set(loss={"tau": 0.4})
    case.repository.run("snakemake pretrain")
    results = case.repository.results()
    case.slurm.run("scancel", blocking)
    case.slurm.await_end()
    assert case.repository.results() == results
    logs = (case.repository.path / ".snakemake/slurm_logs/rule_pretrain_seed" / str(case.seed)).glob("*.log")
    assert "the run that submitted this job was stopped" in max(logs).read_text()
