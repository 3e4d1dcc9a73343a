"""Texts as numbers, by Hugging Face's `tokenizers`: with a vocabulary of byte pairs that is trained here (Sennrich et
al. 2016, "Neural Machine Translation of Rare Words with Subword Units"), or with that of a model folder.

Bytes are the letters of the trained one (Radford et al. 2019): every text of every language has tokens, and none is
unknown.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from contraflow.encoded.names import CONFIG, TOKENIZER
from contraflow.encoded.texts import PADDING, exchanged
from contraflow.foundations.errors import UserError

_NUMBERS = ("pad_token_id", "vocab_size", "max_position_embeddings")
_UNKNOWN = "ꙮ 𓀀"  # letters that stand in hardly any text
_SPECIAL = ["<padding>", "<start>"]  # the first is `PADDING`; each text begins with the other, so that none is empty


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> str:
    """A tokenizer of at most so many tokens, at least one for each byte, as the JSON that `tokenizers` reads.

    Texts are composed (NFC) and in lower case, as in Radford et al. 2021; the same texts in the same order give the
    same tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = _beginning(1)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=_SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True)


def own_tokenizer(file: Path) -> str:
    """The user's tokenizer, as JSON: it cuts no text, and where it has none for that, gets tokens that fill up what is
    short and that each text begins with.

    Raises:
        UserError: the file is missing, or none of `tokenizers`.
    """
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # of a missing file, too, it raises no kinds of its own
        raise UserError(
            f"data.tokenizer must be a {TOKENIZER} of Hugging Face's tokenizers, got {file} ({error})"
        ) from None
    try:
        tokenizer.encode(_UNKNOWN)
    except Exception as error:
        raise UserError(
            f"data.tokenizer must have a token for words that it does not know, and {file} has none ({error})"
        ) from None
    padding, start = _SPECIAL
    tokenizer.no_truncation()
    if not tokenizer.padding:
        tokenizer.add_special_tokens([padding])
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id(padding), pad_token=padding)
    if not tokenizer.encode("").ids:
        tokenizer.add_special_tokens([start])
        tokenizer.post_processor = _beginning(tokenizer.token_to_id(start))
    return tokenizer.to_str(pretty=True)


def _beginning(number: int) -> processors.TemplateProcessing:
    """Puts the token of this number, that of the start, before each text."""
    start = _SPECIAL[1]
    return processors.TemplateProcessing(single=f"{start} $A", special_tokens=[(start, number)])


def read_tokenizer(folder: Path) -> str:
    """The tokenizer of a model folder in Hugging Face's format, as JSON: it cuts no text, and names what it fills with.

    Raises:
        UserError: there is none, it is damaged, says not what it fills with, or makes nothing of an empty text.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # of a missing file, too, it raises no kinds of its own
        raise UserError(f"model.text.weights {folder} must have a {TOKENIZER} that can be read ({error})") from None
    filling = read_config(folder).get("pad_token_id", (tokenizer.padding or {}).get("pad_id"))
    if filling not in tokenizer.get_vocab().values():
        raise UserError(
            f"model.text.weights {folder} must say in its {CONFIG} which token fills up what is short, as "
            f"pad_token_id, got {filling}"
        )
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=filling, pad_token=tokenizer.id_to_token(filling))
    if not tokenizer.encode("").ids:
        raise UserError(f"model.text.weights {folder} must have a {TOKENIZER} that puts a token around each text")
    return tokenizer.to_str(pretty=True)


def read_config(folder: Path) -> dict[str, Any]:
    """What the `config.json` of a model folder says; of the numbers that are read here null is as if it were not there.

    Raises:
        UserError: it is missing or damaged, or one of these is no natural number.
    """
    config = read_part(folder, CONFIG)
    for key in _NUMBERS:
        if (value := config.get(key)) is None:
            config.pop(key, None)
        elif type(value) is not int or value < 0:
            raise UserError(
                f"model.text.weights {folder} must have as {key} in its {CONFIG} a whole number, 0 or more, got "
                f"{value!r}"
            )
    return config


def read_part(folder: Path, name: str) -> dict[str, Any]:
    """What a JSON file of a model folder says.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return dict(json.loads((folder / name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"model.text.weights {folder} must have a {name} that can be read ({error})") from None


def tokenise(tokenizer: str, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, (n,) int32 with n at least 1, by a tokenizer as JSON has it.

    Where another token than `PADDING` is what it fills with, these two change places. What is written in a text like a
    special token is a text like any other.
    """
    found = Tokenizer.from_str(tokenizer)
    found.encode_special_tokens = True
    filling = _filling(found)
    found.no_padding()
    return [exchanged(np.array(each.ids), filling).astype(np.int32) for each in found.encode_batch(list(texts))]


def filling_of(tokenizer: str) -> int:
    """The number of the token with which a tokenizer fills up what is short, as it numbers it itself."""
    return _filling(Tokenizer.from_str(tokenizer))


def _filling(tokenizer: Tokenizer) -> int:
    return (tokenizer.padding or {"pad_id": PADDING})["pad_id"]


def around(tokenizer: str) -> tuple[int, int]:
    """How many tokens a tokenizer puts before and behind each text."""
    found = Tokenizer.from_str(tokenizer)
    found.no_padding()
    special = found.encode("a").special_tokens_mask
    before, behind = (int(np.cumprod(ends).sum()) for ends in (special, special[::-1]))
    return before, behind


def ending_of(tokenizer: str) -> list[int]:
    """The tokens that a tokenizer puts behind each text, as `tokenise` numbers them."""
    _, behind = around(tokenizer)
    [tokens] = tokenise(tokenizer, ["a"])
    return tokens[len(tokens) - behind :].tolist()


def vocabulary_size(tokenizer: str) -> int:
    """How many tokens a tokenizer has: all have lower numbers."""
    return 1 + max(Tokenizer.from_str(tokenizer).get_vocab().values())
