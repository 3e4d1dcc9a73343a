"""Parameters of a benchmark's trainings."""

from pathlib import Path

import yaml

from contraflow.params import Params, parse_params


def with_changes(changes: dict) -> Params:
    """The shipped parameters with dotted keys changed."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    for key, value in changes.items():
        section, name = key.split(".")
        content[section][name] = value
    return parse_params(content)
