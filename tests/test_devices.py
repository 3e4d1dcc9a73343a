import os
import subprocess
import sys

import pytest
import torch

from contraflow import devices
from contraflow.devices import cores, gpus, job_cores, lease, side_by_side

# What stands for a driver under WSL, which has a file for all cards, and for a PyTorch that works with it.
CARDS = """
import os, sys
from pathlib import Path
from unittest.mock import MagicMock
from contraflow import devices
from contraflow.devices import lease
devices._DEVICES = Path(os.environ["CONTRAFLOW_GPU_LOCKS"]).parent
torch = sys.modules["torch"] = MagicMock(device=str)
torch.cuda.device_count.return_value = len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
torch.ones.return_value.item.return_value = 1
"""
HOLD = (
    CARDS
    + """
with lease() as (device,):
    print(device, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""
)


@pytest.fixture
def two_cards(monkeypatch, tmp_path):
    _under_wsl(monkeypatch, tmp_path, "3,5")
    monkeypatch.setenv("CONTRAFLOW_GPU_LOCKS", str(tmp_path / "locks"))


def _under_wsl(monkeypatch, folder, visible):
    (folder / "dxg").touch()
    monkeypatch.setattr(devices, "_DRIVER", folder / "driver")
    monkeypatch.setattr(devices, "_DEVICES", folder)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)


def holder():
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()


def test_cores_are_those_this_process_may_use():
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("number", "cards", "at_a_time", "each"),
    [(1, 0, 1, 1), (2, 0, 2, 1), (9, 0, 2, 4), (16, 1, 1, 16), (16, 4, 4, 4), (2, 4, 4, 1)],
)
def test_jobs_side_by_side_share_the_cores(monkeypatch, tmp_path, number, cards, at_a_time, each):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)))
    _under_wsl(monkeypatch, tmp_path, ",".join(map(str, range(cards))))
    assert (side_by_side(), job_cores()) == (at_a_time, each)


@pytest.mark.parametrize(
    ("given", "cards", "each"),
    [(1, 0, 1), (3, 0, 3), (12, 0, 9), (4, 1, 4), (4, 2, 2), (1, 2, 1)],
)
def test_what_a_batch_system_gave_is_for_one_job(monkeypatch, tmp_path, given, cards, each):
    """Each of its processes has a card, and its share of the cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)))
    monkeypatch.setenv(devices.ALLOCATED, str(given))
    _under_wsl(monkeypatch, tmp_path, ",".join(map(str, range(cards))))
    assert (cores(), side_by_side(), job_cores()) == (min(9, given), max(1, cards), each)


def test_cards_that_a_batch_system_gave_are_not_leased_and_others_not_used(two_cards, monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "_cuda_starts", lambda _: True)
    monkeypatch.setenv(devices.ALLOCATED, "4")
    with lease(2), lease(1) as (device,):
        assert str(device) == "cuda:0" and os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    assert not (tmp_path / "locks").exists()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpus() == []


@pytest.mark.parametrize(("visible", "found"), [("", []), ("-1", []), ("0,2", ["0", "2"]), ("GPU-1a", ["GPU-1a"])])
def test_visible_devices_are_respected(monkeypatch, tmp_path, visible, found):
    _under_wsl(monkeypatch, tmp_path, visible)
    assert gpus() == found


@pytest.mark.parametrize("visible", ["", "0", "GPU-1a"])
def test_without_a_gpu_the_cpu_is_used(monkeypatch, tmp_path, visible):
    _under_wsl(monkeypatch, tmp_path, visible)
    (tmp_path / "dxg").unlink()
    with lease() as (device,):
        assert device.type == "cpu"


@pytest.mark.parametrize("wanted", [1, 2])
@pytest.mark.parametrize("counted", [False, True])
def test_cards_on_which_cuda_does_not_start_are_left_for_the_cpu(two_cards, monkeypatch, capsys, wanted, counted):
    """The PyTorch here finds no driver behind these cards; where it does, there is nothing to leave.

    Cards that are `counted` and then cannot compute are those of a kind that PyTorch has no code for.
    """
    if torch.cuda.is_available():
        pytest.skip("CUDA starts on this machine")
    if counted:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with lease(wanted) as (device,):
        assert device.type == "cpu"
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("CUDA does not start here") and said.endswith("using the CPU")


