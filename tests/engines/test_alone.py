"""With real processes: locks and deaths are the kernel's."""

import os
import platform
import signal
import subprocess
import sys
import time

import psutil
import pytest

RUN = """
import sys
from pathlib import Path
from contraflow.engines.alone import alone
print(alone(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
EMPLOYER = """
import subprocess, sys
from contraflow.engines.alone import work_for_me
work_for_me()
worker = "from contraflow.engines.alone import end_with_employer as e; import time; e(); print('ready', flush=True); "
subprocess.run(["/bin/bash", "-c", "$0 -c \\"$1\\" 2>&1 | cat", sys.executable, worker + "time.sleep(600)"])
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def snakemakes_lock(tmp_path):
    """A lock file as Snakemake has while it runs, and leaves where it is killed."""
    lock = tmp_path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    return lock


def test_a_second_run_is_not_alone_until_the_first_is_killed(tmp_path, snakemakes_lock):
    first = start(RUN, tmp_path)
    assert first.stdout.readline() == "True\n"
    assert not snakemakes_lock.exists()  # left over: nobody was running
    snakemakes_lock.parent.mkdir()
    snakemakes_lock.touch()
    second = start(RUN, tmp_path)
    assert second.stdout.readline() == "False\n"
    assert snakemakes_lock.exists()
    first.kill()
    first.wait()
    third = start(RUN, tmp_path)
    assert third.stdout.readline() == "True\n"
    for process in (second, third):
        process.communicate("")


def test_a_plan_makes_way_for_a_run(tmp_path):
    plan = start(RUN, tmp_path)
    assert plan.stdout.readline() == "True\n"
    run = start(RUN, tmp_path)
    time.sleep(0.5)
    plan.communicate("")
    assert run.stdout.readline() == "True\n"
    run.communicate("")


def test_a_worker_ends_with_its_employer_though_a_shell_stands_between():
    employer = start(EMPLOYER)
    assert employer.stdout.readline() == "ready\n"
    below = psutil.Process(employer.pid).children(recursive=True)
    assert len(below) >= 2
    employer.send_signal(signal.SIGKILL)
    employer.wait()
    _, alive = psutil.wait_procs(below, timeout=30)
    assert not alive


def test_a_worker_whose_employer_is_gone_does_not_start():
    gone = subprocess.Popen(["true"])
    gone.wait()
    code = "from contraflow.engines.alone import end_with_employer as e; e(); print('worked')"
    environment = os.environ | {"CONTRAFLOW_WORKS_FOR": f"{gone.pid} {platform.node()}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and "worked" not in done.stdout


def test_ctrl_c_is_one_line_and_status_130():
    code = "from contraflow.engines.alone import stop_at_once as s; s(lambda: False); print(1, flush=True); input()"
    process = start(code)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert said.strip() == "Stopped. The same command goes on from here." and process.returncode == 130
