"""LAMMPS's command ``quit`` ends the whole process, without a word and with exit code 0: here it is said.

LAMMPS cannot be kept from it, but it finalises MPI on its way out, and MPI tells that.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from mpi4py import MPI

_running: list[str] = []  # what LAMMPS has been told and has not come back from
_watched: list[int] = []  # the attribute of MPI that does it


@contextmanager
def told(what: str, aloud: bool) -> Iterator[None]:
    """If LAMMPS ends the process inside the block, say that ``what`` made it; the exit code is 1.

    Args:
        what: the command or script.
        aloud: say it on this rank.
    """
    if not _watched:
        _watched.append(MPI.Comm.Create_keyval(delete_fn=_finalising))
        MPI.COMM_SELF.Set_attr(_watched[0], True)  # taken off first thing in MPI_Finalize
    _running.append(what if aloud else "")
    try:
        yield
    finally:
        _running.pop()


def _finalising(*_: object) -> None:
    if _running:
        _end(_running[-1])


def _end(what: str) -> NoReturn:
    sys.stdout.flush()
    if what:
        sys.stderr.write(
            f"mdbridge: error: {what}: LAMMPS's 'quit' has ended the process; leave it out, "
            "what follows could not be done\n"
        )
        sys.stderr.flush()
    os._exit(1)  # MPI is half closed: nothing that Python does at its end would find it