def test_two_jobs_hold_two_cards_and_a_killed_one_gives_its_card_back(two_cards):
    (first, (_, card1)), (second, (_, card2)) = holder(), holder()
    assert {card1, card2} == {"3", "5"}
    first.kill()
    first.wait()
    third, (device, card3) = holder()
    assert (device, card3) == ("cuda:0", card1)
    for process in (second, third):
        process.communicate("")


CONTEND = (
    CARDS
    + """
import random, signal, time
number = int(sys.argv[1])
with lease(1 + number % 2):
    held = [os.path.join(sys.argv[2], card) for card in os.environ["CUDA_VISIBLE_DEVICES"].split(",")]
    for card in held:
        os.close(os.open(card, os.O_CREAT | os.O_EXCL))  # fails where another job holds the card
    time.sleep(random.Random(number).uniform(0.01, 0.1))
    for card in held:
        os.unlink(card)
    print(len(held), flush=True)
    if number % 3 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""
)


def test_many_jobs_never_share_a_card_though_some_are_killed(tmp_path):
    """Twelve jobs over three cards; every second wants two at once, every third dies while it holds what it has."""
    held = tmp_path / "held"
    held.mkdir()
    (tmp_path / "dxg").touch()
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "1,4,6", "CONTRAFLOW_GPU_LOCKS": str(tmp_path / "locks")}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", CONTEND, str(number), str(held)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(12)
    ]
    for number, job in enumerate(jobs):
        out, err = job.communicate(timeout=120)
        assert (out, job.returncode) == (f"{1 + number % 2}\n", 0 if number % 3 else -9), err
        assert set(err.splitlines()) <= {f"waiting for {n} of 3 GPUs: other jobs hold them" for n in (1, 2)}
    assert list(held.iterdir()) == []
    assert {file.name for file in (tmp_path / "locks").iterdir()} == {f"gpu{card}.lock" for card in (1, 4, 6)}


def test_a_job_that_wants_more_cards_than_there_are_uses_them_and_says_so(two_cards, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with lease(4) as found:
        assert [str(device) for device in found] == ["cuda:0", "cuda:1"]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"
    assert capsys.readouterr().err == "4 GPUs were asked for and there are 2: using what is there\n"


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A driver that knows three cards, in the order of the bus; the second may not be opened."""
    for bus, uuid, number in (("07", "GPU-aa1", 2), ("0a", "GPU-bb1", 0), ("47", "GPU-ab1", 1)):
        file = tmp_path / "driver" / f"0000:{bus}:00.0" / "information"
        file.parent.mkdir(parents=True)
        file.write_text(f"Model: \t\t Card: new\nGPU UUID: \t {uuid}\nDevice Minor: \t {number}\nExcluded: No\n")
        if uuid != "GPU-bb1":
            (tmp_path / f"nvidia{number}").touch()
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "driver")
    monkeypatch.setattr(devices, "_DEVICES", tmp_path)
    monkeypatch.setenv("CONTRAFLOW_GPU_LOCKS", str(tmp_path / "locks"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["GPU-aa1", "GPU-ab1"]),
        ("1,0", ["GPU-ab1", "GPU-aa1"]),
        ("GPU-aa,0,GPU-ab1", ["GPU-aa1", "GPU-ab1"]),
        ("0,-1,1", ["GPU-aa1"]),
        ("GPU-a", ["GPU-a"]),  # could be either: CUDA will refuse it
        ("MIG-1", ["MIG-1"]),
    ],
)
def test_a_card_has_one_name_however_it_is_spelled(driver, monkeypatch, visible, found):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


def test_jobs_that_spell_a_card_differently_do_not_share_it(driver, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with lease():
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-aa1"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa,GPU-ab")
        with lease():
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-ab1"


def test_where_the_driver_tells_nothing_the_device_files_are_counted(driver, monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "nowhere")
    assert gpus() == ["1", "2"]
