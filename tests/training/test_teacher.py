"""The teacher of `distil` in a training: what it sees, what is recorded of it, and what it leaves as it is."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contraflow.commands.export import export
from contraflow.encoded.names import CARD
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.methods.parts.registry import METHODS
from contraflow.models.checkpoint import load_encoder, read_checkpoint
from contraflow.models.normalisation import Normalisation
from contraflow.steps.mine.train_control import ControlTraining, train_control
from contraflow.training.teacher import Teacher

OWN = Normalisation([0.1], [0.7])
EXACT = {"precision": "float32", "knn_every": 0}


@pytest.fixture
def here(tmp_path, monkeypatch, checkpoint_of):
    """A directory with a teacher that was trained on images which were normalised in another way, and its export."""
    monkeypatch.chdir(tmp_path)
    checkpoint_of(tmp_path / "teacher.safetensors", **asdict(OWN))
    export(checkpoint=tmp_path / "teacher.safetensors", out=tmp_path / "export", onnx=False)
    return tmp_path


@pytest.fixture
def seen(monkeypatch):
    """The batches that every method sees from now on, each with what the method is then."""
    found = []
    for method in METHODS.values():

        def forward(self, batch, forward=method.forward):
            found.append((batch, {name: tensor.clone() for name, tensor in self.state_dict().items()}))
            return forward(self, batch)

        monkeypatch.setattr(method, "forward", forward)
    return found


def normalised(pixels, by):
    return (pixels - torch.tensor(by.mean).view(-1, 1, 1)) / torch.tensor(by.std).view(-1, 1, 1)


@pytest.mark.parametrize("micro_batch", [None, 4])
@pytest.mark.parametrize("file", ["teacher.safetensors", "export/encoder.safetensors"])
def test_it_sees_the_views_as_images_were_normalised_in_its_own_training(
    here, seen, encoded, params_of, pretrained, file, micro_batch
):
    train = EXACT | {"epochs": 2, "micro_batch": micro_batch}
    pretrained(params_of(method={"name": "distil", "teacher": file}, train=train), encoded, here / "run")
    network, card = load_encoder(here / "teacher.safetensors")[0], encoded.card
    assert len(seen) == 6
    for batch, _ in seen:
        pixels = batch.views * torch.tensor(card.std) + torch.tensor(card.mean)
        with torch.no_grad():
            expected = network(normalised(pixels.flatten(0, 1), OWN)).unflatten(0, batch.views.shape[:2])
        assert expected.std() > 0.01 and not batch.taught.requires_grad
        torch.testing.assert_close(batch.taught, expected, rtol=1e-4, atol=1e-5)


def test_any_encoder_with_weights_of_a_file_can_be_one(here):
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    theirs = timm.create_model("test_resnet", in_chans=1).eval()
    torch.save(theirs.state_dict(), "resnet.pth")
    before = torch.get_rng_state()
    network, told = Teacher(Path("resnet.pth"), "timm/test_resnet", "data").build(1, 32, OWN)
    assert torch.equal(torch.get_rng_state(), before)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    pixels = torch.rand(3, 1, 32, 32)
    by = Normalisation(theirs.pretrained_cfg["mean"], theirs.pretrained_cfg["std"]).over(1)
    theirs.reset_classifier(0)
    with torch.no_grad():
        expected = theirs(normalised(pixels, by))
        torch.testing.assert_close(network(normalised(pixels, OWN)), expected, rtol=1e-4, atol=1e-5)
    assert told.startswith("method.teacher resnet.pth: ") and "left out, as no part of an encoder: fc.bias" in told


def test_it_is_recorded_by_its_hash_and_no_part_of_what_is_learned(here, seen, encoded, params_of, pretrained, capfd):
    for name in ("distil", "simclr"):
        pretrained(params_of(method={"name": name}, train=EXACT), encoded, here / name)
    tensors, made_from = read_checkpoint(here / "distil/encoder.safetensors")
    assert made_from.inputs["teacher"] == sha256(here / "teacher.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"encoder"}  # of the teacher's own width: no head
    assert "teacher" not in read_checkpoint(here / "simclr/encoder.safetensors")[1].inputs
    (_, taught), (_, alone) = seen[0], seen[3]
    assert all(torch.equal(tensor, alone[name]) for name, tensor in taught.items())  # the same start with the same seed
    assert "method.teacher teacher.safetensors: " in capfd.readouterr().err


def test_a_student_of_another_width_comes_near_to_it(here, encoded, params_of, history_of):
    train = {"epochs": 12, "lr": 0.4, "batch_size": 32}
    for distillation in ("cosine", "mse"):
        settings = {"model": {"width": 10}, "loss": {"distillation": distillation}, "train": train}
        history = history_of(params_of(method={"name": "distil"}, **settings), encoded, here / distillation)
        assert history.loss.iloc[-1] < 0.5 * history.loss.iloc[0] and history.collapse.isna().all()
    shape = load_file(here / "mse/encoder.safetensors")["projection.weight"].shape
    assert shape == (64, 80)


def test_a_later_round_learns_from_it_too_and_misses_it_by_name(here, seen, encoded, params_of, pretrained):
    params = params_of(method={"name": "distil"}, train=EXACT)
    pretrained(params, encoded, here / "before")
    seen.clear()

    def control(out):
        files = {"start": here / "before/encoder.safetensors", "before": here / "before/history.csv"}
        files |= {"encoder": out / "encoder.safetensors", "history": out / "history.csv", "state": out / "state"}
        train_control(ControlTraining.of(params), data=encoded.folder / CARD, threads=1, **files)

    control(here / "after")
    assert len(seen) == 3 and all(batch.taught is not None for batch, _ in seen)
    made_from = read_checkpoint(here / "after/encoder.safetensors")[1]
    assert made_from.inputs["teacher"] == sha256(here / "teacher.safetensors")
    (here / "teacher.safetensors").unlink()
    with pytest.raises(UserError, match=r"^method\.teacher must be a file of weights, got teacher\.safetensors, where"):
        control(here / "again")
