import os
import subprocess
import sys

import pytest

from contraflow.devices import cores, gpus, lease

HOLD = """
import os, sys
from contraflow.devices import lease
with lease() as device:
    print(device, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def two_cards(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("CONTRAFLOW_GPU_LOCKS", str(tmp_path / "locks"))


def holder():
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()


def test_cores_are_those_this_process_may_use():
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("visible", "found"), [("", []), ("-1", []), ("0,2", ["0", "2"]), ("GPU-1a", ["GPU-1a"])])
def test_visible_devices_are_respected(monkeypatch, visible, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


def test_without_a_gpu_the_cpu_is_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with lease() as device:
        assert device.type == "cpu"


def test_two_jobs_hold_two_cards_and_a_killed_one_gives_its_card_back(two_cards):
    (first, (_, card1)), (second, (_, card2)) = holder(), holder()
    assert {card1, card2} == {"3", "5"}
    first.kill()
    first.wait()
    third, (device, card3) = holder()
    assert (device, card3) == ("cuda", card1)
    for process in (second, third):
        process.communicate("")
