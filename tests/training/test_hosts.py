"""One training on two hosts, which are network namespaces with a wire between them."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
import yaml
from fixtures.hosts import ADDRESSES, MEET, PORT

from contraflow.encoded.names import CARD
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.settings import MethodSettings
from contraflow.training.meeting import NOTICED

HERE, BIN = Path(__file__).parent, Path(sys.executable).parent
METHODS = {"simclr": "sync", "moco": "batch", "swav": "sync"}  # a BatchNorm of all, a queue, a sum over all
EPOCHS = 30
SOON = 6  # seconds in which a busy machine ends a process


@pytest.fixture
def hosts(two_hosts):
    """Two hosts on which nothing runs and between which a wire is up."""
    yield two_hosts
    two_hosts.end()
    two_hosts.wire("up")


def until_lost(hosts, what: str, folder: Path, how: str) -> list[str]:
    """Let both do something until the second is lost; what they say then. All end in seconds."""
    processes = hosts.launch(sys.executable, str(HERE / "two_hosts.py"), what, str(folder))
    ranks = []
    for process in processes:
        while not (line := process.stdout.readline()).startswith("waits"):
            assert line
        ranks.append(psutil.Process(int(line.split()[1])))
    began = time.monotonic()
    if how == "wire":
        hosts.wire("down")
    else:
        (ranks if how == "rank" else processes)[1].send_signal(signal.SIGKILL)
    said = [process.communicate()[0] for process in processes]
    assert time.monotonic() - began < SOON + (NOTICED if how == "wire" else 0)
    assert all(process.returncode for process in processes) and not psutil.wait_procs(ranks, timeout=SOON)[1]
    return said


def test_they_learn_what_one_process_does_until_the_network_goes(hosts, params_of, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    import two_processes

    cases = {
        name: (MethodSettings.of(params_of(method={"name": name}, model={"norm": norm})), "double", 0, 0, None)
        for name, norm in METHODS.items()
    }
    torch.save(cases, tmp_path / "cases.pt")
    said = until_lost(hosts, "learn", tmp_path, "wire")
    for lost, text in zip(reversed(ADDRESSES), said, strict=True):
        assert f"{lost}, which trains along, was lost: run the same command again" in text
    first, second = (torch.load(tmp_path / f"rank{number}.pt") for number in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    for name, of in cases.items():
        one = two_processes.steps(name, *of)
        assert max(g.abs().max().item() for g in one["gradients"].values()) > 1e-3
        torch.testing.assert_close(first[name], one, rtol=1e-8, atol=1e-10)


def test_one_gpu_is_not_for_two_processes(params_of, encoded, pretrained, tmp_path, monkeypatch):
    for name, value in (MEET | {"RANK": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^train\.gpus must be a multiple of the 2 processes .*, got 1$"):
        pretrained(params_of(), encoded, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "reason"), [("rank", "failed: rank 1 of the training was ended by SIGKILL"), ("process", "was lost")]
)
def test_one_that_is_killed_ends_the_other_at_once(hosts, tmp_path, how, reason):
    assert f"{ADDRESSES[1]}, which trains along, {reason}" in until_lost(hosts, "wait", tmp_path, how)[0]


class Pretraining:
    """Commands that pretrain in a folder that both hosts see."""

    def __init__(self, hosts, folder: Path, card: Path):
        self.hosts, self.folder, self.card = hosts, folder, card
        self.states = folder / ".contraflow" / "training"

    def command(self, out: str) -> list[str]:
        files = {"encoder": f"{out}/encoder.safetensors", "history": f"{out}/history.csv", "data": str(self.card)}
        options = [word for name, path in files.items() for word in (f"--{name}", path)]
        return ["env", "-C", str(self.folder), f"{BIN}/contraflow", "pretrain", "--seed", "0", *options]

    def say(self, *, fails: bool = False) -> list[str]:
        """What all say that were started, when they have ended."""
        said = [process.stdout.read() for process in self.hosts.started]
        assert all((process.wait() != 0) == fails for process in self.hosts.started), said
        self.hosts.end()
        return said

    def epochs(self) -> int:
        """How many the training that works has behind it."""
        tables = list(self.states.glob("*.csv"))
        return len(pd.read_csv(tables[0])) if tables else 0

    def await_epochs(self, number: int) -> None:
        while self.epochs() < number:
            assert all(process.poll() is None for process in self.hosts.started), self.say()
            time.sleep(0.05)

    def files(self, out: str) -> list[str]:
        return [sha256(self.folder / out / name) for name in ("encoder.safetensors", "history.csv")]


@pytest.fixture
def pretraining(hosts, params_of, encoded, tmp_path):
    params = params_of(model={"norm": "sync"}, train={"gpus": 2, "epochs": EPOCHS, "precision": "float32"})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")))
    return Pretraining(hosts, tmp_path, encoded.folder / CARD)


@pytest.mark.slow
def test_the_next_start_goes_on_to_the_same_bytes(hosts, pretraining):
    command = pretraining.command
    hosts.start(0, *command("alone"))
    pretraining.say()
    hosts.launch(*command("whole"))
    first, second = pretraining.say()
    assert "one training in 2 processes, with 1 cpu each" in first and "seed 0" not in second
    one, two = (pd.read_csv(pretraining.folder / out / "history.csv")[:3] for out in ("alone", "whole"))
    pd.testing.assert_frame_equal(one.drop(columns="knn"), two.drop(columns="knn"), rtol=1e-3, atol=1e-4)

    meet = ["--nnodes=2", "--nproc-per-node=1", f"--master-addr={ADDRESSES[0]}", f"--master-port={PORT}"]
    for host in (0, 1):
        hosts.start(host, f"{BIN}/torchrun", *meet, f"--node-rank={host}", "--no-python", *command("torchrun"))
    pretraining.say()
    assert pretraining.files("torchrun") == pretraining.files("whole")

    shutil.rmtree(pretraining.states)
    _, second = hosts.launch(*command("stopped"))
    pretraining.await_epochs(1)
    os.killpg(second.pid, signal.SIGKILL)
    assert f"{ADDRESSES[1]}, which trains along, was lost" in pretraining.say(fails=True)[0]
    reached = pretraining.epochs()
    hosts.launch(*command("stopped"))
    pretraining.await_epochs(reached + 1)
    hosts.wire("down")
    assert all("was lost" in said for said in pretraining.say(fails=True))
    hosts.wire("up")
    assert reached < pretraining.epochs() < EPOCHS
    hosts.launch(*command("stopped"))
    assert "epoch 1 of" not in pretraining.say()[0]
    assert pretraining.files("stopped") == pretraining.files("whole")


@pytest.mark.slow
def test_hosts_that_do_not_see_the_same_are_refused(hosts, pretraining):
    """A training goes on from the state that the first sees."""
    hosts.launch(*pretraining.command("stopped"))
    pretraining.await_epochs(1)
    hosts.end()
    elsewhere = Pretraining(hosts, pretraining.folder / "elsewhere", pretraining.card)
    elsewhere.folder.mkdir()
    shutil.copy(pretraining.folder / "params.yaml", elsewhere.folder)
    for host, there in enumerate([pretraining, elsewhere]):
        hosts.start(host, *there.command("stopped"), RANK=str(host), **MEET)
    assert all("do not see the same data, parameters, code" in said for said in pretraining.say(fails=True))
