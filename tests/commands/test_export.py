"""An exported encoder is the encoder, for whoever has only torch and torchvision."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torchvision import transforms

from contraflow.commands.export import export
from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained, normalised, read_input
from contraflow.encoded.names import CARD, TOKENIZER
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.models.checkpoint import load_encoder
from contraflow.models.towers import load_towers

_WITHOUT_CONTRAFLOW = """
import re, sys
sys.modules["contraflow"] = None
exec(re.search(r"```python\\n(.*?)```", open("README.md").read(), re.DOTALL)[1])
import numpy, torch
with torch.inference_mode():
    numpy.save(sys.argv[2], encoder(torch.from_numpy(numpy.load(sys.argv[1]))).numpy())
"""


_TEXTS_WITHOUT_CONTRAFLOW = """
import json, re, sys
sys.modules["contraflow"] = None
for code in re.findall(r"```python\\n(.*?)```", open("README.md").read(), re.DOTALL):
    exec(code)
import numpy, torch
with torch.inference_mode():
    numpy.save("../texts.npy", text(tokens(json.load(open("../texts.json")))).numpy())
    if "encoder" in globals():
        features = encoder(torch.from_numpy(numpy.load("../images.npy")))
        numpy.save("../projected.npy", projection(features).numpy() if "projection" in globals() else features.numpy())
