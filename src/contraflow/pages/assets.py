"""Templates, styles and scripts: what pages are written with."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from contraflow.pages import numbers

HERE = Path(__file__).parent
FILTERS = ("fixed", "share", "plus_minus", "points", "count", "times", "words", "is_number")


class _Loader(FileSystemLoader):
    """Of files in some folders, of which each template may be changed on its way."""

    def __init__(self, folders: list[Path], change: Callable[[str], str]):
        super().__init__(folders)
        self.change = change

    def get_source(self, environment, template):
        source, *rest = super().get_source(environment, template)
        return self.change(source) if template.endswith(".j2") else source, *rest


def template(path: Path, change: Callable[[str], str] = str) -> Template:
    """A template of Jinja, which may name other files of its folder and of this one; what is put in a page is
    escaped, and what is not there is an error. Numbers have their filters.

    Args:
        change: Makes of the source of each template what is read; styles and scripts stay.
    """
    environment = Environment(
        loader=_Loader([path.parent, HERE], change),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters |= {name: getattr(numbers, name) for name in FILTERS}
    return environment.get_template(path.name)
