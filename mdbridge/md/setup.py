"""What a script has set up that LAMMPS does not tell: read from the commands that its log echoes."""

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

from mpi4py import MPI

from ..core import parallel, scratch
from ..core.errors import InputError
from . import language
from .session import Session
from .sources import EXTENSIVE, KINETIC

_MOVING = ("deform", "press/")
_DIRECTIONS = frozenset({"x", "y", "z", "xy", "xz", "yz"})
_STEADY = frozenset({"final", "delta", "scale", "vel", "erate"})
"""What makes fix deform move a box at a rate that LAMMPS knows when it sets up a run."""
_UNKEPT = {"pour": "what it has inserted", "controller": "the errors that it has added up"}
"""Fixes whose state LAMMPS does not write into restart files, and what it is."""
_FIX = re.compile(r"^Fix\[ *\d+\]: *(\S+), *style = (\S+),", re.MULTILINE)
"""What 'info fixes' says of each."""


# what of thermo_style has LAMMPS take a temperature, an energy, a pressure; else their keywords are refused
_TEMPERATURE = frozenset({"temp", "ke", "etotal", "enthalpy", "econserve"})
_ENERGY = frozenset(EXTENSIVE - {"ke", "ecouple"})
_TENSOR = ("pxx", "pyy", "pzz", "pxy", "pxz", "pyz")
_PRESSURE = frozenset({"press", "enthalpy", *_TENSOR})


@dataclass
class Setup:
    """The state of a simulation at the end of a script.

    Attributes:
        temperature: ID of the temperature that LAMMPS's pressure takes.
        loses: whether the script lets atoms go.
        fixes, computes: their styles, by ID.
        carried: IDs of the fixes that move the box and give atoms its velocity as they cross a boundary
            ('remap v').
        unsteady: of these, what has the box move at a rate that changes, by ID of the fix.
        jerky: after how many steps each of the fixes moves the box that do not move it at every step.
        thermo: the keywords of a thermo_style custom; None where LAMMPS's own styles are taken.
    """

    temperature: str = "thermo_temp"
    loses: bool = False
    fixes: dict[str, str] = field(default_factory=dict)
    computes: dict[str, str] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)
    unsteady: dict[str, str] = field(default_factory=dict)
    jerky: dict[str, str] = field(default_factory=dict)
    thermo: frozenset[str] | None = None

    @property
    def flows(self) -> bool:
        """Whether the images of atoms move relative to them."""
        return bool(self.carried)

    @property
    def biased(self) -> bool:
        """Whether LAMMPS takes the flow of the box off the velocities: only of a box that it moves itself."""
        return self.computes.get(self.temperature) == "temp/deform"

    @property
    def stand_ins(self) -> dict[str, str]:
        """What gives the values of the keywords that the script's own thermo_style does not have.

        A kinetic energy is then that of all motion, also where the temperature is not.
        """
        if self.thermo is None:
            return {}
        given = {}
        if not self.thermo & _TEMPERATURE:
            given["temp"] = f"c_{self.temperature}"
        # both or none: energies of the same motion and the same atoms
        if given or not self.thermo & _ENERGY:
            given |= {"pe": "c_thermo_pe", "ke": KINETIC}
        if not self.thermo & _PRESSURE:
            given |= {name: f"c_thermo_press[{number}]" for number, name in enumerate(_TENSOR, 1)}
        return given

    def forget(self, fix: str) -> None:
        """A fix is no longer there."""
        self.fixes.pop(fix, None)
        self.carried.discard(fix)
        self.unsteady.pop(fix, None)
        self.jerky.pop(fix, None)

    def require_flow(self, script: Path, asked: bool) -> None:
        """Refuse a box that moves by jerks where somebody asks how fast it moves.

        Args:
            script: for messages.
            asked: whether the flow is a field; it is also needed where atoms take it over.

        Raises:
            InputError: so it is.
        """
        for name, steps in self.jerky.items():
            if asked or name in self.carried:
                raise InputError(
                    f"{script}: fix {name} moves the box every {steps} steps ('deform {steps}'), all at "
                    "once, while atoms that cross its boundary ('remap v') get the velocity of a steady "
                    "motion: how fast it moves at a step ('box_velocity') is not known. Let it move at every "
                    "step ('deform 1')"
                )

    def require_one_piece(self, script: Path, frames: int) -> None:
        """Refuse to cut a run whose segments would not make what it makes in one piece.

        Args:
            script: for messages.
            frames: of a segment, for messages.

        Raises:
            InputError: LAMMPS does not know the velocity of the box when it sets up a run, or a fix goes on
                from what is in no restart file.
        """
        for name, style in self.fixes.items():
            if style in _UNKEPT:
                raise InputError(
                    f"{script}: fix {name} ({style}) goes on from {_UNKEPT[style]}, which LAMMPS keeps in no "
                    f"restart file, and 'checkpoint.every_frames' = {frames} cuts the run: each segment "
                    "would begin it anew. Set checkpoint.every_frames to the number of all frames, or end it "
                    "before the label (unfix)"
                )
        for name, style in self.unsteady.items():
            raise InputError(
                f"{script}: fix {name} moves the box by {style!r} with 'remap v', and "
                f"'checkpoint.every_frames' = {frames} cuts the run: atoms that LAMMPS takes back into it "
                "as a run begins get its velocity only if that does not change (erate, vel, final, delta, "
                "scale): each cut would kick some. Set checkpoint.every_frames to the number of all frames"
            )

    def moving(self) -> list[str]:
        """IDs of the fixes that change the box, or need one that does: they must not act on a trajectory."""
        return [name for name, style in self.fixes.items() if style.startswith(_MOVING) or "sllod" in style]