"""
TEXTS = ["a red dress", "שמש חמה", "<b>bold</b>", "many words " * 50, "a"]


@pytest.fixture
def exported(tmp_path, monkeypatch, checkpoint_of):
    """`exported(encoder="resnet18")`: the checkpoint and the folder that it was exported to."""

    def make(**of):
        monkeypatch.chdir(tmp_path)
        checkpoint = checkpoint_of(tmp_path / "encoder.safetensors", whitening=0.5, **of)
        export(checkpoint=checkpoint, out=tmp_path / "export", onnx=False)
        return checkpoint, tmp_path / "export"

    return make


def test_the_lines_of_the_readme_give_the_features_without_contraflow(tmp_path, exported):
    checkpoint, out = exported(encoder="resnet18", image_size=32)
    images = np.random.default_rng(0).normal(size=(3, 1, 32, 32)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    command = [sys.executable, "-I", "-c", _WITHOUT_CONTRAFLOW, tmp_path / "images.npy", tmp_path / "features.npy"]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        expected = load_encoder(checkpoint)[0](torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_transforms_of_the_readme_are_the_treatment(tmp_path, exported, channels):
    _, out = exported(channels=channels)
    words = re.search(
        r"`(Resize.*?)`, `(Center.*?)`, `(ToTensor.*?)`, `(Normalize.*?)`", (out / "README.md").read_text()
    )
    steps = transforms.Compose([eval(f"transforms.{word}") for word in words.groups()])
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    picture = picture.convert("L" if channels == 1 else "RGB")
    picture.save(tmp_path / "picture.png")
    card = json.loads((out / "card.json").read_text())["input"]
    image = read_input(tmp_path / "picture.png", card["size"], card["channels"])
    torch.testing.assert_close(steps(picture), normalised(image[None], card["mean"], card["std"])[0], atol=1e-5, rtol=0)


def test_the_card_tells_what_the_encoder_is(exported):
    checkpoint, out = exported(channels=3)
    card = json.loads((out / "card.json").read_text())
    encoder, made_from = load_encoder(checkpoint)
    assert card["checkpoint"] == sha256(checkpoint)
    assert card["files"] == {file: sha256(out / file) for file in ("encoder.safetensors", "whitening.safetensors")}
    assert card["data"] == {"name": "folder", "digest": "d" * 64}
    assert (card["encoder"], card["features"], card["code"]) == ("small", 64, "c" * 64)
    assert card["weights"] == sum(tensor.numel() for tensor in encoder.parameters())
    assert {name: card["input"][name] for name in ("mean", "std")} == {"mean": made_from.mean, "std": made_from.std}
    assert "Not measured" in (out / "README.md").read_text()


@pytest.mark.parametrize("same", [True, False])
def test_figures_are_told_of_this_very_encoder_alone(tmp_path, exported, evaluation_of, same):
    checkpoint, out = exported()
    evaluation_of(
        test={"linear": 0.8639},
        intervals={"linear": [0.8571, 0.8702]},
        protocol={"linear": "logistic regression"},
        provenance=Provenance(step="evaluate", inputs={"encoder": sha256(checkpoint) if same else "0" * 64}),
    ).write(tmp_path / "results/evaluate/encoder-seed0.json")
    export(checkpoint=checkpoint, out=out, onnx=False)
    card, readme = json.loads((out / "card.json").read_text()), (out / "README.md").read_text()
    assert card["accuracy"] == ({"linear": 0.8639} if same else {})
    assert (all(words in readme for words in ("86.39", "85.71", "87.02", "logistic regression"))) is same


def test_an_export_replaces_the_one_before_and_equal_ones_have_equal_bytes(exported):
    checkpoint, out = exported()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "encoder.onnx").write_text("of another encoder")
    export(checkpoint=checkpoint, out=out, onnx=False)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_other_files_are_not_touched(tmp_path, exported):
    checkpoint, _ = exported()
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match="holds other files than an export"):
        export(checkpoint=checkpoint, out=tmp_path, onnx=False)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_checkpoint_that_is_not_there_yet_is_named_with_the_command_that_makes_it(tmp_path, checkpoint_of):
    for stage in ("mine", "pretrain"):
        with pytest.raises(UserError, match=f"encoder.safetensors is missing: `snakemake {stage}` makes it"):
            export(checkpoint=tmp_path / f"results/{stage}/encoder.safetensors", out=tmp_path / "out", onnx=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("projection", ["mlp", "none", "alone"])
def test_texts_become_their_vectors_without_contraflow(
    tmp_path, monkeypatch, captioned, sentences, checkpoint_beside, projection
):
    monkeypatch.chdir(tmp_path)
    alone = projection == "alone"
    data, changes = (sentences, {"whitening": 0.5}) if alone else (captioned, {"projection": projection})
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", data, **changes)
    out = tmp_path / "export"
    export(checkpoint=checkpoint, out=out, data=data.folder / CARD)
    images = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    command = [sys.executable, "-I", "-c", _TEXTS_WITHOUT_CONTRAFLOW]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    side = TextSide.of(Trained.open(checkpoint), data.folder / CARD)
    expected = np.concatenate([*side.of_texts(TEXTS, torch.device("cpu"))])
    np.testing.assert_allclose(np.load(tmp_path / "texts.npy"), expected, atol=1e-5)
    if not alone:
        with torch.inference_mode():
            expected = load_towers(checkpoint)[0].images(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(np.load(tmp_path / "projected.npy"), expected, atol=1e-5)
    card = json.loads((out / "card.json").read_text())
    files = {"mlp": ["encoder", "text", "projection"], "none": ["encoder", "text"], "alone": ["text", "whitening"]}[
        projection
    ]
    assert set(card["files"]) == {TOKENIZER, *(f"{name}.safetensors" for name in files)}
    assert card["files"][TOKENIZER] == data.card.digests[TOKENIZER]
    assert {path.name for path in out.iterdir()} == {*card["files"], "README.md", "card.json"}
    assert card["text"] | {"features": 0} == {
        **{"vocabulary": data.card.vocabulary, "context": 8, "width": 16, "layers": 2, "heads": 2, "hidden": 64},
        "features": 0,
    }
    readme = (out / "README.md").read_text()
    assert "StrictUndefined" not in readme and "the first 8 tokens count" in readme
    if alone:
        assert "input" not in card and card["features"] == card["text"]["features"] == 16
        prose = re.sub(r"```.*?```", "", readme, flags=re.DOTALL)
        assert "image" not in prose.replace("image_size", "") and "64 texts" not in prose
        assert "pipeline_tag: feature-extraction" in readme and "# transformer trained by simcse on folder" in readme


def test_a_tokenizer_that_fills_up_with_another_token_and_ends_each_text_is_exported_as_it_is(
    sentence_table, params_of, encoded_of, checkpoint_beside, tmp_path, monkeypatch
):
    """Inside, what fills up is 0: there `<s>` and `<pad>` have changed places."""
    monkeypatch.chdir(tmp_path)
    words = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "?": 3, "many": 4, "words": 5}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    words.add_special_tokens(["<s>", "<pad>", "</s>"])
    words.enable_padding(pad_id=1, pad_token="<pad>")
    words.save("own.json")
    table = {"path": str(sentence_table(tmp_path / "table")), "table": "t.csv", "image_size": None}
    data = encoded_of(params_of(data=table | {"tokenizer": "own.json"}, method={"name": "simcse"}), tmp_path / "data")
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", data)
    export(checkpoint=checkpoint, out=tmp_path / "export", data=data.folder / CARD)
    said = ["many words", "a", "words " * 20, "<s> <pad>"]
    (tmp_path / "texts.json").write_text(json.dumps(said))
    command = [sys.executable, "-I", "-c", _TEXTS_WITHOUT_CONTRAFLOW]
    done = subprocess.run(command, cwd=tmp_path / "export", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    side = TextSide.of(Trained.open(checkpoint), data.folder / CARD)
    expected = np.concatenate([*side.of_texts(said, torch.device("cpu"))])
    np.testing.assert_allclose(np.load(tmp_path / "texts.npy"), expected, atol=1e-5)


def test_of_texts_alone_there_is_no_onnx(tmp_path, sentences, checkpoint_beside):
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", sentences)
    with pytest.raises(
        UserError, match=r"^--onnx and --int8 are of encoders of images, and .*safetensors takes texts$"
    ):
        export(checkpoint=checkpoint, out=tmp_path / "export", onnx=True, data=sentences.folder / CARD)


def test_an_encoder_of_texts_is_not_exported_without_its_tokenizer(tmp_path, captioned, checkpoint_beside):
    checkpoint = checkpoint_beside(tmp_path / "encoder.safetensors", captioned)
    with pytest.raises(UserError, match=r"was trained on other texts than those of .*: name its own with --data$"):
        export(checkpoint=checkpoint, out=tmp_path / "export", data=tmp_path / "card.json")
    assert not (tmp_path / "export").exists()
