"""Which images an encoder's whitening is found on, and that no training sees it."""

import numpy as np
import pytest
import torch

from contraflow.encoded.names import CARD
from contraflow.evaluation.raw_pixels import principal_components
from contraflow.evaluation.representation import open_representation
from contraflow.foundations.artefacts import read_json
from contraflow.models.checkpoint import load_encoder, of_encoder, read_checkpoint
from contraflow.models.embed import embed
from contraflow.models.whitening import Whitened, applied, bare, whitening_of
from contraflow.neighbours.knn import Labelled, knn_accuracies
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.training.history import read_history
from contraflow.training.validation import KNN, validation_knn
from contraflow.views.items import item_loader

CPU = torch.device("cpu")
SHARE = 0.5


@pytest.fixture(scope="module")
def trained(params_of, encoded, pretrained, trained_control, tmp_path_factory):
    """Folders by `model.whitening`: a pretraining, and in `round1` a round that goes on from it."""

    def train(share):
        params, folder = params_of(model={"whitening": share}), tmp_path_factory.mktemp("trained")
        pretrained(params, encoded, folder)
        (folder / "round1").mkdir()
        trained_control(params, folder, folder / "round1")
        return folder

    return {share: train(share) for share in (0.0, SHARE)}


def features(encoder, encoded, split, indices=None) -> Labelled:
    return Labelled(*embed(encoder, item_loader(encoded, split, batch_size=16, threads=1, indices=indices), CPU))


def test_it_is_that_of_the_images_that_are_trained_on(trained, encoded):
    for folder in (trained[SHARE], trained[SHARE] / "round1"):
        encoder, _ = load_encoder(folder / "encoder.safetensors")
        known = features(bare(encoder), encoded, "train", encoded.training).features
        expected = whitening_of(known, SHARE)
        torch.testing.assert_close(encoder.whitening.weight, expected.weight, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(encoder.whitening.bias, expected.bias, rtol=1e-4, atol=1e-4)
        others = whitening_of(features(bare(encoder), encoded, "train").features, SHARE)
        assert not torch.allclose(encoder.whitening.weight, others.weight, rtol=1e-3)


def test_no_training_sees_it(trained):
    for at in (".", "round1"):
        plain, whitened = (read_checkpoint(trained[share] / at / "encoder.safetensors")[0] for share in (0.0, SHARE))
        assert whitened.keys() - plain.keys() == {"whitening.weight", "whitening.bias"}
        assert all(torch.equal(tensor, whitened[name]) for name, tensor in plain.items())
        losses = [[row.loss for row in read_history(trained[share] / at / "history.csv")] for share in (0.0, SHARE)]
        assert losses[0] == losses[1]


def test_without_it_the_encoder_is_as_it_was_learned(trained):
    encoder, _ = load_encoder(trained[0.0] / "encoder.safetensors")
    assert not isinstance(encoder, Whitened)
    assert encoder.state_dict().keys() == of_encoder(read_checkpoint(trained[SHARE] / "encoder.safetensors")[0]).keys()


def test_one_that_was_never_trained_is_whitened_alike(params_of, encoded):
    model = params_of().model
    subject = open_representation("untrained-seed0", None, encoded, model)
    assert subject.whitened(encoded, 0.0, CPU, 1) is subject
    network = subject.whitened(encoded, SHARE, CPU, 1).network
    expected = whitening_of(features(subject.network, encoded, "train", encoded.training).features, SHARE)
    torch.testing.assert_close(network.whitening.weight, expected.weight)
    pixels = open_representation("raw_pixels", None, encoded, model)
    assert pixels.whitened(encoded, SHARE, CPU, 1) is pixels


def test_components_of_pixels_get_what_features_get(params_of, encoded, tmp_path):
    figures = {}
    for share in (0.0, 1.0):
        out = tmp_path / f"{share}.json"
        evaluate(
            Evaluating.of(params_of(model={"whitening": share})),
            representation="raw_pixels",
            data=encoded.folder / CARD,
            figures=tmp_path / "raw.json",
            components=out,
            threads=1,
        )
        figures[share] = read_json(out)
    assert "to the power of 1" in figures[1.0]["protocol"]["features"]
    assert "power" not in figures[0.0]["protocol"]["features"]
    assert figures[1.0]["uniformity"] < figures[0.0]["uniformity"]
    x = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32) * [5, 4, 3, 2, 1]
    np.testing.assert_allclose(principal_components(x, 1.0)(x).std(0, ddof=1), 1, rtol=1e-4)


def test_the_look_at_validation_images_while_it_trains_is_at_whitened_features(trained, encoded):
    encoder, _ = load_encoder(trained[0.0] / "encoder.safetensors")
    bank, queries = (features(encoder, encoded, "train", each) for each in (encoded.training, encoded.validation))
    layer = whitening_of(bank.features, 1.0)
    bank, queries = (Labelled(applied(layer, part.features), part.labels) for part in (bank, queries))
    expected = knn_accuracies(queries, bank, [KNN], classes=len(encoded.card.classes), device=CPU)[f"knn{KNN.k}"]
    assert validation_knn(encoded, 1, 1.0)(encoder) == expected
