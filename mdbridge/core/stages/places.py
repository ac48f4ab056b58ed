"""Where files are while they are made, where people will look for them, and which log tells of them."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from mpi4py import MPI

from ..console import logging_to
from ..errors import MdbridgeError
from ..workspace import Workspace

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


@contextlib.contextmanager
def named_as_they_will_be(staged: Path, final: Path) -> Iterator[None]:
    """Have errors name files by the place that people know, not that of their making."""
    try:
        yield
    except MdbridgeError as error:
        error.args = tuple(str(part).replace(str(staged), str(final)) for part in error.args)
        raise


def in_its_log(
    work: Callable[Concatenate[MPI.Comm, Workspace, _Given], _Made],
) -> Callable[Concatenate[MPI.Comm, Workspace, _Given], _Made]:
    """Have what work tells kept in the log of its own folder: a study has several at work at once."""

    @functools.wraps(work)
    def told(comm: MPI.Comm, workspace: Workspace, /, *given: _Given.args, **options: _Given.kwargs) -> _Made:
        with logging_to(workspace.root):
            return work(comm, workspace, *given, **options)

    return told
