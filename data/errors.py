"""The error that a user can mend, and the near miss that helps to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """A mistake in the input or the configuration.

    Its text is one line that names the place, what was found and what was expected; the command
    line prints it without a traceback and exits with 2.
    """


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Returns the near miss as the end of an error text, or nothing where none is near.

    >>> did_you_mean("learning_rte", ["learning_rate", "epochs"])
    " Did you mean 'learning_rate'?"
    >>> did_you_mean("xyz", ["learning_rate"])
    ''
    """
    near = difflib.get_close_matches(word, list(options), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
