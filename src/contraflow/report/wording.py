"""The words of a page about texts that are alone: what is said of images holds of texts."""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

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
# Of a template, what its author wrote: text, and strings inside of expressions; names in expressions stay, and tags.
_BLOCK = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_STRING = re.compile(r""""[^"]*"|'[^']*'""")
_TAG = re.compile(r"(<[^>]*>)")


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


def template_of_texts(source: str) -> str:
    """A template of Jinja, the same of texts."""
    return "".join(
        _STRING.sub(lambda string: of_texts(string[0]), part)
        if part.startswith("{")
        else "".join(piece if piece.startswith("<") else of_texts(piece) for piece in _TAG.split(part))
        for part in _BLOCK.split(source)
    )


def _other(found: re.Match) -> str:
    word = _WORDS[found[0].lower()]
    return word[0].upper() + word[1:] if found[0][0].isupper() else word


def _as_it_is(said: Any) -> Any:
    return said


BY_ITEMS = {"images": (_as_it_is, _as_it_is), "texts": (template_of_texts, of_texts)}
"""Of a page about such items: what makes of the source of a template, and of other words, those that are read."""