def read(comm: MPI.Comm, session: Session, log: Path) -> Setup:
    """What the log of a session says (collective).

    Raises:
        InputError: the log does not tell all, or the script moves the box at a rate that is not known.
    """
    # LAMMPS keeps the last lines of its log to itself
    session.lmp.flush_buffers()
    setup = of(parallel.on_root(comm, lambda: followed(log, session.folder)))
    there = set(session.lmp.available_ids("fix"))
    for name in set(setup.fixes) - there:
        setup.forget(name)
    session.stand_ins = setup.stand_ins
    # LAMMPS has some of its own, of dynamic groups and the like; but one that acts must be known
    if there - set(setup.fixes):
        _require_told(comm, session, setup)
    return setup


def followed(log: Path, folder: Path) -> str:
    """The text of a log, and of those to which a script has switched, one after the other.

    Args:
        log: the first.
        folder: to which the script's names are relative.

    Raises:
        InputError: the script's commands cannot be read from them.
    """
    text = log.read_text(errors="replace") if log.exists() else ""
    last = language.words(next(reversed([*language.logical_lines(text)]), ""))
    # nothing comes behind this command: what follows it is in the other file
    if last[:1] != ["log"] or len(last) < 2:
        return text
    path = folder / last[1]
    if last[1:] == ["none"] or "append" in last[2:] or not path.is_file():
        raise InputError(
            f"the script says '{' '.join(last)}': what it sets up is read from its log, which must be a file "
            "of its own, relative to the script's folder; leave that out"
        )
    return f"{text}\n{followed(path, folder)}"


def _require_told(comm: MPI.Comm, session: Session, setup: Setup) -> None:
    """Refuse a fix that acts on the box or the timestep, and of which the log does not tell (collective)."""
    with scratch.shared(comm) as place:
        session.quietly(f"info fixes out overwrite {session.word(place / 'fixes.txt')}")
        said = parallel.on_root(comm, lambda: (place / "fixes.txt").read_text())
    for name, style in _FIX.findall(said):
        acts = style.startswith(_MOVING) or "sllod" in style or style == "dt/reset"
        if acts and name not in setup.fixes:
            raise InputError(
                f"the script's log does not tell of fix {name} ({style}), which LAMMPS has, so that it is "
                "not known how the box moves; does the script write the same log twice ('log')?"
            )


def of(log: str) -> Setup:
    """The state after the commands of a log.  LAMMPS echoes each, and again with its variables' values.

    Raises:
        InputError: as of :func:`read`.
    """
    setup = Setup()
    for line in language.logical_lines(log):
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
            custom = arguments[:1] == ["custom"]
            setup.thermo = frozenset(arguments[1:]) if custom else None
        elif name == "thermo_modify":
            _thermo(setup, arguments)
        elif name == "compute" and arguments[2:]:
            setup.computes[arguments[0]] = arguments[2]
        elif name == "fix" and arguments[2:]:
            _fix(setup, *arguments)
        elif name == "unfix" and arguments:
            setup.forget(arguments[0])
    if setup.flows and "dt/reset" in setup.fixes.values():
        raise InputError(
            "fix deform with 'remap v' and fix dt/reset: LAMMPS goes on to move the box by the timestep with "
            "which a run began, and gives atoms that cross its boundary the velocity of the nominal rate, so "
            "that it is not known how images move; leave one of them out"
        )
    return setup


def _fix(setup: Setup, name: str, _group: str, style: str, *arguments: str) -> None:
    # a fix of the same name replaces the one before
    setup.forget(name)
    setup.fixes[name] = style
    pairs = list(itertools.pairwise(arguments))
    # the line comes again with the value of its variable
    if style.startswith("deform") and arguments and arguments[0] != "1" and "$" not in arguments[0]:
        setup.jerky[name] = arguments[0]
    if style.startswith("deform") and ("remap", "v") in pairs:
        setup.carried.add(name)
        for direction, how in pairs:
            if direction in _DIRECTIONS and how not in _STEADY:
                setup.unsteady[name] = f"{direction} {how}"


def _thermo(setup: Setup, arguments: list[str]) -> None:
    for key, value in itertools.pairwise(arguments):
        # the line comes again with the value of its variable
        if key == "temp" and "$" not in value:
            setup.temperature = value
        elif key == "lost":
            setup.loses = value in ("ignore", "warn")
