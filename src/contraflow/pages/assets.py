"""Templates, styles and scripts: what pages are written with."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from contraflow.pages import numbers

HERE = Path(__file__).parent
FILTERS = ("fixed", "share", "plus_minus", "points", "count", "times", "words", "is_number")


def template(path: Path) -> Template:
    """A template of Jinja, which may name other files of its folder and of this one; what is put in a page is
    escaped, and what is not there is an error. Numbers have their filters.
    """
    environment = Environment(
        loader=FileSystemLoader([path.parent, HERE]),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {name: getattr(numbers, name) for name in FILTERS}
    return environment.get_template(path.name)
