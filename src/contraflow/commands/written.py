"""A file of parameters as text: their values, each with its comment."""

from collections.abc import Iterator

import yaml

from contraflow.settings.values import Section

HEADER = """\
# Every parameter of a run. `contraflow check` (and every run) refuses unknown keys and impossible values.
# Change one for one run with `dvc exp run -S loss.tau=0.1`; lists are written one item a line, as DVC rewrites them.
"""


def as_yaml(params: Section) -> str:
    """The text of `params.yaml` with these values, in the order and with the comments of the sections.

    A comment is the text in a field's annotation; one of a dictionary may be followed by those of its entries, by name.
    What may be null in a file, and was not set, is null.
    """
    return HEADER + "".join("\n" + "".join(f"{line}\n" for line in lines) for lines in _fields(params))


def comments(section: Section, prefix: str = "") -> Iterator[tuple[str, object, str]]:
    """Dotted name, value and comment of every parameter, as a file says them; values of dictionaries stay whole."""
    content = _content(section)
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from comments(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", content[name], _comment(type(section), name) or ""


def _content(section: Section) -> dict[str, object]:
    """The values; null for what may be null in a file, and was not set."""
    left = {name for name, _ in type(section).suited()} - section.model_fields_set
    return section.model_dump() | dict.fromkeys(left)


def _comment(section: type[Section], name: str) -> str | None:
    field, suited = section.model_fields[name], dict(section.suited())
    comment = next((entry for entry in field.metadata if isinstance(entry, str)), None)
    return f"{comment}; null: {_values(field.default, suited[name].values)}" if name in suited else comment


def _fields(section: Section) -> Iterator[list[str]]:
    """The lines of each field."""
    content = _content(section)
    for name, field in type(section).model_fields.items():
        comment = _comment(type(section), name)
        of_entries = next((entry for entry in field.metadata if isinstance(entry, dict)), None)
        if isinstance(getattr(section, name), Section):
            inner = _fields(getattr(section, name))
        elif of_entries and content[name]:
            inner = (_entry(key, entry, of_entries.get(key)) for key, entry in content[name].items())
        else:
            yield _entry(name, content[name], comment)
            continue
        yield [_commented(f"{name}:", comment), *(f"  {line}" for lines in inner for line in lines)]


def _entry(name: str, value: object, comment: str | None) -> list[str]:
    text = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True, width=float("inf"))
    first, *rest = text.splitlines()
    return [_commented(first, comment), *rest]


def _values(otherwise: object, suited: dict[str, object]) -> str:
    """What null stands for: the default, all where that is none, then what suits some names better."""
    suit: dict[str, list[str]] = {}
    for name, value in suited.items():
        suit.setdefault(str(value), []).append(name)
    return ", ".join(
        [
            "all" if otherwise is None else str(otherwise),
            *(f"for {' and '.join(names)} {value}" for value, names in suit.items()),
        ]
    )


def _commented(line: str, comment: str | None) -> str:
    return f"{line} # {comment}" if comment else line
