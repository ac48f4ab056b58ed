"""A LAMMPS instance: made here, or made by someone else; and what it says of itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ..core.errors import InputError
from .engine import lammps

_NOT_GIVEN = {
    "compute pair/local": "Hardy's stress needs the forces of single pairs, which this pair style does not "
    "give; take the stress of the virial",
    "compute centroid/stress/atom": "a heat flux needs the stresses of the atoms by their centroids, which "
    "this pair style does not give; leave it out",
}
"""What needs computes that not every pair style knows."""


def started(comm: MPI.Comm, log: Path | None, cmdargs: Sequence[str]) -> Any:
    """A new LAMMPS instance.

    Raises:
        InputError: a switch is not for a session, or LAMMPS does not start with what is given.
    """
    for switch in ("-in", "-i", "-partition", "-p"):
        if switch in cmdargs:
            raise InputError(
                f"'{switch}' cannot be given to a session: give the script to Session.file, one for all ranks"
            )
    # -nocite: no file of citations in whatever folder this runs; -screen none: rank 0 alone speaks, here
    arguments = ["-log", str(log) if log else "none", "-screen", "none", "-nocite", *map(str, cmdargs)]
    try:
        return lammps.lammps(cmdargs=arguments, comm=comm)
    except RuntimeError as error:  # LAMMPS has written why to stderr, and tells Python no more than that
        given = " ".join(map(str, cmdargs)) or "none"
        raise InputError(
            f"LAMMPS does not start ({error}); its own words stand above.  Log: {log or 'none'}; further "
            f"switches: {given}"
        ) from error


def taken(comm: MPI.Comm, lmp: Any) -> Any:
    """The instance inside of whatever somebody hands over."""
    # ASE and pylammpsmpi hand over objects that have the instance inside
    while not isinstance(lmp, lammps.lammps):
        inner = getattr(lmp, "lmp", None)
        if inner is None:
            raise InputError(
                f"{type(lmp).__name__} is no LAMMPS instance: give a lammps.lammps, or what has one as 'lmp'"
            )
        lmp = inner
    theirs = lmp.get_mpi_comm()
    # agreements between other ranks than LAMMPS's would wait for ever
    if theirs is not None and MPI.Comm.Compare(theirs, comm) not in (MPI.IDENT, MPI.CONGRUENT):
        raise InputError("the communicator has other ranks than those that run the LAMMPS instance")
    return lmp


def explained(text: str, step: int, outputs: Sequence[str]) -> str | None:
    """What LAMMPS's message about something of ours means; None of what speaks for itself.

    Args:
        text: the message.
        step: the present one.
        outputs: those of fixes that are read, ``f_ID``.
    """
    if "mdbridge_" in text and "Non-numeric" in text:
        return (
            f"an energy, a temperature or a pressure is not a finite number at step {step} or before: the "
            "simulation is unstable; shorten the time step, or check for overlapping atoms"
        )
    # LAMMPS does not say which fix it is
    if "Dump custom and fix not computed at compatible times" in text and outputs:
        which = f"{outputs[0]} is" if len(outputs) == 1 else f"one of {', '.join(outputs)} is"
        return (
            f"{which} not current on each step on which it is read: its fix gives it every so many steps (of "
            "'fix ave/atom' the last of three numbers); take frames on multiples of these, or have the fix "
            f"give it as often as frames are taken [{tidy(text)}]"
        )
    # or for what it was asked
    for compute, needed in _NOT_GIVEN.items():
        if f"does not support {compute}" in text:
            return f"{needed} [{tidy(text)}]"
    return None


def tidy(text: str) -> str:
    """LAMMPS's message on one line, without its source position and pointers to the manual."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("For more information", "http", "^"))]
    return " ".join(kept).split(" (src/")[0]


def last_logged(lmp: Any, log: Path | None) -> str:
    """The command that was echoed last; on the rank that writes the log."""
    lmp.flush_buffers()
    if log is None or not log.exists():
        return "a command"
    before, _, _ = log.read_text(errors="replace").partition("\nERROR")
    echoed = [line.strip() for line in before.splitlines() if line.strip()]
    return echoed[-1] if echoed else "its first command"
