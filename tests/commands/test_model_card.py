"""The model card says what the records hold, as hubs read it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

from contraflow.commands.export import export
from contraflow.commands.model_card import readme
from contraflow.commands.records import differing
from contraflow.commands.trained import Trained
from contraflow.encoded.names import CARD
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.record import Provenance
from contraflow.models.checkpoint import load_encoder
from contraflow.models.whitening import bare

HOW = {"code": "e" * 64, "params": {"eval": {"knn": []}}}


@pytest.fixture
def measured(tmp_path, monkeypatch, checkpoint_of, evaluation_of):
    """A run of three seeds and its baselines, in the folder that this becomes: `measured(data=...)`; with the
    accuracies by representation and seed."""
    monkeypatch.chdir(tmp_path)

    def make(data="d" * 64, **more):
        results = tmp_path / "results"
        accuracies = {("encoder", seed): 0.8 + seed / 100 for seed in range(3)}
        accuracies |= {("untrained", 0): 0.7, ("untrained", 1): 0.74, ("raw_pixels", None): 0.9}
        for (name, seed), accuracy in accuracies.items():
            inputs = {"data": data}
            if name == "encoder":
                folder = results / f"mine/seed{seed}/round2"
                folder.mkdir(parents=True, exist_ok=True)
                inputs["encoder"] = sha256(checkpoint_of(folder / "encoder.safetensors", seed=seed, data=data, **more))
            evaluation_of(
                representation=name,
                seed=seed,
                test={"linear": accuracy, "knn20": 0.5},
                intervals={"linear": [accuracy - 0.01, accuracy + 0.01]},
                protocol={"linear": "logistic regression"},
                provenance=Provenance(step="evaluate", inputs=inputs, **HOW),
            ).write(results / f"evaluate/{name if seed is None else f'{name}-seed{seed}'}.json")
        return results / "mine/seed0/round2/encoder.safetensors"

    return make


def written(checkpoint, out, **told):
    export(checkpoint=checkpoint, out=out, **told)
    return (out / "README.md").read_text(), json.loads((out / "card.json").read_text())


def rows(readme):
    """The table of accuracies: cells by the name of the row and of the column."""
    lines = [line.strip("| \n").split(" | ") for line in readme.splitlines() if line.startswith("|")]
    return {row[0]: dict(zip(lines[0], row[1:], strict=True)) for row in lines[2:]}


def test_hubs_read_its_front_matter(tmp_path, measured):
    readme, card = written(measured(), tmp_path / "export")
    found = ModelCard(readme)
    assert found.data.library_name == "pytorch" and found.data.license is None
    assert found.data.tags == ["contraflow", "simclr", "small"] and found.data.metrics == ["accuracy"]
    results = {result.metric_name: (result.metric_type, result.metric_value) for result in found.data.eval_results}
    assert results == {"Linear probe": ("accuracy", 80.0), "20-NN": ("accuracy", 50.0)}
    assert {result.dataset_name for result in found.data.eval_results} == {"test images of folder"}
    assert found.data.model_name == "small trained by simclr on folder"
    assert card["accuracy"] == {"linear": 0.8, "knn20": 0.5}


def test_figures_stand_with_their_errors_beside_the_baselines(tmp_path, measured):
    readme, card = written(measured(), tmp_path / "export")
    assert rows(readme)["Linear probe"] == {
        "this training": "80.00 (79.00 to 81.00)",
        "encoder, 3\xa0seeds": "81.00 ±\xa01.00",
        "untrained encoder, 2\xa0seeds": "72.00 ±\xa02.83",
        "raw pixels": "90.00",
    }
    assert card["over_seeds"]["encoder"]["linear"]["n"] == 3
    assert "In the mean it is not ahead of this baseline: raw pixels, by the linear probe and 20-NN." in readme


@pytest.mark.parametrize("other", ["training", "checkpoint", "measurement", "images"])
def test_seeds_that_were_trained_or_measured_otherwise_do_not_count(
    tmp_path, measured, checkpoint_of, evaluation_of, other
):
    checkpoint = measured()
    path, inputs, how = tmp_path / "results/evaluate/encoder-seed2.json", {"data": "d" * 64}, dict(HOW)
    encoder = tmp_path / "results/mine/seed2/round2/encoder.safetensors"
    if other == "training":
        checkpoint_of(encoder, seed=2, norm="group")
    inputs["encoder"] = "0" * 64 if other == "checkpoint" else sha256(encoder)
    if other == "images":
        inputs["data"] = "1" * 64
    if other == "measurement":
        how["params"] = {"eval": {"knn": [{"k": 3}]}}
    evaluation_of(seed=2, test={"linear": 0.1}, provenance=Provenance(step="evaluate", inputs=inputs, **how)).write(
        path
    )
    readme, _ = written(checkpoint, tmp_path / "export")
    assert rows(readme)["Linear probe"]["encoder, 2\xa0seeds"] == "80.50 ±\xa00.71"


def test_the_parameters_that_are_not_the_default_are_told(tmp_path, checkpoint_of, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = {"method": {"name": "byol"}, "train": {"epochs": 7, "lr": 0.2}, "loss": {"tau": 0.5}}
    model = {"encoder": "small", "width": 16, "norm": "batch"}
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors")
    _, made_from = load_encoder(checkpoint)
    trained = Trained(checkpoint, None, made_from.model_copy(update={"params": params | {"model": model}}), "")
    assert differing(trained) == {
        "method.name": {"value": "byol", "default": "simclr"},
        "train.epochs": {"value": 7, "default": 6},
        "loss.tau": {"value": 0.5, "default": 0.2},
    }
    readme, card = written(checkpoint, tmp_path / "export")
    assert card["training"]["differing"]["model.width"] == {"value": 8, "default": 16}
    assert "- `model.width`: 8 (default 16)" in readme and "Not measured" in readme


def test_what_the_data_card_tells_is_told_where_it_is_of_the_training(tmp_path, measured, encoded):
    readme, card = written(measured(encoded.digest), tmp_path / "export", data=encoded.folder / CARD)
    amounts = encoded.card
    assert card["data"] == {
        **{"name": "folder", "digest": encoded.digest, "classes": 2, "test_images": amounts.test.images},
        "training_images": amounts.train.images - amounts.validation.images,
        "validation_images": amounts.validation.images,
    }
    assert f"{len(encoded.training)} images to train on" in readme and "2\xa0classes" in readme
    readme, card = written(measured(), tmp_path / "export", data=encoded.folder / CARD)
    assert card["data"] == {"name": "folder", "digest": "d" * 64} and "images to train on" not in readme


def test_nothing_is_told_that_no_record_holds(tmp_path, monkeypatch, checkpoint_of):
    monkeypatch.chdir(tmp_path)
    readme, card = written(checkpoint_of(tmp_path / "encoder.safetensors"), tmp_path / "export")
    found = ModelCard(readme).data
    assert found.metrics is None and found.eval_results is None and found.license is None
    assert "Not measured for this encoder" in readme and card["over_seeds"] == {}
    for digest in (card["checkpoint"], card["code"], card["files"]["encoder.safetensors"]):
        assert digest in readme


@pytest.mark.parametrize(("channels", "size", "name"), [(1, 32, "test_vit"), (3, 64, "test_convnext")])
def test_a_network_of_timm_is_made_by_timm_itself(tmp_path, monkeypatch, checkpoint_of, channels, size, name):
    monkeypatch.chdir(tmp_path)
    told = {"encoder": f"timm/{name}", "channels": channels, "image_size": size, "whitening": 0.5}
    checkpoint = checkpoint_of(tmp_path / "encoder.safetensors", **told)
    readme, card = written(checkpoint, tmp_path / "export")
    found = ModelCard(readme).data
    assert found.library_name == "timm" and name in found.tags
    config = json.loads((tmp_path / "export/config.json").read_text())
    assert sha256(tmp_path / "export/config.json") == card["files"]["config.json"]
    assert not {"license", "tag", "url", "hf_hub_id"} & config["pretrained_cfg"].keys()
    code = """
