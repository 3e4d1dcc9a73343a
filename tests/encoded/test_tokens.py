"""A vocabulary is a function of its texts, and every text has tokens."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from contraflow.encoded.tokens import filling_of, own_tokenizer, tokenise, train_tokenizer, vocabulary_size
from contraflow.foundations.errors import UserError

TEXTS = ["a red heart", "ein rotes Herz", "قلب أحمر", "赤いハート", "<b>heart</b>", "❤️‍🔥 heart on fire"] * 3
TOKENIZER = train_tokenizer(TEXTS, 400)
_TRAIN = (
    "import json, sys; from contraflow.encoded.tokens import train_tokenizer as t; print(t(json.load(sys.stdin), 400))"
)


def test_the_same_texts_give_the_same_bytes_on_any_number_of_threads():
    import json

    for threads in ("1", "7"):
        environment = os.environ | {"RAYON_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", _TRAIN], input=json.dumps(TEXTS), env=environment, capture_output=True, text=True
        )
        assert done.stdout == TOKENIZER + "\n", done.stderr


def test_it_has_as_many_tokens_as_texts_and_bound_give():
    assert 258 < vocabulary_size(TOKENIZER) <= 400
    assert vocabulary_size(train_tokenizer(["ab"], 4096)) <= 260


@given(st.text())
@example("")
@example("x" * 100_000)
@example("<script>alert(1)</script>")
@example("שלום 👩🏽‍🚀\x00\u202e")
def test_every_text_has_tokens_and_comes_back_but_for_its_case(text):
    (tokens,) = tokenise(TOKENIZER, [text])
    assert tokens.dtype == np.int32
    assert tokens[0] == 1 and (tokens[1:] > 1).all()  # a start, and never padding
    tokenizer = Tokenizer.from_str(TOKENIZER)
    assert tokenizer.decode(tokens.tolist()).removeprefix(" ") == tokenizer.normalizer.normalize_str(text).removeprefix(
        " "
    )


def test_frequent_words_are_single_tokens():
    assert len(tokenise(TOKENIZER, ["heart"])[0]) == 2


def test_what_is_written_like_a_special_token_is_a_text():
    """Else a text could hold the token that only fills up, and begin twice."""
    (tokens,) = tokenise(TOKENIZER, ["<padding><start> heart"])
    assert tokens[0] == 1 and (tokens[1:] > 1).all()
    assert "padding" in Tokenizer.from_str(TOKENIZER).decode(tokens.tolist())


@pytest.fixture
def words():
    """A tokenizer of three words, which neither fills up nor begins anything."""
    tokenizer = Tokenizer(models.WordLevel({"red": 0, "heart": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_a_users_tokenizer_gets_what_it_lacks(words, tmp_path):
    words.enable_truncation(1)
    words.save(str(file := tmp_path / "tokenizer.json"))
    found = own_tokenizer(file)
    assert (vocabulary_size(found), filling_of(found)) == (5, 3)
    # 0, which fills up, and 3, which stood for that there, have changed places; 4 begins
    assert [row.tolist() for row in tokenise(found, ["red heart heart", "", "blue"])] == [[4, 3, 1, 1], [4], [4, 2]]


def test_a_users_tokenizer_keeps_what_it_has(words, tmp_path):
    words.add_special_tokens(["<end>", "<fill>"])
    words.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 3)])
    words.enable_padding(pad_id=4, pad_token="<fill>")
    words.save(str(file := tmp_path / "tokenizer.json"))
    found = own_tokenizer(file)
    assert (vocabulary_size(found), filling_of(found)) == (5, 4)
    assert [row.tolist() for row in tokenise(found, ["heart red", ""])] == [[1, 4, 3], [3]]


@pytest.mark.parametrize("kind", [models.WordLevel, models.WordPiece])
def test_a_users_tokenizer_must_know_what_it_does_not_know(tmp_path, kind):
    tokenizer = Tokenizer(kind({"red": 0, "heart": 1}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(file := tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match=r"^data\.tokenizer must have a token for words that it does not"):
        own_tokenizer(file)


@pytest.mark.parametrize("content", [None, "", "{}", "{", '{"model": 3}'])
def test_what_is_no_tokenizer_is_one_sentence(tmp_path, content):
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(
        UserError, match=r"^data\.tokenizer must be a tokenizer\.json of Hugging Face's tokenizers, got .*json \("
    ):
        own_tokenizer(file)
