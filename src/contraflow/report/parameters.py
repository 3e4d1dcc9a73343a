"""Every parameter of a run, and which differ from those that contraflow comes with."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from contraflow.config import Params

DEFAULTS = Path(__file__).parent / "defaults.yaml"  # a copy of the params.yaml that this version comes with


@cache
def defaults() -> dict[str, object]:
    """The shipped value of every parameter by its dotted name."""
    return dict(flat(yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))))


def sections(params: Params) -> list[dict]:
    """Each section of the parameters with its `settings`, single values first under the name `run`.

    A setting has `name` and `value`, and `default` where it differs from it, all in words.
    """
    found: dict[str, list[dict]] = {"run": []}
    for key, value in flat(params.model_dump()):
        section, _, name = key.partition(".")
        setting = {"name": name or key, "value": words(value)}
        if key not in defaults():
            setting["default"] = "none"
        elif value != defaults()[key]:
            setting["default"] = words(defaults()[key])
        found.setdefault(section if name else "run", []).append(setting)
    return [{"name": name, "settings": settings} for name, settings in found.items()]


def flat(content: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted name and value of every parameter in nested sections."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def words(value: object) -> str:
    """A setting's value as a person writes it; lists and small tables included."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return (" · " if any(isinstance(item, dict) for item in value) else ", ").join(map(words, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)
