"""An encoder of texts and its tokenizer, as a run left them."""

import shutil

import numpy as np
import pytest
import torch
from fixtures.encoded import ODD

from contraflow.commands import text_side
from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained
from contraflow.encoded.names import CARD, TOKENIZER
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.errors import UserError
from contraflow.models import text
from contraflow.models.checkpoint import load_encoder
from contraflow.models.towers import load_towers

TEXTS = [*ODD, *(f"number {i}" for i in range(30))]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch):
    for module in (text_side, text):
        monkeypatch.setattr(module, "BATCH", 16)


def one_by_one(network, tokenizer, texts, key=()):
    with torch.inference_mode():
        rows = [torch.tensor([[*key, *each.tolist()]]) for each in tokenise(tokenizer, texts)]
        return np.concatenate([network(row).numpy() for row in rows])


def test_vectors_are_those_of_one_text_after_the_other(tmp_path, captioned, checkpoint_beside):
    path = checkpoint_beside(tmp_path / "encoder.safetensors", captioned)
    side = TextSide.of(Trained.open(path), captioned.folder / CARD)
    found = np.concatenate([*side.of_texts(TEXTS, CPU)])
    expected = one_by_one(load_towers(path)[0].text, captioned.tokenizer, TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    own = captioned.texts["train"]
    rows = np.concatenate([*side.of_tokens(own.tokens, CPU)])
    said = [own[text] for text in range(len(own))]
    np.testing.assert_allclose(rows, np.concatenate([*side.of_texts(said, CPU)]), atol=1e-6)


def test_of_texts_alone_they_are_features_without_dropout(tmp_path, sentences, checkpoint_beside):
    path = checkpoint_beside(tmp_path / "encoder.safetensors", sentences)
    side = TextSide.of(Trained.open(path), sentences.folder / CARD)
    expected = one_by_one(load_encoder(path)[0], sentences.tokenizer, TEXTS, key=(0,))
    np.testing.assert_allclose(np.concatenate([*side.of_texts(TEXTS, CPU)]), expected, atol=1e-6)


def test_what_knows_no_texts_is_refused(tmp_path, checkpoint_of, captioned):
    trained = Trained.open(checkpoint_of(tmp_path / "encoder.safetensors", data=captioned.digest))
    with pytest.raises(UserError, match=r"encoder\.safetensors has no encoder of texts: name one that was trained by"):
        TextSide.of(trained, captioned.folder / CARD)


def test_another_tokenizer_is_refused(tmp_path, captioned, encoded, checkpoint_beside):
    trained = Trained.open(checkpoint_beside(tmp_path / "encoder.safetensors", captioned))
    for card in (encoded.folder / CARD, tmp_path / "nowhere.json"):
        with pytest.raises(UserError, match=r"was trained on other texts than those of .*: name its own with --data$"):
            TextSide.of(trained, card)
    shutil.copy(captioned.folder / CARD, tmp_path)
    (tmp_path / TOKENIZER).write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json is missing or was changed: run the step encode again$"):
        TextSide.of(trained, tmp_path / CARD)
