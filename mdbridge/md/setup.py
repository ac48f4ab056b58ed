"""What a script has set up that LAMMPS does not tell: read from the commands that its log echoes."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from mpi4py import MPI

from ..core import parallel
from ..core.errors import InputError
from . import language
from .session import Session

_MOVING = ("deform", "press/")


@dataclass
class Setup:
    """The state of a simulation at the end of a script.

    Attributes:
        temperature: ID of the temperature that LAMMPS's pressure takes.
        loses: whether the script lets atoms go.
        fixes, computes: their styles, by ID.
        carried: IDs of the fixes that move the box and give atoms its velocity as they cross a boundary
            ('remap v').
    """

    temperature: str = "thermo_temp"
    loses: bool = False
    fixes: dict[str, str] = field(default_factory=dict)
    computes: dict[str, str] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)

    @property
    def flows(self) -> bool:
        """Whether the images of atoms move relative to them."""
        return bool(self.carried)

    @property
    def biased(self) -> bool:
        """Whether LAMMPS takes the flow of the box off the velocities: only of a box that it moves itself."""
        return self.computes.get(self.temperature) == "temp/deform"

    def moving(self) -> list[str]:
        """IDs of the fixes that change the box, or need one that does: they must not act on a trajectory."""
        return [name for name, style in self.fixes.items() if style.startswith(_MOVING) or "sllod" in style]


def read(comm: MPI.Comm, session: Session, log: Path) -> Setup:
    """What the log of a session says (collective).

    Raises:
        InputError: the script has switched its echo off, or moves the box at a rate that is not known.
    """
    # LAMMPS keeps the last lines of its log to itself
    session.lmp.flush_buffers()
    text = parallel.on_root(comm, lambda: log.read_text(errors="replace") if log.exists() else "")
    return of(text)


def of(log: str) -> Setup:
    """The state after the commands of a log.  LAMMPS echoes each, and again with its variables' values.

    Raises:
        InputError: as of :func:`read`.
    """
    setup = Setup()
    for line in log.splitlines():
        words = language.words(line)
        if not words:
            continue
        name, *arguments = words
        # nothing survives it
        if name == "clear":
            setup = Setup()
        elif name == "echo" and arguments[:1] in (["none"], ["screen"]):
            raise InputError(
                f"the script says 'echo {arguments[0]}': what it sets up is read from its log; leave that out"
            )
        # which makes LAMMPS forget what thermo_modify had chosen
        elif name == "thermo_style":
            setup.temperature = "thermo_temp"
        elif name == "thermo_modify":
            _thermo(setup, arguments)
        elif name == "compute" and arguments[2:]:
            setup.computes[arguments[0]] = arguments[2]
        elif name == "fix" and arguments[2:]:
            _fix(setup, *arguments)
        elif name == "unfix" and arguments:
            setup.fixes.pop(arguments[0], None)
            setup.carried.discard(arguments[0])
    if setup.flows and "dt/reset" in setup.fixes.values():
        raise InputError(
            "fix deform with 'remap v' and fix dt/reset: LAMMPS goes on to move the box by the timestep with "
            "which a run began, and gives atoms that cross its boundary the velocity of the nominal rate, so "
            "that it is not known how images move; leave one of them out"
        )
    return setup


def _fix(setup: Setup, name: str, _group: str, style: str, *arguments: str) -> None:
    # a fix of the same name replaces the one before
    setup.fixes[name] = style
    setup.carried.discard(name)
    if style.startswith("deform") and ("remap", "v") in itertools.pairwise(arguments):
        setup.carried.add(name)


def _thermo(setup: Setup, arguments: list[str]) -> None:
    for key, value in itertools.pairwise(arguments):
        # the line comes again with the value of its variable
        if key == "temp" and "$" not in value:
            setup.temperature = value
        elif key == "lost":
            setup.loses = value in ("ignore", "warn")
