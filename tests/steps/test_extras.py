"""What a run measures where `eval` asks for it, on real, tiny data."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.encoded.splits import draw_labelled
from contraflow.evaluation.corruptions import CORRUPTIONS, corrupt
from contraflow.evaluation.over_seeds import summarise_extras
from contraflow.evaluation.results import Extra
from contraflow.foundations.artefacts import read_json, sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.models.checkpoint import load_encoder
from contraflow.models.encoders import build_encoder
from contraflow.statistics import spread
from contraflow.steps.evaluate.encode_transfer import TransferEncoding, encode_transfer
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.steps.evaluate.evaluate_corruptions import CorruptionSettings, evaluate_corruptions
from contraflow.steps.evaluate.evaluate_transfer import TransferSettings, evaluate_transfer
from contraflow.steps.evaluate.fine_tune import FineTuning, fine_tune
from contraflow.steps.evaluate.train_supervised import Ceiling, train_supervised

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory, params_of, encoded, pretrained):
    """An encoder pretrained with seed 3."""
    return pretrained(params_of(), encoded, tmp_path_factory.mktemp("encoder"), seed=3) / "encoder.safetensors"


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory, params_of, encoded_of, image_folder):
    """The folder of encoded images without labels."""
    root = tmp_path_factory.mktemp("unlabelled")
    return encoded_of(params_of(data={"path": str(image_folder(root / "images") / "upright")}), root).folder


def supervised(params, data, out, seed=3):
    files = {"encoder": out / "encoder.safetensors", "history": out / "history.csv", "state": out / "state"}
    train_supervised(Ceiling.of(params), seed=seed, data=data.folder / CARD, **files, threads=1)
    return files["encoder"]


def evaluated(params, data, out, representation, checkpoint):
    of = {"representation": representation, "checkpoint": checkpoint}
    evaluate(Evaluating.of(params), **of, data=data.folder / CARD, figures=out, threads=1)
    return read_json(out)


def test_supervised_training_starts_where_pretraining_starts(tmp_path, params_of, encoded):
    params = params_of(train={"lr": 1e-12})
    found, _ = load_encoder(supervised(params, encoded, tmp_path))
    torch.manual_seed(3)
    untrained = build_encoder(params.model, encoded.card.channels, encoded.card.image_size)
    torch.testing.assert_close(dict(found.named_parameters()), dict(untrained.named_parameters()), rtol=0, atol=1e-9)


def test_supervised_training_sees_what_pretraining_sees_for_as_long_as_all_rounds(
    tmp_path, params_of, encoded, pretrained, monkeypatch
):
    seen = []

    def spy(method, loader, settings, *, todo, labels, **more):
        batches = [[*loader.epoch(epoch)] for epoch in todo.epochs]
        seen.append((settings, todo.epochs, labels, batches))
        return []

    monkeypatch.setattr("contraflow.training.rounds.train", spy)
    params = params_of(train={"epochs": 2}, mining={"rounds": 2, "epochs": 3}, data={"labelled_fraction": 0.1})
    pretrained(params, encoded, tmp_path, seed=3)
    supervised(params, encoded, tmp_path)
    (settings, epochs, _, batches), (same, all_epochs, labels, more) = seen
    assert settings == same and (epochs, all_epochs) == (range(2), range(8))
    for first, second in zip(
        (b for epoch in batches for b in epoch), (b for epoch in more for b in epoch), strict=False
    ):
        assert torch.equal(first.views, second.views) and torch.equal(first.index, second.index)
    known = np.flatnonzero(labels.numpy() >= 0)
    assert np.array_equal(known, encoded.training)
    assert np.array_equal(labels.numpy()[known], encoded.labels("training"))


def test_supervised_training_learns_and_is_evaluated_like_the_others(tmp_path, params_of, encoded):
    params = params_of(train={"epochs": 15, "lr": 0.5}, mining={"rounds": 0})
    checkpoint = supervised(params, encoded, tmp_path)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.loss.iloc[-1] < 0.3 < history.loss.iloc[0]
    out = tmp_path / "supervised-seed3.json"
    evaluated(params, encoded, out, "supervised-seed3", checkpoint)
    found = read_json(out)
    assert (found["representation"], found["seed"]) == ("supervised", 3)
    assert found["test"]["linear"] > 0.9 and "trained with labels" in found["protocol"]["features"]
    assert found["provenance"]["inputs"]["encoder"] == sha256(checkpoint)
    assert not out.with_suffix(".npz").exists()


def corrupted(params, data, out, representation="raw_pixels", checkpoint=None):
    of = {"representation": representation, "checkpoint": checkpoint}
    evaluate_corruptions(CorruptionSettings.of(params), **of, data=data.folder / CARD, figures=out, threads=1)
    return read_json(out)


def neighbours_vote(queries, labels, bank, bank_labels, k, tau):
    """Accuracy of weighted k-NN, one query at a time."""
    hits = 0
    unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
    for query, label in zip(queries, labels, strict=True):
        similarity = unit @ (query / np.linalg.norm(query))
        nearest = np.argsort(-similarity, kind="stable")[:k]
        votes = np.zeros(bank_labels.max() + 1)
        for i in nearest:
            votes[bank_labels[i]] += np.exp(similarity[i] / tau)
        hits += votes.argmax() == label
    return hits / len(labels)


def test_corruptions_of_pixels_are_those_of_a_slow_computation(tmp_path, params_of, encoded):
    found = corrupted(params_of(), encoded, tmp_path / "raw.json")
    card, labels = encoded.card, encoded.labels("test")
    assert list(found["figures"]) == ["clean", *CORRUPTIONS]
    train = read_images(encoded.train_beton, np.arange(card.train.images), card.image_size)
    test = read_images(encoded.test_beton, np.arange(card.test.images), card.image_size)

    def flat(images):
        return ((images / 255 - card.mean) / card.std).reshape(len(images), -1)

    for name in CORRUPTIONS:
        images = corrupt(test, np.arange(len(test)), name, 5, seed=0)
        expected = {
            f"knn{k}": neighbours_vote(flat(images), labels, flat(train), encoded.labels("train"), k, tau)
            for k, tau in ((5, 0.1), (3, 0.07))
        }
        assert found["figures"][name]["5"] == pytest.approx(expected), name


def test_without_a_corruption_an_encoder_is_as_good_as_in_the_summary(tmp_path, params_of, encoded, encoder):
    params = params_of()
    found = corrupted(params, encoded, tmp_path / "corrupted.json", "encoder-seed3", encoder)
    evaluated(params, encoded, tmp_path / "whole.json", "encoder-seed3", encoder)
    test = read_json(tmp_path / "whole.json")["test"]
    assert found["figures"]["clean"]["0"] == {name: test[name] for name in ("knn5", "knn3")}
    assert (found["kind"], found["representation"], found["seed"]) == ("corruptions", "encoder", 3)
    assert "CIFAR-10-C" in found["protocol"]["severities"]
    first = (tmp_path / "corrupted.json").read_bytes()
    corrupted(params, encoded, tmp_path / "corrupted.json", "encoder-seed3", encoder)
    assert (tmp_path / "corrupted.json").read_bytes() == first


@pytest.fixture(scope="module")
def colourful(tmp_path_factory):
    """A folder of 60 colour pictures of 20 pixels: reddish upright stripes, bluish lying ones."""
    from PIL import Image

    root, random = tmp_path_factory.mktemp("colourful"), np.random.default_rng(1)
    for i in range(60):
        wave = 128 + 90 * np.sin(np.arange(20) * random.uniform(0.5, 2) + random.uniform(0, 6))
        grey = np.broadcast_to(wave if i % 2 else wave[:, None], (20, 20)) + random.normal(0, 8, (20, 20))
        picture = np.stack([grey + 30 * (i % 2), grey, grey + 30 * (1 - i % 2)], axis=2)
        (root / f"{i % 2}").mkdir(exist_ok=True)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(root / f"{i % 2}" / f"{i:02}.png")
    return root


def transferred(params, data, folder, representation="raw_pixels", checkpoint=None):
    card = folder / "transfer" / CARD
    encode_transfer(TransferEncoding.of(params), data=data.folder / CARD, card=card)
    of = {"representation": representation, "checkpoint": checkpoint, "transfer": card, "data": data.folder / CARD}
    evaluate_transfer(TransferSettings.of(params), **of, figures=folder / "transfer.json", threads=1)
    return read_json(folder / "transfer.json")


def test_transfer_to_the_same_images_is_the_ordinary_evaluation(tmp_path, params_of, encoded, encoder):
    """The same files: fetched, split and encoded anew, they give the figures of the summary."""
    own = encoded.folder.parent / "images"
    params = params_of(data={"path": str(own)}, eval={"transfer": {"name": "folder", "path": str(own)}})
    found = transferred(params, encoded, tmp_path, "encoder-seed3", encoder)
    evaluated(params, encoded, tmp_path / "whole.json", "encoder-seed3", encoder)
    whole = read_json(tmp_path / "whole.json")
    assert (found["figures"], found["validation"]) == (whole["test"], whole["validation"])
    assert found["kind"] == "transfer"


def test_colour_is_made_grey_for_a_grey_encoder_and_grey_colour_for_one_of_colour(
    tmp_path, params_of, encoded, encoder, colourful
):
    params = params_of(eval={"transfer": {"name": "folder", "path": str(colourful)}})
    found = transferred(params, encoded, tmp_path, "encoder-seed3", encoder)
    other = EncodedData.open(tmp_path / "transfer" / CARD)
    assert (encoded.card.channels, other.card.channels, other.card.image_size) == (1, 3, encoded.card.image_size)
    assert found["provenance"]["inputs"]["transfer"] == other.digest
    assert "16 pixels a side, colour made grey" in found["protocol"]["images"]
    assert found["figures"]["linear"] > 0.6  # stripes, too
    back = params_of(eval={"transfer": {"name": "folder", "path": str(encoded.folder.parent / "images")}})
    found = transferred(back, other, tmp_path / "back")
    assert "grey made colour" in found["protocol"]["images"]
    assert 0 <= found["figures"]["knn5"] <= 1


def test_what_an_encoder_is_given_is_grey_and_normalised_as_it_knows_it(tmp_path, params_of, encoded, colourful):
    from contraflow.steps.evaluate.evaluate_transfer import _taken
    from contraflow.views.loader import ImageLoader

    params = params_of(eval={"transfer": {"name": "folder", "path": str(colourful)}})
    encode_transfer(TransferEncoding.of(params), data=encoded.folder / CARD, card=tmp_path / CARD)
    other, own = EncodedData.open(tmp_path / CARD), encoded.card
    loader = ImageLoader(other.test_beton, batch_size=99, threads=1, size=16, mean=[0.0] * 3, std=[1.0] * 3)
    [(images, labels)] = _taken(loader, own)
    pixels = read_images(other.test_beton, np.arange(len(labels)), 16) / 255
    expected = (pixels @ [0.2989, 0.587, 0.114] - own.mean) / own.std
    assert np.abs(images[:, 0].numpy() - expected).max() < 1e-5
    assert np.array_equal(labels, other.labels("test"))


def tuned(params, data, out, representation, checkpoint=None):
    of = {"representation": representation, "checkpoint": checkpoint, "state": out.with_suffix(".state")}
    fine_tune(FineTuning.of(params), **of, data=data.folder / CARD, figures=out, threads=1)
    return read_json(out)


def test_fine_tuning_begins_with_the_encoder_and_sees_no_other_images(
    tmp_path, params_of, encoded, encoder, monkeypatch
):
    seen = []
    from contraflow.training import rounds

    train = rounds.train

    def spy(method, loader, settings, **more):
        seen.append(({k: v.clone() for k, v in method.encoder.state_dict().items()}, loader.indices, settings, more))
        return train(method, loader, settings, **more)

    monkeypatch.setattr(rounds, "train", spy)
    params = params_of(eval={"fine_tune": {"share": 0.5, "epochs": 3, "lr": 0.3}})
    found = tuned(params, encoded, tmp_path / "tuned.json", "encoder-seed3", encoder)
    tuned(params, encoded, tmp_path / "random.json", "untrained-seed3")
    kept = draw_labelled(encoded.labels("train"), encoded.training, fraction=0.5, seed=3)
    for (weights, indices, settings, more), start in zip(seen, (load_encoder(encoder)[0], None), strict=True):
        if start is None:
            torch.manual_seed(3)
            start = build_encoder(params.model, encoded.card.channels, encoded.card.image_size)
        torch.testing.assert_close(weights, dict(start.state_dict()), rtol=0, atol=0)
        assert np.array_equal(indices, np.flatnonzero(kept >= 0)) and np.array_equal(more["labels"], kept)
        assert (settings.lr, more["todo"].epochs) == (0.3, range(3))
    assert 0 <= found["figures"]["accuracy"] <= 1
    assert f"of {(kept >= 0).sum()} of {len(encoded.training)} training images" in found["protocol"]["labels"]
    first = (tmp_path / "tuned.json").read_bytes()
    (tmp_path / "tuned.state").unlink()
    tuned(params, encoded, tmp_path / "tuned.json", "encoder-seed3", encoder)
    assert (tmp_path / "tuned.json").read_bytes() == first


def test_fine_tuning_learns(tmp_path, params_of, encoded):
    params = params_of(eval={"fine_tune": {"share": 1.0, "epochs": 20, "lr": 0.5}})
    assert tuned(params, encoded, tmp_path / "tuned.json", "untrained-seed0")["figures"]["accuracy"] > 0.9


def test_mistakes_are_refused_in_a_sentence(tmp_path, params_of, encoded, encoder, unlabelled):
    bare = replace(encoded, folder=unlabelled)
    with pytest.raises(UserError, match=r"eval\.supervised must be false for images without labels: folder has none"):
        supervised(params_of(), bare, tmp_path)
    with pytest.raises(UserError, match=r"eval\.corruptions must be false for images without labels"):
        corrupted(params_of(), bare, tmp_path / "x.json")
    with pytest.raises(UserError, match=r"eval\.fine_tune\.share must be 0 for images without labels"):
        tuned(params_of(), bare, tmp_path / "x.json", "untrained-seed0")
    few = params_of(eval={"fine_tune": {"share": 0.01, "epochs": 1, "lr": 0.1}})
    with pytest.raises(
        UserError, match=r"must leave at least train\.batch_size, 16, labelled images, but 0\.01 leaves 2"
    ):
        tuned(few, encoded, tmp_path / "x.json", "encoder-seed3", encoder)
    with pytest.raises(UserError, match="raw_pixels has no weights to fine-tune"):
        tuned(few, encoded, tmp_path / "x.json", "raw_pixels")
    images = next(path for path in unlabelled.parent.rglob("upright"))
    flat = params_of(eval={"transfer": {"name": "folder", "path": str(images)}})
    with pytest.raises(UserError, match=r"eval\.transfer must be images with labels: folder has none"):
        transferred(flat, encoded, tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_extras_are_summed_up_over_seeds_by_kind_and_representation():
    def extra(kind, name, figures):
        provenance = Provenance(step="evaluate", inputs={})
        return Extra(kind=kind, representation=name, seed=0, figures=figures, protocol={}, provenance=provenance)

    found = summarise_extras(
        [
            extra("fine_tune", "encoder", {"accuracy": 0.5}),
            extra("corruptions", "raw_pixels", {"jpeg": {"1": {"knn5": 0.25}}}),
            extra("corruptions", "encoder", {"jpeg": {"1": {"knn5": 0.5}}}),
            extra("corruptions", "encoder", {"jpeg": {"1": {"knn5": 0.75}}}),
        ]
    )
    assert found == {
        "corruptions": {
            "raw_pixels": {"jpeg": {"1": {"knn5": spread([0.25])}}},
            "encoder": {"jpeg": {"1": {"knn5": spread([0.5, 0.75])}}},
        },
        "fine_tune": {"encoder": {"accuracy": spread([0.5])}},
    }
