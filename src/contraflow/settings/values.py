"""Kinds of values, and what all sections have in common."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number_from_yaml(value: object) -> object:
    """YAML 1.1 reads `1e-4` as text; every user means the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


Number = Annotated[float, BeforeValidator(_number_from_yaml), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
PartialShare = Annotated[Number, Field(gt=0, lt=1)]
Cosine = Annotated[Number, Field(ge=-1, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """Common rules: unknown keys are refused, types are not coerced, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def refuse_empty_range(name: str, bounds: list[float]) -> None:
    """Refuse bounds that fall.

    Raises:
        ValueError: names `name` and the bounds.
    """
    if bounds[0] > bounds[1]:
        raise ValueError(f"{name} must rise, got {bounds[0]} to {bounds[1]}")


def refuse_impossible_area(name: str, bounds: list[float]) -> None:
    """Refuse bounds that fall, or shares of an area beyond all of it.

    Raises:
        ValueError: names `name` and what is wrong.
    """
    refuse_empty_range(name, bounds)
    if bounds[1] > 1:
        raise ValueError(f"{name} must be at most 1, got {bounds[1]}")


def flat(content: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted name and value of every parameter in nested sections."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
