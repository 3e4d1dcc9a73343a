"""One training in two processes, which are real ones, on the CPU."""

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pandas as pd
import psutil
import pytest
import timm
import torch
from safetensors.torch import load_file

from contraflow.encoded.names import CARD
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import WITH_SMALL_CROPS, WITHOUT_NEGATIVES, MethodSettings
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.training.parallel import on_each

CPU = torch.device("cpu")
STATEFUL = {  # all that keeps state or draws: a queue that no batch divides, a learned temperature, moving negatives
    "method": {"queue": 13},
    "loss": {"temperature": "learned", "triplet": "random"},
    "negatives": {"selection": "adaptive", "outer": 0.5, "mix_pairs": 3},
}
# Parameters, precision, mined images that come along, small crops, and how many images an encoder sees at a time.
KINDS = {
    "plain": ({}, "double", 0, 0, None),
    "stateful": (STATEFUL, "double", 0, 0, None),
    "single": ({}, "single", 0, 0, None),
    "mixed": ({}, "mixed", 0, 0, None),
    "classified": ({"loss": {"cross_entropy": 0.5}}, "double", 0, 0, None),
    "crops": ({}, "double", 0, 3, None),
    "mined": ({}, "double", 3, 0, None),
    "parts": ({"model": {"norm": "group"}}, "double", 3, 0, 2),
}
CASES = [(name, kind) for name in METHODS for kind in ("plain", "stateful", "single")]
CASES += [(name, "classified") for name in METHODS if name != "supervised"]
CASES += [(name, kind) for name in METHODS if name not in WITHOUT_NEGATIVES for kind in ("mined", "parts")]
CASES += [(name, "parts") for name in WITHOUT_NEGATIVES]
CASES += [(name, "crops") for name in WITH_SMALL_CROPS]


