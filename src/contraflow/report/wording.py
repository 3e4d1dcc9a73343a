"""The words of a page about texts that are alone: what is said of images holds of texts."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

_WORDS = {
    "an image": "a text",
    "image": "text",
    "images": "texts",
    "picture": "text",
    "pictures": "texts",
    "raw pixels": "TF-IDF",
    "plain pixels": "TF-IDF",
    "pixels": "words",
    "augmented views": "views",
    "pixel by pixel": "letter by letter",
    "train.beton": "texts.npz",
    "test.beton": "texts.npz",
}
_FOUND = re.compile(rf"\b({'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})\b(?!\.\w)", re.IGNORECASE)


def of_texts(said: Any) -> Any:
    """The same of texts: a sentence, or all of those in a list, a dict or a dataclass."""
    if isinstance(said, str):
        return type(said)(_FOUND.sub(_other, said))
    if isinstance(said, list):
        return [of_texts(each) for each in said]
    if isinstance(said, dict):
        return {of_texts(key): of_texts(value) for key, value in said.items()}
    if is_dataclass(said):
        return replace(said, **{field.name: of_texts(getattr(said, field.name)) for field in fields(said)})
    return said


class OfTexts(Extension):
    """Of Jinja: what the author of a template wrote is said of texts. Names in expressions stay, and styles and
    scripts; so no class and no `id` may be one of the words.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            written = token.type in ("data", "string") and str(stream.name).endswith(".j2")
            yield Token(token.lineno, token.type, of_texts(token.value)) if written else token


def _other(found: re.Match) -> str:
    word = _WORDS[found[0].lower()]
    return word[0].upper() + word[1:] if found[0][0].isupper() else word


def _as_it_is(said: Any) -> Any:
    return said


BY_ITEMS = {"images": ([], _as_it_is), "texts": ([OfTexts], of_texts)}
"""Of a page about such items: the extensions of its templates, and what makes of other words those that are read."""
