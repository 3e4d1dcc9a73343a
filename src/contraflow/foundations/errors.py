"""Errors that a user can mend."""


class UserError(Exception):
    """A mistake in parameters, files or set-up: one sentence that names it and says what is allowed.

    The command line prints the sentence without a traceback and exits with 1.
    """
