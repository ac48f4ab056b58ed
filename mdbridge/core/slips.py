"""Names that a person may have meant: for messages about names that are not there."""

import difflib
from collections.abc import Iterable


def near(name: str, allowed: Iterable[str]) -> str:
    """What a message adds where ``name`` may be a slip of an allowed name; empty where none is like it."""
    # a single suggestion: a list of guesses would hide what is allowed, which messages tell beside it
    alike = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {alike[0]!r}?" if alike else ""
