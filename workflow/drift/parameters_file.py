"""params.yaml beside the sections of the settings, which say what stands in it and how it is written."""

import yaml

from contraflow.errors import UserError
from contraflow.params import parse_params
from contraflow.settings.written import as_yaml
from drift import Difference


def written(text: str) -> tuple[str, list[Difference]]:
    """What params.yaml should say, with the values that it has now, and in what it differs.

    A parameter that it does not name has its default. Keys and values that cannot be are left to a person: the text
    stays as it is.
    """
    content = yaml.safe_load(text)
    try:
        wanted = as_yaml(parse_params(content, complete=False))
    except UserError as error:
        return text, [Difference(line) for line in str(error).splitlines()]
    try:
        parse_params(content)
    except UserError as error:
        return wanted, [
            Difference(f"{line}: add it with its default", derived=True) for line in str(error).splitlines()
        ]
    says = "params.yaml: order, comments or layout are not those of the settings: write it anew"
    return wanted, [] if text == wanted else [Difference(says, derived=True)]
