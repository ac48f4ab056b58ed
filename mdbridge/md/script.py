"""A user's own LAMMPS input script, run as it is; what LAMMPS rejects is shown with its line.

How it goes on from a restart file is in :mod:`.goingon`, what there is to tell of it in :mod:`.scriptnotes`.
"""

from collections.abc import Mapping
from pathlib import Path

from mpi4py import MPI

from ..core import parallel
from ..core.errors import InputError
from . import language
from .language import files
from .session import Session, find_potentials

__all__ = [
    "RESTART",
    "RESUMED",
    "files",
    "goes_on",
    "remaps",
    "require_dumps_kept",
    "runs",
    "silence",
    "start",
]

RESTART = "restart"
"""LAMMPS variable with the restart file from which a script is to go on; ``none`` at first."""

RESUMED = "resumed"
"""LAMMPS variable that is 1 if there is one, else 0: LAMMPS's ``if`` cannot compare a path."""


def goes_on(text: str) -> bool:
    """Whether a script can go on from a restart file: whether it uses the variable :data:`RESTART`."""
    return "${" + RESTART + "}" in text or f"v_{RESTART}" in text


def runs(text: str) -> bool:
    """Whether a script has runs or minimisations of its own, which may take hours before anything is seen."""
    return any(language.words(line)[:1] in (["run"], ["minimize"]) for line in language.logical_lines(text))


def remaps(script: Path, variables: Mapping[str, str | float]) -> bool:
    """Whether a script, or a file that it reads, says what a moving box does to its atoms ('remap')."""
    return any(b"remap" in path.read_bytes() for path in files(script, variables).values())


def start(
    comm: MPI.Comm, script: Path, log: Path, variables: Mapping[str, str | float], restart: Path | None
) -> Session:
    """A session in which ``script`` has been run.

    Args:
        comm: the ranks that run it.
        script: LAMMPS commands; all of LAMMPS's language, ``jump`` and ``include`` too.
        log: LAMMPS's log; it echoes every command.
        variables: become LAMMPS variables of style index.
        restart: value of the variable :data:`RESTART`; ``none`` if absent.

    Raises:
        MDError: LAMMPS rejected a command; the message has its own words and the line.
    """
    find_potentials()
    session = Session(comm, log)
    try:
        for name, value in {**variables, RESUMED: int(restart is not None)}.items():
            session.variable(name, value)
        # last, and as one word: a path with blanks must not become several
        session.variable(RESTART, str(restart.resolve()) if restart else "none", as_word=True)
        session.file(script)
        # a script that ends before it makes atoms would be observed for nothing
        if session.natoms == 0:
            raise InputError(f"{script}: makes no atoms")
    except BaseException:
        session.close()
        raise
    return session


def silence(session: Session) -> None:
    """Have what follows write none of the dumps and restart files that a script has asked for (collective).

    They are of its own run: a replay, or steps that are only timed, would write over those of it.
    """
    for name in session.lmp.available_ids("dump"):
        session.quietly(f"undump {name}")
    session.quietly("restart 0")


def require_dumps_kept(comm: MPI.Comm, script: Path, variables: Mapping[str, str | float]) -> None:
    """Refuse to try a script whose own steps would dump over what is there (collective).

    Raises:
        InputError: so they would.
    """
    over = parallel.on_root(comm, lambda: sorted(language.dumped(script, variables)))
    if over:
        raise InputError(
            f"--dry-run runs {script.name} up to its end, whose own steps would dump over {over[0].name}, "
            "which is there. Move it away first, or define the dump after the last 'run'"
        )
