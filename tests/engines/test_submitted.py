"""With real processes, as a batch system starts them: of their run they know the folder and the environment."""

import os
import subprocess
import sys

import pytest

from contraflow.engines.submitted import RUN, begin_run, dismiss_jobs

JOB = """
import sys
from pathlib import Path
from contraflow.engines import submitted
from contraflow.foundations.errors import UserError
submitted.PATIENCE = 1
try:
    submitted.work_for_run(Path(sys.argv[1]), ["--cores", "2", "--target-jobs", *sys.argv[2:], "--force"])
except UserError as error:
    sys.exit(str(error))
from contraflow.devices import job_cores
print(job_cores(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Start runs in a folder, and jobs for the one that is at work."""
    started = []

    class Folder:
        path = tmp_path

        def begin(self) -> None:
            begin_run(tmp_path)

        def job(self, *targets: str, **environment: str) -> subprocess.Popen:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", JOB, str(tmp_path), *targets],
                    env=os.environ | environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            return started[-1]

    monkeypatch.setenv(RUN, "none")
    (tmp_path / ".snakemake").mkdir()
    yield Folder()
    for process in started:
        process.kill()
        process.communicate()


def refusal(job: subprocess.Popen) -> str:
    said, error = job.communicate()
    assert said == "" and job.returncode == 1
    return error


def test_two_jobs_that_make_the_same_are_one_after_the_other(run):
    run.begin()
    first, other = run.job("pretrain_seed:seed=0", SLURM_JOB_ID="7"), run.job("pretrain_seed:seed=1")
    step = run.job("pretrain_seed:seed=0", CONTRAFLOW_WITHIN="another")  # which the first one starts
    assert all(job.stdout.readline() for job in (first, other, step))
    assert "job 7 on" in (said := refusal(run.job("pretrain_seed:seed=0"))) and "`scancel` it" in said
    first.kill()
    assert run.job("pretrain_seed:seed=0").stdout.readline()


def test_jobs_of_an_earlier_run_end_before_the_next_begins(run, capsys):
    run.begin()
    early = run.job("mine_shard:round=1,seed=0,shard=2")
    assert early.stdout.readline()
    earlier = os.environ[RUN]
    run.begin()
    assert early.poll() == -9 or early.wait(1) == -9
    assert capsys.readouterr().err == "waiting for jobs of an earlier run to end\n"
    assert "was stopped: nothing is made" in refusal(run.job("pretrain_seed:seed=0", **{RUN: earlier}))
    assert run.job("pretrain_seed:seed=0").stdout.readline()


def test_a_run_that_is_stopped_dismisses_its_jobs(run):
    run.begin()
    job = run.job("encode_images:")
    assert job.stdout.readline()
    dismiss_jobs(run.path)
    assert job.wait(30) == -9
    assert "was stopped" in refusal(run.job("encode_images:"))


def test_a_job_computes_with_the_cores_that_it_was_given(run):
    """None are left idle, as on a machine that it shares; and no more than it may use, whatever was asked for."""
    run.begin()
    usable = len(os.sched_getaffinity(0))
    given = {"1": 1, str(usable): usable, str(usable + 5): usable}
    for cpus, used in given.items():
        assert run.job(f"pretrain_seed:seed={cpus}", SLURM_CPUS_PER_TASK=cpus).stdout.readline() == f"{used}\n"
    assert run.job("encode_images:").stdout.readline() == f"{usable}\n"  # of another batch system
