"""The working directory of LAMMPS, which knows no other way to find the files of a script."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Folder:
    """A folder in which LAMMPS works while the rest of the process stays where it is.

    Attributes:
        path: the folder; none for the process's own.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._home: int | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Work in the folder during the block."""
        if self.path is None or self._home is not None:
            yield
            return
        # a handle, not a path: the folder may be renamed, or be out of reach by its name
        self._home = os.open(".", os.O_RDONLY)
        try:
            os.chdir(self.path)
            yield
        finally:
            os.fchdir(self._home)
            os.close(self._home)
            self._home = None

    @contextmanager
    def left(self) -> Iterator[None]:
        """Be back where the process was during the block, for what it does while LAMMPS works."""
        if self._home is None or self.path is None:
            yield
            return
        os.fchdir(self._home)
        try:
            yield
        finally:
            os.chdir(self.path)
