"""The long training: killed it goes on, and both sides train the same encoder on the same images."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.long import recorded, sides
from benchmarks.long.recorded import Recorded, seconds_file
from benchmarks.long.side_by_side import Task, checkpoints
from benchmarks.long.sides import SIDES, sides_here
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import CARD
from contraflow.models.checkpoint import load_encoder
from contraflow.steps.pretrain import Pretraining
from contraflow.training import loop

EPOCHS, POINTS = 3, 2
SEEN = "1.num_batches_tracked"  # of the encoder's first BatchNorm
KEEPING = {"contraflow": loop, "lightly": sides}  # the modules that keep a side's state


@pytest.fixture(params=SIDES)
def task_in(request, params_of, encoded, monkeypatch):
    """`task_in(folder)`: the training of each side, of which `folder` gets what it leaves, on one core."""
    if request.param == "lightly":
        pytest.importorskip("lightly")
    monkeypatch.setattr(sides, "cores", lambda: 1)
    return lambda folder: Task(request.param, params_of(), encoded.folder / CARD, folder)


def encoders(task: Task) -> list[bytes]:
    return [task.encoder(epoch).read_bytes() for epoch in checkpoints(EPOCHS, POINTS)]


def seconds(task: Task) -> list[list[float]]:
    return json.loads(seconds_file(task.folder).read_text())


def test_a_training_that_is_killed_after_each_epoch_leaves_the_same_encoders(task_in, tmp_path, monkeypatch):
    whole, killed = (task_in(tmp_path / name) for name in ("whole", "killed"))
    whole.train(EPOCHS, POINTS)
    module = KEEPING[killed.side]
    keep, so_far = module.save_state, []

    def keep_and_die(path, state):
        keep(path, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "save_state", keep_and_die)
    for _ in range(EPOCHS):
        with pytest.raises(KeyboardInterrupt):
            killed.train(EPOCHS, POINTS)
        so_far.append(seconds(killed))
    killed.train(EPOCHS, POINTS)  # nothing is left to do
    assert encoders(killed) == encoders(whole)
    assert [len(rows) for rows in so_far] == [1, 2, 3] and seconds(killed) == so_far[-1]
    assert so_far[-1][:-1] == so_far[-2]  # what was counted stays


def test_an_encoder_that_is_kept_is_the_one_of_its_epoch(task_in, tmp_path):
    task = task_in(tmp_path)
    task.train(EPOCHS, POINTS)
    first, last = (load_encoder(task.encoder(epoch))[0].state_dict() for epoch in checkpoints(EPOCHS, POINTS))
    batches = len(SIDES[task.side](Pretraining.of(task.params), EncodedData.open(task.data)).loader())
    assert [of[SEEN].item() for of in (first, last)] == [batches, EPOCHS * batches]


def test_both_sides_see_the_same_images_in_the_same_normalisation(params_of, encoded):
    settings = Pretraining.of(params_of(augment={"recipe": "none"}, train={"batch_size": len(encoded.training)}))
    (ours,), (lightly,) = (SIDES[side](settings, encoded).loader().epoch(0) for side in SIDES)
    for own, other in zip(ours.views.float(), lightly, strict=True):
        own, other = (views[views.mean(dim=(1, 2, 3)).argsort()] for views in (own, other))
        assert torch.allclose(own, other, atol=0.01)


@given(st.integers(1, 2000), st.integers(2, 20))
def test_encoders_are_kept_from_the_first_epoch_to_the_last(epochs, points):
    kept = checkpoints(epochs, points)
    assert kept[0] == 1 and kept[-1] == epochs
    assert kept == sorted(set(kept)) and len(kept) <= points


def test_a_training_whose_benchmark_was_killed_ends_with_the_step(tmp_path, monkeypatch):
    class Batches:
        batch_size = 1

        def epoch(self, epoch):
            return iter(range(3))

    class Parent:
        alive = True

        def is_alive(self):
            return self.alive

    def end(status):
        raise SystemExit(status)

    parent = Parent()
    monkeypatch.setattr(recorded, "parent_process", lambda: parent)
    monkeypatch.setattr(recorded.os, "_exit", end)
    batches = Recorded(Batches(), tmp_path, [], lambda epoch: None).epoch(0)
    assert [next(batches), next(batches)] == [0, 1]
    parent.alive = False
    with pytest.raises(SystemExit):
        next(batches)
    assert not seconds_file(tmp_path).exists()


def test_says_in_a_sentence_that_lightly_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(sides, "find_spec", lambda name: None)
    assert sides_here() == ["contraflow"]
    assert capsys.readouterr().err.count("lightly is not installed") == 1
