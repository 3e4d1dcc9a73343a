"""Text encoders of Hugging Face's format through the steps, for texts alone and beside images."""

import os
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from fixtures.huggingface import LORA
from fixtures.kills import die_after_each_epoch
from tokenizers import Tokenizer

from contraflow.commands.export import export
from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained
from contraflow.encoded.names import CARD
from contraflow.evaluation.representation import open_representation
from contraflow.evaluation.results import Evaluation, Extra
from contraflow.foundations.artefacts import sha256
from contraflow.models.checkpoint import load_encoder
from contraflow.models.huggingface import FolderEncoder, FolderRows
from contraflow.models.towers import load_towers, start_towers
from contraflow.report.summary import AS_IT_CAME
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate
from contraflow.steps.evaluate.evaluate_captions import CaptionSettings, evaluate_captions

pytestmark = pytest.mark.usefixtures("one_thread", "huggingface")
FILES = ("encoder.safetensors", "history.csv")
TEXT = {"weights": "model", "context": 12}


@pytest.fixture(scope="module")
def here(tmp_path_factory, model_folder):
    """A directory with a model folder and a table of texts; the tests run in it."""
    root = tmp_path_factory.mktemp("here")
    model_folder(root / "model", "roberta")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield root


@pytest.fixture(scope="module")
def params(here, sentence_table, sentences_of):
    # by plain steps: AdamW makes steps of rounding where a gradient is 0
    train = {"epochs": 2, "optimiser": "sgd", "lr": 0.05, "precision": "float32"}
    return sentences_of(sentence_table(here / "table"), train=train, model={"text": TEXT})


@pytest.fixture(scope="module")
def data(params, here, encoded_of):
    return encoded_of(params, here / "data")


@pytest.fixture(scope="module")
def trained(pretrained, params, data, here):
    return pretrained(params, data, here / "trained")


def test_texts_are_read_by_the_tokenizer_of_the_folder(data, here):
    """Where that fills up with 1, 0 and 1 have changed places."""
    own = Tokenizer.from_file(str(here / "model/tokenizer.json"))
    own.no_padding()
    own.no_truncation()
    texts = data.texts["train"]
    assert data.card.vocabulary == own.get_vocab_size() and texts.tokens.lengths.max() > 1_000
    for i in range(0, 64, 9):
        expected = [{0: 1, 1: 0}.get(token, token) for token in own.encode(texts[i]).ids]
        assert texts.tokens[i].tolist() == expected and min(expected) > 0


def test_a_vocabulary_that_is_not_learned_changes_no_byte(params, data, encoded_of, tmp_path):
    """So that nothing is trained again for it."""
    other = params.model_copy(update={"data": params.data.model_copy(update={"vocabulary": 5000})})
    assert encoded_of(other, tmp_path).digest == data.digest


def test_a_training_begins_from_the_folder_and_needs_it_no_more(params, data, trained, here, tmp_path):
    encoder, made_from = load_encoder(trained / FILES[0])
    before = open_representation("untrained-seed0", None, data, params.model)
    assert made_from.inputs["text_weights"] == before.inputs["text_weights"]
    start, learned = before.network.state_dict(), encoder.state_dict()
    assert start.keys() == learned.keys()
    largest = max(float((learned[name] - start[name]).abs().max()) for name in start)
    assert 1e-4 < largest < 0.5  # some steps away
    shutil.move(here / "model", tmp_path / "elsewhere")
    again, _ = load_encoder(trained / FILES[0])
    shutil.move(tmp_path / "elsewhere", here / "model")
    rows = torch.from_numpy(np.array([[0, *data.texts["test"].tokens[3]]]))
    assert isinstance(again, FolderRows) and torch.equal(again(rows), encoder(rows))


def test_the_lines_of_the_model_card_give_its_features_without_contraflow(data, trained, tmp_path):
    said = ["a red dress", "a" * 60, "<pad> and </s> are words here", "b"]
    export(checkpoint=trained / FILES[0], out=tmp_path / "export", onnx=False, data=data.folder / CARD)
    code = f"""
import re, sys
sys.modules["contraflow"] = None
exec(re.search(r"```python\\n(.*?)```", open("README.md").read(), re.DOTALL)[1])
import numpy
with torch.inference_mode():
    numpy.save("../features.npy", text(tokens({said!r})).numpy())
"""
    command, environment = [sys.executable, "-c", code], os.environ | {"PYTHONPATH": str(LORA)}
    done = subprocess.run(command, cwd=tmp_path / "export", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    side = TextSide.of(Trained.open(trained / FILES[0]), data.folder / CARD)
    expected = np.concatenate([*side.of_texts(said, torch.device("cpu"))])
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), expected, rtol=1e-5, atol=1e-5)


def test_killed_or_in_parts_or_on_more_threads_it_comes_to_the_same(
    params, data, trained, here, monkeypatch, tmp_path, pretrained, sentences_of
):
    with monkeypatch.context() as patch:
        die_after_each_epoch(patch)
        with pytest.raises(KeyboardInterrupt):
            pretrained(params, data, tmp_path / "killed")
    killed = pretrained(params, data, tmp_path / "killed", threads=3)
    assert [sha256(killed / file) for file in FILES] == [sha256(trained / file) for file in FILES]
    train = params.train.model_dump() | {"micro_batch": 4}
    parts = pretrained(sentences_of(here / "table", train=train, model={"text": TEXT}), data, tmp_path / "parts")
    both = [load_encoder(folder / FILES[0])[0].state_dict() for folder in (trained, parts)]
    for name, weight in both[0].items():
        torch.testing.assert_close(both[1][name], weight, rtol=1e-4, atol=1e-5)


def test_it_is_measured_beside_the_encoder_as_it_came(params, data, trained, tmp_path):
    run = partial(evaluate, Evaluating.of(params), data=data.folder / CARD, figures=tmp_path / "f.json", threads=1)
    run(representation="untrained-seed0")
    came = Evaluation.read(tmp_path / "f.json", data=data.digest)
    assert "with the weights that it starts from" in came.protocol["features"] and came.dimension == 16
    assert came.alignment > 0
    run(representation="encoder-seed0", checkpoint=trained / FILES[0])
    assert Evaluation.read(tmp_path / "f.json", data=data.digest).test.keys() == came.test.keys()
    assert params.model.start("texts") and AS_IT_CAME


def test_beside_images(here, captioned, params_of, image_folder, encoded_of, pretrained, tmp_path):
    root = captioned.folder.parent / "images"
    how = {"data": {"path": str(root), "table": "t.csv"}, "method": {"name": "clip"}, "model": {"text": TEXT}}
    params = params_of(**how, eval={"captions": [1, 3]}, mining={"rounds": 0})
    data = encoded_of(params, tmp_path / "data")
    trained = pretrained(params, data, tmp_path / "trained")
    towers, _ = load_towers(trained / FILES[0])
    assert isinstance(towers.text, FolderEncoder) and towers.text.projection.out_features == 8
    before = start_towers(params.model, data, 0).text.network.state_dict()
    after = towers.text.network.state_dict()
    assert before.keys() == after.keys() and any(not torch.equal(before[name], after[name]) for name in before)
    files = {"data": data.folder / CARD, "figures": tmp_path / "f.json", "threads": 1}
    evaluate_captions(
        CaptionSettings.of(params), representation="encoder-seed0", checkpoint=trained / FILES[0], **files
    )
    assert Extra.read(tmp_path / "f.json", data=data.digest).figures["image_to_text_recall@3"] >= 0
