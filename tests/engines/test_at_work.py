"""Who is at work, told by records that outlive a SIGKILL."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from contraflow.engines.at_work import at_work, begin
from contraflow.engines.jobs import Store, job

BEGIN = """
import sys
from pathlib import Path
from contraflow.engines.at_work import begin
begin(Path(sys.argv[1]), Path.cwd(), outputs=["results/a"], log=Path("logs/a.log"))
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(tmp_path):
    """A process that has begun, and works until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, tmp_path / "store"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"DVC_EXP_NAME": "colder"},
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    yield process
    process.communicate()


def test_work_is_there_until_its_process_is_killed(tmp_path, worker):
    [work], damaged = at_work(tmp_path / "store")
    assert (work.there, damaged) == (True, [])
    assert (work.folder, work.outputs, work.log) == (str(tmp_path), ["results/a"], "logs/a.log")
    assert (work.experiment, work.pid, work.history) == ("colder", worker.pid, None)
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie: nobody has asked how it ended
    assert at_work(tmp_path / "store")[0][0].there is False
    worker.wait()
    assert at_work(tmp_path / "store")[0] == [work] and not work.there


def test_another_process_of_the_same_number_is_not_it(tmp_path, worker):
    [work], _ = at_work(tmp_path / "store")
    assert replace(work, began=work.began - 1000).there is False


def test_of_another_machine_nothing_is_claimed(tmp_path, worker):
    [work], _ = at_work(tmp_path / "store")
    assert replace(work, host="another").there is None


def test_the_same_work_begun_again_has_one_record(tmp_path):
    first = begin(tmp_path, tmp_path, outputs=["b", "a"])
    assert begin(tmp_path, tmp_path, outputs=["a", "b"]) == first
    assert len({first, begin(tmp_path, tmp_path / "copy", outputs=["a", "b"]), begin(tmp_path, tmp_path)}) == 3
    assert len(at_work(tmp_path)[0]) == 3


def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path):
    whole, half, other = (begin(tmp_path, tmp_path, outputs=[name]) for name in "abc")
    half.write_text(whole.read_text()[:40])
    other.write_text(json.dumps({"version": 9}))
    works, damaged = at_work(tmp_path)
    assert [work.outputs for work in works] == [["a"]] and set(damaged) == {half, other}


def test_work_goes_on_where_it_cannot_be_recorded(tmp_path):
    (tmp_path / "running").write_text("a file where the folder would be")
    assert not begin(tmp_path, tmp_path).exists()


def test_a_job_is_at_work_until_it_ends_well(tmp_path, monkeypatch, params_of):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {pretrain: {cmd: 'true', outs: [out]}}")
    out, store = tmp_path / "out", Store(tmp_path)

    def run(error=None):
        with job("pretrain", params_of(), [], inputs=[], outputs=[out], log=tmp_path / "a.log") as state:
            [work], _ = at_work(store.folder)
            assert work.there and work.outputs == ["out"] and work.history == f"{state}.csv"
            out.write_text("done")
            if error:
                raise error

    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError())
    assert len(at_work(store.folder)[0]) == 1  # as where it was killed
    run()
    assert at_work(store.folder) == ([], [])


def test_outside_a_repository_no_job_leaves_a_record(tmp_path, monkeypatch, params_of):
    monkeypatch.chdir(tmp_path)
    with job("pretrain", params_of(), [], inputs=[], outputs=[tmp_path / "out"]):
        assert list(tmp_path.iterdir()) == []


def test_what_nobody_came_back_for_is_forgotten(tmp_path):
    old, new = (begin(Store(tmp_path).folder, tmp_path, outputs=[name]) for name in "ab")
    os.utime(old, (0, 0))
    Store(tmp_path).forget()
    assert new.exists() and not old.exists()
