"""Kinds of values, and what all sections have in common."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

ABSENT = object()  # stands for the value of a parameter that a file does not name
NOTHING = "data"  # stands for no file: DVC watches what an `Own` names, so that there must be something


def _number_from_yaml(value: object) -> object:
    """YAML 1.1 reads `1e-4` as text; every user means the number."""
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value


def _rise(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise PydanticCustomError("falls", "must rise")
    return bounds


def _without_home(path: str) -> str:
    # DVC would look for a folder of that name in the repository, and fail when a run is to be recorded.
    if path.startswith("~"):
        raise PydanticCustomError("home", "must be written out, since DVC does not know what ~ is")
    return path


def _within(path: str) -> str:
    # a job that reads elsewhere leaves no trace, and a result would be made from itself
    if os.path.normpath(path).split("/")[0] in ("", ".", "..", "results"):
        raise PydanticCustomError("elsewhere", "must lie in this directory, but not in results, which a run replaces")
    return path


def named(own: str) -> Path | None:
    """What an `Own` names; None where that is nothing."""
    return None if own == NOTHING else Path(own)


@dataclass(frozen=True)
class Suited:
    """Of a parameter that may be null in a file: null is its default, but for some methods, data sets and encoders the
    value that suits them better, by their names.
    """

    values: dict[str, object]


@dataclass(frozen=True)
class File:
    """The context in which a file of parameters is validated: whether it must name all of them, and what its values are
    to suit, by name: its method, which comes first, its data set, and its encoder."""

    complete: bool
    suits: tuple[object, ...] = ()


@dataclass(frozen=True)
class Switch:
    """Of a parameter that is off by default: a value with which the workflow has more jobs."""

    on: object


Number = Annotated[float, BeforeValidator(_number_from_yaml), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
PositiveShare = Annotated[Number, Field(gt=0, le=1)]
ShareBelowOne = Annotated[Number, Field(ge=0, lt=1)]
PartialShare = Annotated[Number, Field(gt=0, lt=1)]
Cosine = Annotated[Number, Field(ge=-1, le=1)]
Natural = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Text = Annotated[str, Field(min_length=1)]
Place = Annotated[Text, AfterValidator(_without_home)]
Own = Annotated[Place, AfterValidator(_within)]  # a file or folder of the user's that results depend on, or `NOTHING`
Bound = TypeVar("Bound")
Range = Annotated[list[Bound], Field(min_length=2, max_length=2), AfterValidator(_rise)]


class Section(BaseModel):
    """Common rules: unknown keys are refused, types are not coerced, values do not change.

    A field has its type with its range, its comment and its default: `epochs: Annotated[Count, "of each round"] = 1`.
    Code may leave out what has its default; what a file says is validated with a `File` as context.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_a_file_says(cls, content: object, info: ValidationInfo) -> object:
        file = info.context
        if file is None or not isinstance(content, dict):
            return content
        if file.complete:
            content = dict.fromkeys(cls.model_fields, ABSENT) | content
        left = {name: said for name, said in cls.suited() if name in content and content[name] is None}
        own = {name: said.values[of] for name, said in left.items() for of in reversed(file.suits) if of in said.values}
        return {name: value for name, value in content.items() if name not in left} | own

    @classmethod
    def suited(cls) -> Iterator[tuple[str, Suited]]:
        """Parameters that may be null in a file."""
        for name, field in cls.model_fields.items():
            yield from ((name, said) for said in field.metadata if isinstance(said, Suited))


def flat(content: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted name and value of every parameter in nested sections."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