import sys; sys.modules["contraflow"] = None
import re, numpy, torch
for code in re.findall(r"```python\\n(.*?)```", open("README.md").read(), re.DOTALL)[:2]:
    exec(code)
    with torch.inference_mode():
        print(encoder(torch.from_numpy(numpy.load("../images.npy"))).numpy().tobytes().hex())
print(timm.data.resolve_model_data_config(encoder))
from timm.models._builder import _resolve_pretrained_source
print(_resolve_pretrained_source({**encoder.pretrained_cfg, "source": "hf-hub", "hf_hub_id": "us/it"}))
"""
    images = np.random.default_rng(0).random((2, channels, size, size), np.float32)
    np.save(tmp_path / "images.npy", images)
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path / "export", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *both, told, source = done.stdout.splitlines()
    encoder, made_from = load_encoder(checkpoint)
    with torch.inference_mode():
        expected = [network(torch.from_numpy(images)).numpy() for network in (encoder, bare(encoder))]
    for features, whole in zip(both, expected, strict=True):
        np.testing.assert_allclose(np.frombuffer(bytes.fromhex(features), np.float32).reshape(2, -1), whole, atol=1e-5)
    takes = eval(told)
    assert takes["input_size"] == (channels, size, size) and takes["crop_pct"] == 1
    assert (list(takes["mean"]), list(takes["std"])) == (made_from.mean, made_from.std)
    assert eval(source) == ("hf-hub", ("us/it", "encoder.safetensors"))


def test_what_timm_cannot_make_is_not_promised(tmp_path, monkeypatch, checkpoint_of):
    monkeypatch.chdir(tmp_path)
    checkpoint = checkpoint_of(
        tmp_path / "encoder.safetensors", encoder="timm/test_resnet", norm="group", image_size=64
    )
    readme, _ = written(checkpoint, tmp_path / "export")
    assert ModelCard(readme).data.library_name == "pytorch" and "local-dir" not in readme
    assert not (tmp_path / "export/config.json").exists()


def test_every_snippet_gives_the_features_without_contraflow(tmp_path, measured):
    checkpoint = measured(image_size=16)
    export(checkpoint=checkpoint, out=tmp_path / "export", int8=True)
    readme = (tmp_path / "export/README.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(snippets) == 3 and not re.search(r"\{\{|\{%|StrictUndefined", readme)
    images = np.random.default_rng(0).random((2, 1, 16, 16), np.float32)
    np.save(tmp_path / "images.npy", images)
    for place, code in enumerate(snippets):
        code = re.sub(r"numpy\.zeros\(.*?float32\)", "numpy.load('../images.npy')", code)
        if not place:
            code += "import numpy\nimages = torch.from_numpy(numpy.load('../images.npy'))\n"
            code += "with torch.inference_mode():\n    features = encoder(images).numpy()\n"
        code = f"import sys\nsys.modules['contraflow'] = None\n{code}\nnumpy.save('../{place}.npy', features)"
        done = subprocess.run(
            [sys.executable, "-I", "-c", code], cwd=tmp_path / "export", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        expected = load_encoder(checkpoint)[0](torch.from_numpy(images)).numpy()
    for place, tolerance in enumerate((1e-5, 1e-5, 0.05)):
        np.testing.assert_allclose(
            np.load(tmp_path / f"{place}.npy"), expected, atol=tolerance * np.abs(expected).max()
        )


def test_of_texts_alone_it_says_what_the_page_says(tmp_path, sentences, checkpoint_beside, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", sentences)
    _, card = written(checkpoint, tmp_path / "export", data=sentences.folder / CARD)
    card["accuracy"] = {"linear": 0.8}
    names = ("encoder", "untrained", "raw_pixels", "pca_pixels")
    card["over_seeds"] = {name: {"linear": {"mean": 0.8, "std": 0.0, "n": 1}} for name in names}
    model = card["training"]["parameters"]["model"]
    model["weights"] = "data/weights.pth"  # which no encoder of texts starts from
    columns = ["this training", "untrained encoder", "TF-IDF", "components of TF-IDF"]
    assert list(rows(readme(card, {"texts": "code"}, None))["Linear probe"]) == columns
    model["text"]["weights"] = "minilm"
    card["training"]["made_from"]["text_weights"] = "e" * 64
    found = readme(card, {"texts": "code"}, None)
    assert list(rows(found)["Linear probe"])[1] == "as it came" and "this baseline: as it came, by" in found
    assert f"- folder that the encoder of texts started from: `{'e' * 64}`" in found
