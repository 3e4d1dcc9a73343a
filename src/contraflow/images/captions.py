"""The texts of images into their file, with a tokenizer; and what a card says of them."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from contraflow.encoded.card import Wording
from contraflow.encoded.names import TEXTS, TOKENIZER
from contraflow.encoded.texts import PARTS, Texts
from contraflow.foundations.arrays import save_arrays
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.record import Provenance
from contraflow.images.image_set import Split

LISTED = 20  # texts that the card names, at most


def write_texts(
    out: Path,
    train: Split,
    test: Split,
    training: np.ndarray,
    tokenizer_of: Callable[[list[str]], str],
    provenance: Provenance,
) -> Wording | None:
    """Write the texts of all images into the folder `out`, and a tokenizer that knows those of training alone.

    Args:
        training: Which of the images of `train` are trained on, (N,) int64.
        tokenizer_of: Makes a tokenizer of their texts, as the JSON that `tokenizers` reads; called where there are any.

    Returns:
        What the card says; None where no image has a text, and both files are empty.
    """
    splits = dict(zip(PARTS, (train, test), strict=True))
    if not any(split.texts for split in splits.values()):
        write_text(out / TOKENIZER, "{}\n")
        nothing = {part: Texts.of([[]] * len(split), []) for part, split in splits.items()}
        _save(out, nothing, provenance)
        return None
    # what has no texts is spared it
    from contraflow.encoded.tokens import tokenise, vocabulary_size

    tokenizer = tokenizer_of([text for image in training.tolist() for text in train.texts[image]])
    write_text(out / TOKENIZER, tokenizer + "\n")
    texts = {
        part: Texts.of(
            split.texts,
            tokenise(tokenizer, _all(split.texts)),
            split.labels if split.items == "texts" else (),  # an image's lie in its own file
        )
        for part, split in splits.items()
    }
    _save(out, texts, provenance)
    said = {part: _all(split.texts) for part, split in splits.items()}
    known = set(said["train"])
    shared = [text for text in said["test"] if text in known]
    return Wording(
        train=len(said["train"]),
        test=len(said["test"]),
        vocabulary=vocabulary_size(tokenizer),
        characters=_quartiles([len(text) for text in said["train"]]),
        tokens=_quartiles(texts["train"].tokens.lengths),
        scripts=_scripts(said["train"]),
        repeated=len(said["train"]) - len(known),
        shared=len(shared),
        listed=list(dict.fromkeys(shared))[:LISTED],
    )


def _save(out: Path, texts: dict[str, Texts], provenance: Provenance) -> None:
    save_arrays(
        out / TEXTS,
        provenance,
        **{name: array for part, each in texts.items() for name, array in each.arrays(part).items()},
    )


def _all(texts: Sequence[Sequence[str]]) -> list[str]:
    return [text for of_image in texts for text in of_image]


def _scripts(texts: Sequence[str]) -> dict[str, int]:
    counts = Counter(script for text in texts for script in {_script(letter) for letter in set(text)} if script)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


@cache
def _script(letter: str) -> str:
    """LATIN, ARABIC, CJK and so on; empty of what is no letter."""
    return unicodedata.name(letter, "").partition(" ")[0] if letter.isalpha() else ""


def _quartiles(lengths: Sequence[int]) -> list[int]:
    return np.quantile(lengths, (0, 0.5, 1), method="inverted_cdf").tolist()
