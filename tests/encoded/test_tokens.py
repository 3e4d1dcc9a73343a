"""A vocabulary is a function of its texts, and every text has tokens."""

import os
import subprocess
import sys

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from contraflow.encoded.tokens import tokenise, train_tokenizer, vocabulary_size

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
