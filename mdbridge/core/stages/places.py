"""Where files are while they are made, and where people will look for them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import MdbridgeError


@contextlib.contextmanager
def named_as_they_will_be(staged: Path, final: Path) -> Iterator[None]:
    """Have errors name files by the place that people know, not that of their making."""
    try:
        yield
    except MdbridgeError as error:
        error.args = tuple(str(part).replace(str(staged), str(final)) for part in error.args)
        raise
