"""Parameters of a benchmark's trainings."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from contraflow.params import Params, parse_params

SHIPPED = Path("params.yaml")


def changed(changes: Mapping[str, object], file: Path = SHIPPED) -> dict:
    """What a params.yaml says, with keys changed; those of a section are dotted."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *section, name = key.split(".")
        (content[section[0]] if section else content)[name] = value
    return content


def with_changes(changes: Mapping[str, object]) -> Params:
    """The shipped parameters with keys changed."""
    return parse_params(changed(changes))
