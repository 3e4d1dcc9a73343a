"""A run is read from the log of the real Snakemake."""

import subprocess
import sys

import pytest

from contraflow.watch.run import _run, newest_run

WORKFLOW = """
rule all:
    input: "c", "d"
rule make_a:
    output: "a"
    message: "Making a: {output}"
    shell: "sleep 1.1; touch a"
rule make_b:
    input: "a"
    output: "b"
    message: "Making <b>"
    shell: "echo nothing; exit 1"
rule make_c:
    input: "b"
    output: "c"
    message: "Making c"
    shell: "touch c"
rule make_d:
    output: "d"
    message: "Making d"
    shell: "touch d"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two jobs that end well, one that fails and one that waits for it."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "Snakefile").write_text(WORKFLOW)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going", "--allowed-rules"]
    rules = ["all", "make_a", "make_b", "make_c", "make_d"]
    assert subprocess.run([*command, *rules, "--", "all"], cwd=folder, capture_output=True).returncode == 1
    return folder


@pytest.fixture(scope="module")
def text(folder):
    [log] = (folder / ".snakemake/log").iterdir()
    return log.read_text()


def test_what_was_planned_and_what_became_of_it(folder):
    run = newest_run(folder, {"all"})
    assert run.rules == {"make_a": (1, 1), "make_b": (1, 0), "make_c": (1, 0), "make_d": (1, 1)}
    assert {job.words: job.state for job in run.jobs} == {
        "Making a: a": "done",
        "Making <b>": "failed",
        "Making d": "done",
    }
    assert [run.count(state) for state in ("done", "failed", "running", "to come")] == [2, 1, 0, 1]
    assert next(job for job in run.jobs if job.words == "Making a: a").seconds >= 1
    assert run.stage == "all"  # as DVC names the stage that it wants


def test_a_log_that_is_being_written_is_read_as_far_as_it_goes(text):
    """Wherever it ends just now."""
    seen = set()
    for end in range(len(text) + 1):
        if run := _run(text[:end], {"all"}):
            states = [run.count(state) for state in ("done", "failed", "running", "to come")]
            assert sum(states) == run.planned <= 4 and min(states) >= 0
            seen.add(tuple(states) if run.planned == 4 else None)
    assert (0, 0, 1, 3) in seen and (2, 1, 0, 1) in seen


def test_what_was_running_when_the_run_ended_was_stopped(text):
    run = _run(text[: text.index("Finished jobid")], {"all"}).ended()
    assert [job.state for job in run.jobs] == ["stopped"] and run.count("running") == 0


def test_without_a_plan_there_is_no_run(folder, tmp_path):
    assert newest_run(tmp_path, set()) is None
    logs = tmp_path / ".snakemake/log"
    logs.mkdir(parents=True)
    (logs / "2026-01-01T000000.000000.snakemake.log").write_text("Nothing to be done.\n")
    assert newest_run(tmp_path, set()) is None
