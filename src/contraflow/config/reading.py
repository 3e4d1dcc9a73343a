"""Parameters from a file."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from contraflow.config.params import Params
from contraflow.config.sentences import sentence
from contraflow.errors import UserError


def parse_params(content: object, source: str = "params.yaml") -> Params:
    """Check the parsed content of a parameter file.

    Raises:
        UserError: one line for each mistake, with its key, what is allowed and what was found.
    """
    if not isinstance(content, dict):
        raise UserError(f"{source} must be a list of sections such as `loss:`, got {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError("\n".join(f"{source}: {sentence(e, Params)}" for e in error.errors())) from None


def load_params(path: Path) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: the file is missing, is not YAML, or holds a value that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run contraflow where params.yaml is, or name one with --params") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return parse_params(content, str(path))
