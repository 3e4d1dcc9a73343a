"""Templates, styles and scripts: what pages are written with."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent
STYLES = ("pictures.css", "style.css")
SCRIPTS = ("script.js", "map.js")


def environment(folder: Path) -> Environment:
    """Jinja for the templates of a folder: what is put in is escaped, and what is not there is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def joined(names: tuple[str | Path, ...]) -> Markup:
    """The content of files beside this one, or with their whole paths of others, as it is."""
    return Markup("\n".join((HERE / name).read_text(encoding="utf-8") for name in names))
