"""The one exception that stands for a mistake the user can mend."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a file or option, told in one line: the file, the key, and what would be right.

    The command line prints it after ``error:`` and exits with status 1; no traceback is shown.
    """


def choices(wrong: str, allowed: Iterable[str]) -> str:
    """Say which name was probably meant and which are allowed, for the end of an error line."""
    names = sorted(allowed)
    near = difflib.get_close_matches(wrong, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}allowed: {', '.join(names) or 'none'}"
