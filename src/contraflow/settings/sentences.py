"""What is wrong with a value, in the words of a person."""

from typing import get_args

from contraflow.settings.values import ABSENT, Section

_SENTENCES = {
    "extra_forbidden": "is not a parameter",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be a section of settings",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must not be empty",
}


def _plain(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def sentence(error: dict, root: type[Section]) -> str:
    """One validation error of pydantic, found in a section of the kind `root`, in the words of a person."""
    key = ".".join(str(part) for part in error["loc"])
    if error["input"] is ABSENT:
        return f"{key} is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    context = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    says = _SENTENCES.get(error["type"], error["msg"]).format(**context)
    if error["type"] == "extra_forbidden":
        section = root
        for part in error["loc"][:-1]:
            in_list = isinstance(part, int)
            section = get_args(section)[0] if in_list else section.model_fields[part].annotation
        return f"{key} {says}; allowed are {', '.join(section.model_fields)}"
    return f"{key} {says}, got {error['input']!r}"
