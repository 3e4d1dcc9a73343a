"""`baseline.json`: the run that reports are compared with, in a file that git tracks; `{}` where there is none."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from contraflow.baseline.measured import Figures, Measured
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Record
from contraflow.settings.values import Number

PIN = "run `contraflow baseline`"


class PinnedFigures(Figures):
    """Those that can be pinned: all are numbers."""

    test: dict[str, Number]
    validation: dict[str, Number]


class Pinned(Record):
    """What the file holds: `params` are all parameters by their dotted names, `test_images` a SHA-256."""

    name: Annotated[str, Field(min_length=1)]
    test_images: str
    params: dict[str, object]
    evaluations: Annotated[list[PinnedFigures], Field(min_length=1)]


def read_pinned(path: Path) -> Measured | None:
    """The run that is pinned; None where none is.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    try:
        if (content := json.loads(path.read_text(encoding="utf-8"))) == {}:
            return None
        pinned = Pinned.model_validate(content)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: write {{}} into it for no baseline, or {PIN}") from None
    except ValueError:
        raise UserError(f"{path} holds no baseline: write {{}} into it for none, or {PIN}") from None
    return Measured(pinned.name, pinned.params, pinned.test_images, {each.seed: each for each in pinned.evaluations})
