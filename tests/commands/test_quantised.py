"""What 8 bits cost is what the stage evaluate would measure of them."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import nn

from contraflow.commands.export import export
from contraflow.commands.onnx import write_int8, write_onnx
from contraflow.commands.quantised import cost
from contraflow.commands.trained import Trained, normalised
from contraflow.encoded.names import CARD
from contraflow.encoded.pixels import read_images
from contraflow.foundations.record import Provenance
from contraflow.models.checkpoint import load_encoder, read_checkpoint, save_model
from contraflow.models.encoders import build_encoder
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate


@pytest.fixture
def params(tmp_path, monkeypatch, params_of):
    """Parameters that measure retrieval, too; also as `params.yaml` in the folder that this becomes."""
    monkeypatch.chdir(tmp_path)
    found = params_of(eval={"retrieval": [1, 4]})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(found.model_dump()))
    return found


def card_of(out):
    return json.loads((out / "card.json").read_text())


def test_the_original_has_the_figures_of_the_evaluation_and_8_bits_those_of_their_features(
    tmp_path, capfd, params, encoded, checkpoint_of
):
    told, data = {"data": encoded.digest, "mean": encoded.card.mean, "std": encoded.card.std}, encoded.folder / CARD
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors", **told)
    figures = tmp_path / "results/evaluate/encoder-seed0.json"
    subject = {"representation": "encoder-seed0", "data": data, "checkpoint": checkpoint, "figures": figures}
    export(checkpoint=checkpoint, out=tmp_path / "export", int8=True, data=data)
    evaluate(Evaluating.of(params), **subject, threads=1)
    card = card_of(tmp_path / "export")
    found, measured = card["int8"], json.loads(figures.read_text())["test"]
    assert found["original"] == pytest.approx(measured, abs=1e-9) and found["int8"].keys() == measured.keys()
    assert found["int8"].keys() == found["intervals"].keys() and found["test_images"] == encoded.card.test.images
    assert (found["cosine"]["least"], found["cosine"]["mean"]) > (0.99, 0.99)

    session = onnxruntime.InferenceSession(tmp_path / "export/encoder-int8.onnx")

    def features(beton, count):
        images = normalised(read_images(beton, np.arange(count), 16), encoded.card.mean, encoded.card.std).numpy()
        batches = [images[start : start + found["batch"]] for start in range(0, count, found["batch"])]
        vectors = np.concatenate([session.run(["features"], {"images": batch})[0] for batch in batches])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    train = features(encoded.train_beton, encoded.card.train.images)
    test, labels = features(encoded.test_beton, encoded.card.test.images), encoded.labels("test")
    right = hit = 0
    for place, (vector, label) in enumerate(zip(test, labels, strict=True)):
        votes = np.zeros(2)
        for i in np.argsort(-(train @ vector), kind="stable")[:5]:
            votes[encoded.labels("train")[i]] += np.exp(train[i] @ vector / 0.1)
        right += votes.argmax() == label
        others = np.delete(test @ vector, place)
        hit += np.delete(labels, place)[others.argmax()] == label
    assert found["int8"]["knn5"] == pytest.approx(right / len(test))
    assert found["int8"]["recall@1"] == pytest.approx(hit / len(test))

    said = capfd.readouterr().err
    assert "encoder.safetensors, encoder.onnx, encoder-int8.onnx, README.md, card.json" in said
    assert f"knn5 {100 * found['int8']['knn5']:.2f} (original {100 * measured['knn5']:.2f})" in said
    assert "encoder-int8.onnx" in card["files"] and "| 5-NN |" in (tmp_path / "export/README.md").read_text()


@pytest.mark.parametrize("alike", [True, False])
def test_what_the_evaluation_measured_alike_is_not_measured_again(
    tmp_path, params, encoded, checkpoint_of, evaluation_of, alike
):
    trained = Trained.open(checkpoint_of(tmp_path / "encoder.safetensors", data=encoded.digest))
    write_onnx(tmp_path / "float.onnx", trained.network, 1, 16)
    write_int8(tmp_path / "int8.onnx", tmp_path / "float.onnx")
    settings = params.eval if alike else params.eval.model_copy(update={"few_draws": 2})
    made_from = Provenance(step="evaluate", inputs={}, params={"eval": params.eval.model_dump(mode="json")})
    known = evaluation_of(test={"linear": 0.123}, provenance=made_from)
    found = cost(trained, tmp_path / "int8.onnx", trained.normalisation, encoded, settings, known)
    assert (found["original"] == {"linear": 0.123}) == alike


def test_an_encoder_behind_a_change_of_normalisation_is_measured_with_its_own(tmp_path, params, encoded, checkpoint_of):
    made_from = read_checkpoint(checkpoint_of(tmp_path / "plain.safetensors", data=encoded.digest))[1]
    model = Model(**made_from.params["model"] | {"weights": "weights.pth"})
    torch.manual_seed(0)
    network = build_encoder(model, 1, 16).train()
    network.turn(Normalisation([0.5], [0.2]), Normalisation([0.1], [0.9]))
    network(torch.rand(8, 1, 16, 16))
    told = made_from.model_copy(update={"params": made_from.params | {"model": model.model_dump()}})
    save_model(tmp_path / "encoder.safetensors", nn.ModuleDict({"encoder": network}), told)
    data = encoded.folder / CARD
    export(checkpoint=tmp_path / "encoder.safetensors", out=tmp_path / "export", int8=True, data=data)
    card = card_of(tmp_path / "export")
    assert card["input"]["mean"] == pytest.approx([0.1]) and card["int8"]["cosine"]["least"] > 0.99


def test_without_the_images_of_its_training_it_is_written_and_not_measured(
    tmp_path, capfd, params, encoded, checkpoint_of
):
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors")
    export(checkpoint=checkpoint, out=tmp_path / "export", int8=True, data=encoded.folder / CARD)
    assert "int8" not in card_of(tmp_path / "export") and (tmp_path / "export/encoder-int8.onnx").is_file()
    assert "encoder-int8.onnx: not measured, since" in capfd.readouterr().err
    encoder, _ = load_encoder(checkpoint)
    with torch.inference_mode():
        images = torch.rand(3, 1, 16, 16)
        expected = encoder(images)
    session = onnxruntime.InferenceSession(tmp_path / "export/encoder-int8.onnx")
    found = torch.from_numpy(session.run(["features"], {"images": images.numpy()})[0])
    assert torch.cosine_similarity(found, expected).min() > 0.99