@pytest.fixture(scope="module")
def helper():
    """The module that new processes can import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import two_processes

        yield two_processes


@pytest.fixture(scope="module")
def found(helper, params_of, encoded, image_folder, encoded_of, pretrained, tmp_path_factory):
    """`found[1]`, `found[2]`: what came out of each process and the folder of the trainings, in one and in two."""

    def settings_of(name, kind):
        changes, *how = KINDS[kind]
        norm = {"norm": "batch" if name == "moco" else "sync"}
        changes = {"model": norm} | changes | {"method": changes.get("method", {}) | {"name": name}}
        return name, MethodSettings.of(params_of(**changes)), *how

    cases = [*CASES, *((name, "mixed") for name in METHODS)]
    settings = {case: settings_of(*case) for case in cases}
    train = {"epochs": 3, "precision": "float32"}
    params = params_of(model={"norm": "sync"}, train=train, mining={"epochs": 2})
    root = tmp_path_factory.mktemp("larger")
    tuned = params_of(
        data={"path": str(image_folder(root / "images")), "image_size": 32},
        model={"norm": "sync", "encoder": "timm/test_resnet", "weights": "start.pth"},
        method={"name": "byol"},
        train=train | {"frozen_epochs": 1, "first_layer_rate": 0.1, "head_rate": 2.0, "clip": 1.0, "ema": 0.9},
    )
    larger, results = encoded_of(tuned, root), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("weights"))
        torch.save(timm.create_model("test_resnet", in_chans=1).state_dict(), "start.pth")
        patch.setattr("contraflow.training.rounds.job_cores", lambda: 1)
        works = []
        patch.setattr("contraflow.training.rounds.on_each", lambda devices, work: works.append(work))

        def pretraining(out, params=params, data=encoded):
            pretrained(params, data, out, threads=2)
            return works.pop()

        start, card = tmp_path_factory.mktemp("start"), encoded.folder / CARD
        pretraining(start)(CPU)
        encoder, negatives = start / "encoder.safetensors", start / "negatives.npz"
        mine(MiningSettings.of(params), encoder=encoder, data=card, negatives=negatives, threads=1)
        for number in (1, 2):
            folder = tmp_path_factory.mktemp("processes")
            out = folder / "mined"
            files = {"start": encoder, "before": start / "history.csv", "negatives": negatives, "data": card}
            files |= {"encoder": out / "encoder.safetensors", "history": out / "history.csv", "state": out / "state"}
            train_mined(MinedTraining.of(params), **files, threads=2)
            trainings = [works.pop(), pretraining(folder / "whole"), pretraining(folder / "tuned", tuned, larger)]
            stopped = pretraining(folder / "stopped")
            on_each([CPU] * number, partial(helper.everything, settings, trainings, stopped, folder))
            results[number] = [torch.load(file) for file in sorted(folder.glob("rank*.pt"))], folder
    return results


def test_each_process_speaks_for_itself_and_holds_the_same(found):
    """All weights, queues, banks and statistics, and the place in the sequence of random numbers."""
    assert len(found[1][0]) == 1
    first, second = found[2][0]
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_two_processes_give_the_loss_and_the_gradients_of_one(found, name, kind):
    one, two = (found[number][0][0]["steps"][name, kind] for number in (1, 2))
    assert one["loss"] > 0 or name in ("simsiam", "margin")
    largest = max(g.abs().max().item() for g in one["gradients"].values())
    assert largest > 1e-3
    tolerance = {"rtol": 1e-4, "atol": 1e-5 * max(1, largest)} if kind == "single" else {"rtol": 1e-8, "atol": 1e-10}
    torch.testing.assert_close(two, one, **tolerance)


@pytest.mark.parametrize("name", METHODS)
def test_in_half_precision_they_agree_as_far_as_it_goes(found, name):
    one, two = (found[number][0][0]["steps"][name, "mixed"] for number in (1, 2))
    torch.testing.assert_close(two["loss"], one["loss"], rtol=0.05, atol=0.05)
    assert all(torch.isfinite(gradient).all() for gradient in two["gradients"].values())


@pytest.mark.parametrize("kind", ["vectors", "maps", "plain", "far from zero"])
def test_shared_batchnorm_is_that_of_the_joined_batch(found, kind):
    one, two = (found[number][0][0]["norms"][kind] for number in (1, 2))
    tolerance = {"rtol": 1e-3, "atol": 1e-3} if kind == "far from zero" else {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(two, one, **tolerance)


@pytest.mark.parametrize("round", ["whole", "mined", "tuned"])
def test_a_whole_round_in_two_processes_is_that_of_one(found, round):
    same_but_for_last_bits(*(found[number][1] / round for number in (1, 2)))


def same_but_for_last_bits(one, two):
    tables = [pd.read_csv(folder / "history.csv") for folder in (one, two)]
    assert all(table.pop("knn").between(0, 1).all() for table in tables)  # of few images: it moves in large steps
    pd.testing.assert_frame_equal(*tables, rtol=1e-3, atol=1e-4)
    weights = [load_file(folder / "encoder.safetensors") for folder in (one, two)]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
def test_two_cards_over_nccl_train_as_one_does(params_of, encoded, pretrained, tmp_path, monkeypatch):
    if torch.cuda.device_count() < 2:
        pytest.skip("no two CUDA cards are here")
    params = params_of(model={"norm": "sync"}, train={"epochs": 3, "precision": "float32"})
    for number in (1, 2):
        cards = [torch.device("cuda", card) for card in range(number)]
        monkeypatch.setattr("contraflow.training.rounds.lease", lambda wanted, cards=cards: nullcontext(cards))
        pretrained(params, encoded, tmp_path / str(number), threads=2)
    same_but_for_last_bits(tmp_path / "1", tmp_path / "2")


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(found):
    results, folder = found[2]
    assert [result["epochs"] for result in results] == [[0, 1, 1, 2]] * 2
    for file in ("encoder.safetensors", "history.csv"):
        assert sha256(folder / "stopped" / file) == sha256(folder / "whole" / file)


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ("killed", UserError, "rank 1 of the training was ended by SIGKILL"),
        ("mistaken", UserError, r"^loss\.tau must be greater than 0, got -1$"),
        ("wrong", RuntimeError, "rank 1 of the training failed"),
    ],
)
def test_the_first_process_that_fails_ends_all_and_says_why(helper, how, error, says):
    with pytest.raises(error, match=says) as raised:
        on_each([CPU, CPU], partial(helper.fail, how))
    assert not multiprocessing.active_children()
    notes = "".join(getattr(raised.value, "__notes__", []))
    assert ("ZeroDivisionError: wrong" in notes) == (how == "wrong")


def test_processes_end_with_the_one_that_started_them(helper):
    parent = subprocess.Popen([sys.executable, helper.__file__], stdout=subprocess.PIPE, text=True)
    ranks = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert not psutil.wait_procs(ranks, timeout=20)[1]
    parent.stdout.close()


def test_one_device_needs_no_other_process():
    here = []
    on_each([CPU], lambda device: here.append((device, os.getpid())))
    assert here == [(CPU, os.getpid())]
