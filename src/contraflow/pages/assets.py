"""Templates, styles and scripts: what pages are written with."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from jinja2.ext import Extension

from contraflow.pages import numbers

HERE = Path(__file__).parent
FILTERS = ("fixed", "share", "plus_minus", "points", "count", "times", "words", "is_number")


def template(path: Path, extensions: Sequence[type[Extension]] = ()) -> Template:
    """A template of Jinja, which may name other files of its folder and of this one; what is put in a page is
    escaped, and what is not there is an error. Numbers have their filters.

    Args:
        extensions: Those of Jinja.
    """
    environment = Environment(
        loader=FileSystemLoader([path.parent, HERE]),
        extensions=extensions,
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters |= {name: getattr(numbers, name) for name in FILTERS}
    return environment.get_template(path.name)
