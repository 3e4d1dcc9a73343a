"""Errors that a user can mend."""

from collections.abc import Iterable

_TOLD = 3  # names in a sentence


class UserError(Exception):
    """A mistake in parameters, files or set-up: one sentence that names it and says what is allowed.

    The command line prints the sentence without a traceback and exits with 1.
    """


def few(names: Iterable[str]) -> str:
    """Names in a sentence: the first ones, and how many more there are."""
    names = list(names)
    return ", ".join(names[:_TOLD]) + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
