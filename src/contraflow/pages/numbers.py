"""Figures as a person reads them; all accept None and NaN, which a failed run leaves behind."""

import math

MISSING = "\u2013"
MINUS = "\u2212"
NARROW = "\u202f"  # a narrow space; like NBSP it does not break
NBSP = "\u00a0"


def is_number(value: float | None) -> bool:
    """Whether there is a finite value."""
    return value is not None and math.isfinite(value)


def fixed(value: float | None, digits: int = 2) -> str:
    """`-1.234` as `-1.23`, with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS) if is_number(value) else MISSING


def share(value: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 as per cent: `0.8724` as `87.2 %`."""
    return f"{fixed(100 * value, digits)}{NARROW}%" if is_number(value) else MISSING


def plus_minus(value: dict, digits: int = 2, scale: float = 100) -> str:
    """Mean and, of several seeds, standard deviation of a figure, both times `scale`: `87.24 ± 0.31`."""
    mean, std = (value[name] and scale * value[name] for name in ("mean", "std"))
    return fixed(mean, digits) + (f" ±{NBSP}{fixed(std, digits)}" if value["n"] > 1 and is_number(mean) else "")


def percent(value: dict, digits: int = 2) -> str:
    """The spread of an accuracy as per cent, in one piece: `87.24 ± 0.31 %`."""
    return f"{plus_minus(value, digits).replace(' ', NBSP)}{NARROW}%"


def points(value: float | None, digits: int = 1) -> str:
    """A difference of two shares as signed percentage points: `0.031` as `+3.1`."""
    if not is_number(value):
        return MISSING
    text = fixed(100 * value, digits)
    return text if value < 0 or not float(text) else f"+{text}"


def count(value: int) -> str:
    """`60000` as `60,000`."""
    return f"{value:,}"


def times(n: int, one: str, many: str | None = None) -> str:
    """`1 seed`, `2 seeds`, never broken between number and noun."""
    return f"{count(n)}{NBSP}{one if n == 1 else many or one + 's'}"


def listing(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def words(value: object) -> str:
    """A setting's value as a person writes it; lists and small tables included."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return (" · " if any(isinstance(item, dict) for item in value) else ", ").join(map(words, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)
