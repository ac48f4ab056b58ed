"""Whether a script that goes on from a restart file is where it was, and does nothing once more."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mpi4py import MPI

from ..core import parallel
from ..core.console import console
from ..core.errors import InputError, MDError
from . import language, setup
from .script import silence
from .session import Session

_WALLS = ("colloid", "harmonic", "lj", "morse", "reflect", "srd", "table")
_IN_LATTICES = (
    *("append/atoms", "chunk/atom", "deform", "deposit", "indent", "move", "recenter"),
    *(f"wall/{kind}" for kind in _WALLS),
)
"""Styles of fixes and computes that measure in lattices unless they say 'units box'."""

_SEEING = ("ave/", "balance", "numdiff", "pair", "print", "property/atom", "reaxff/", "store/", "vector")
"""Styles of fixes that look and do not act, or only hold what others see."""

_SAME = 1e-9
"""Relative to the sum of the squares of velocities, what the order of a sum may change."""


@dataclass(frozen=True)
class Left:
    """Where a session was left: whether a script that goes on is where it was can be told from this.

    Attributes:
        step: the timestep.
        atoms: the number of atoms.
        motion: the sum of the squares of all velocities.
        lattice: the lattice's spacings along x, y and z, in which many commands measure; None if not known.
        fixes: styles of the script's fixes, by ID; None if not known.
        temperature: ID of the temperature that LAMMPS's pressure takes; None if not known.
    """

    step: int
    atoms: int
    motion: float
    lattice: Sequence[float] | None = None
    fixes: Mapping[str, str] | None = None
    temperature: str | None = None

    @classmethod
    def of(cls, session: Session) -> "Left":
        """As it is now, after a restart file is written, which takes atoms back into the box (collective)."""
        # the norm of all is not that of most: on each rank, then added up
        mine = float((session.atoms().v ** 2).sum())
        motion = session.comm.allreduce(mine)
        left = cls(session.step, session.natoms, motion, _lattice(session))
        if session.log is None:
            return left
        state = setup.read(session.comm, session, session.log)
        # ours are put in behind the script each time
        fixes = {name: style for name, style in state.fixes.items() if not name.startswith("mdbridge")}
        return replace(left, fixes=fixes, temperature=state.temperature)

    def require(self, session: Session, script: Path) -> None:
        """See that a script has gone on from here, and has done nothing once more (collective).

        Raises:
            InputError: it has made steps, atoms or velocities of its own, or has not set up again what acted.
        """
        now = Left.of(session)
        again = ""
        if now.step != self.step:
            again = f"it is at step {now.step}, the restart file at step {self.step}"
        elif now.atoms != self.atoms:
            again = f"it has {now.atoms:,} atoms, the restart file {self.atoms:,}"
        elif not np.isclose(now.motion, self.motion, rtol=_SAME, atol=0.0):
            again = "the velocities are not those of the restart file"
        if again:
            raise InputError(
                f"{script}: after 'read_restart' the script does again what is done once: {again}. Put the "
                "label to which it jumps behind all that makes or moves atoms (create_atoms, delete_atoms, "
                "velocity, minimize, run); only pair styles, the timestep, computes and fixes belong behind "
                "it. docs/fields.md, 'A script that goes on', shows it"
            )
        self._require_set_up(now, script)
        if self.lattice is not None and not np.allclose(_lattice(session), self.lattice, rtol=_SAME):
            self._require_no_lattice(session, script)

    def _require_set_up(self, now: "Left", script: Path) -> None:
        """Refuse a script whose fixes, of which LAMMPS sets none up by itself, are not there again."""
        for name, style in (self.fixes or {}).items():
            if now.fixes is not None and now.fixes.get(name) != style and not style.startswith(_SEEING):
                raise InputError(
                    f"{script}: 'fix {name} … {style}' acts at first, but not after 'read_restart', which "
                    "sets up no fix: put it behind the label, with all that is to act in each segment, or "
                    "'unfix' it before the label. docs/fields.md, 'A script that goes on', shows it"
                )
        if self.temperature is not None and now.temperature not in (None, self.temperature):
            raise InputError(
                f"{script}: LAMMPS's pressure takes the temperature {self.temperature!r} at first and "
                f"{now.temperature!r} after 'read_restart': put 'thermo_modify temp' behind the label, too"
            )

    def _require_no_lattice(self, session: Session, script: Path) -> None:
        """Refuse commands that measure in a lattice which is another one than at first."""
        session.lmp.flush_buffers()
        log = session.log
        line = ""
        if log is not None:
            line = measured_in_lattices(
                parallel.on_root(session.comm, lambda: setup.followed(log, session.folder))
            )
        if line:
            raise InputError(
                f"{script}: after 'read_restart' {line!r} measures in another lattice than at first, for "
                "'lattice' is among what is done once: put it behind the label, too, or say 'units box'"
            )


def measured_in_lattices(log: str) -> str:
    """The first command of a log that measures in lattices, as LAMMPS does unless it is told; or nothing."""
    for line in language.logical_lines(log):
        words = language.words(line)
        if ("units", "box") in itertools.pairwise(words):
            continue
        style = words[3] if words[:1] in (["fix"], ["compute"]) and words[3:] else ""
        lengths = not style.startswith("deform") or {"final", "delta", "vel", "wiggle"} & set(words)
        if (words[:1] == ["region"] and words[2:]) or (style.startswith(_IN_LATTICES) and lengths):
            return " ".join(words)
    return ""


def _lattice(session: Session) -> list[float]:
    return [float(session.lmp.extract_global(f"{axis}lattice")) for axis in "xyz"]


def require_going_on(
    comm: MPI.Comm, again: Callable[[], Session], left: Left, script: Path, frames: int
) -> None:
    """Begin as a second segment will, for a step: what would end it after hours is told now (collective).

    Args:
        comm: the ranks.
        again: starts the script with a restart file.
        left: where the session was left that wrote it.
        script: for messages.
        frames: of the first segment.

    Raises:
        InputError: LAMMPS refuses the script when it goes on, or it does again what is done once.
    """
    # said before: an error on one rank alone ends all of them with LAMMPS's own words and no others
    console(comm).print(f"seeing whether {script.name} goes on from a restart file", soft_wrap=True)
    try:
        with again() as session:
            silence(session)
            left.require(session, script)
            session.run(1, "post no")
    except MDError as error:
        raise InputError(
            f"{script} runs, but does not go on from a restart file, as it would have to after "
            f"checkpoint.every_frames = {frames} frames: {error}"
        ) from error
