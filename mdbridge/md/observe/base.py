"""What an observer is, and what it sees: the atoms of one rank at one moment of one step.

A trigger (:mod:`.schedule`) says when an observer acts, the observer says what is
taken.  There are two moments of a step at which it may act.

``"end"``
    The end of the step, when LAMMPS writes its own dumps: everything equals what a
    ``dump custom`` of that step holds, whatever the integrator, the fixes and their order.
    Velocities are those of the step; outputs of fixes and computes are current.

``"forces"``
    Right after the forces, before the last half of the step: cheap enough for every step.
    Positions, forces and arrays are there.  Velocities are those of half a step *before*
    the positions, outputs of fixes are those of the step before, and whatever computes
    give then LAMMPS would keep for its own output; none of these is handed out.
    ``fix deform`` and the like move box and atoms only after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..session import Session

Array = NDArray[np.float64]
Moment = Literal["end", "forces"]


class Atoms(Protocol):
    """This rank's atoms at one moment of one step; ``n`` of them, in no order.

    Quantities are in the units of the script.  Arrays may be views into LAMMPS's
    memory, valid during the call only: copy what is kept, and write to none.

    Attributes:
        step: the timestep.
        count: n, which may be 0.
        image_bits: bits per direction of a packed image flag (``array("image")``).
    """

    step: int
    count: int
    image_bits: int

    @property
    def ids(self) -> NDArray[np.integer[Any]]:
        """``(n,)`` atom IDs, unique over all ranks, not necessarily 1 … N."""

    @property
    def types(self) -> NDArray[np.integer[Any]]:
        """``(n,)`` atom types, from 1."""

    @property
    def x(self) -> Array:
        """``(n, 3)`` positions as LAMMPS keeps them: in the box, or not far from it between rebuilds."""

    @property
    def images(self) -> NDArray[np.int64]:
        """``(n, 3)`` how often each atom has crossed the periodic boundaries."""

    def unwrapped(self) -> Array:
        """``(n, 3)`` positions carried over the periodic boundaries, x + images · box."""

    @property
    def v(self) -> Array:
        """``(n, 3)`` velocities in the laboratory, those of LAMMPS's dump; at the end of a step only."""

    @property
    def f(self) -> Array:
        """``(n, 3)`` forces."""

    def masses(self) -> Array:
        """``(n,)`` masses: those of the atoms where LAMMPS has such, else those of the types."""

    def group(self, name: str) -> NDArray[np.bool_]:
        """``(n,)`` whether each atom belongs to a group of LAMMPS."""

    def array(self, name: str) -> NDArray[Any]:
        """``(n,)`` or ``(n, k)`` per-atom array of LAMMPS by its name (``q``, ``d_name``, ``d2_name``)."""

    def arrays(self, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
        """Several of :meth:`array`; at every step that is cheaper than one after the other."""

    def values(self, source: str) -> Array:
        """``(n,)`` what ``source`` says of each atom (collective).

        ``source`` is written as in LAMMPS: ``c_ID``, ``c_ID[2]``, ``f_ID``, ``v_name``, ``d_name``,
        ``d2_name[1]``, or an attribute such as ``vx`` or ``q``.
        """

    def table(self, names: Sequence[str]) -> Array:
        """``(n, k)`` :meth:`values` of ``k`` sources side by side (collective)."""

    def tables(self, names: Sequence[str]) -> tuple[Sequence[Array], Mapping[str, tuple[int, int]]]:
        """Tables ``(n, m)`` that have these sources, ``mass`` or ``type`` among their columns (collective).

        Returns:
            The tables, few of them, and of each name its table and column; what else is in them is no matter.
        """

    def thermo(self, name: str) -> float:
        """A quantity of the whole system, by LAMMPS's name (collective).

        ``name`` is a keyword of ``thermo_style`` (``temp``, ``pxx``, ``vol``, …), or ``c_ID``,
        ``c_ID[2]``, ``f_ID``, ``v_name`` of something global.  Energies are those of the system,
        whatever ``thermo_modify norm`` says.
        """

    def box(self) -> Array:
        """``(3, 3)`` edge vectors of the box of this very moment, one a row."""

    def corner(self) -> Array:
        """``(3,)`` the corner of the box from which its edges go."""

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Whether the box repeats along each of its edges."""

    @property
    def dimension(self) -> int:
        """2 or 3."""

    @property
    def degrees_of_freedom(self) -> int:
        """Translations that an atom is free to make: the dimension."""

    @property
    def units(self) -> str:
        """LAMMPS's style of units."""

    @property
    def timestep(self) -> float:
        """Duration of a timestep."""

    @property
    def time(self) -> float:
        """Simulated time, which counts steps of changing duration rightly."""


@dataclass(frozen=True)
class Filtering:
    """A step of the time filter, [You2022, eq. 2.10], on per-atom arrays of LAMMPS.

    Attributes:
        smoothed: name of the array of the state.
        reference: of unwrapped reference positions, with as many columns.
        weight: ι of the equation.
    """

    smoothed: str
    reference: str
    weight: float


class Observer:
    """Something that looks at the atoms while the simulation runs; does nothing by itself.

    Observers do not know each other.  On each of its steps :meth:`local` is called on every
    rank, then :meth:`collective`.  What either raises stops the run on all ranks and is raised
    again by whatever command started it.

    Attributes:
        moment: when in a step it acts.
        needs: per-atom sources that it reads (as in :meth:`Atoms.values`, or ``"v"``, ``"f"``,
            ``"d2_name"``); what of it the simulation does not define is refused when it is attached.
        groups: LAMMPS's groups that it asks for.
        thermo: quantities of the whole system that it reads (as in :meth:`Atoms.thermo`).
        references: per-atom arrays (2 or 3 columns) of unwrapped reference positions, of which atoms
            that appear during a run get theirs where they are first seen.
        states: per-atom arrays that are zero of an atom that appears during a run.
        reads: what it reads of that which is always there, where that is not all: of ``id``, ``type``, ``x``,
            ``y``, ``z``, ``ix``, ``iy``, ``iz``, ``mass``; what nobody reads need not be written down.
            Places carried over the boundaries, ``xu``, ``yu``, ``zu``, are there for those who name them.
        reads_atoms: whether it looks at atoms at all, not at the box and ``thermo`` alone.
        tallies: acts right after the forces and reads energies or stresses then; to be avoided.
        once: of a step that is set up again (``run 0`` after atoms were moved) only the first
            look counts.
    """

    moment: Moment = "end"
    needs: Sequence[str] = ()
    groups: Sequence[str] = ()
    thermo: Sequence[str] = ()
    references: Sequence[str] = ()
    states: Sequence[str] = ()
    reads: Sequence[str] | None = None
    reads_atoms: bool = True
    tallies: bool = False
    once: bool = False

    def prepare(self, session: "Session") -> None:
        """Called once when attached, before anything is checked; may give LAMMPS commands (collective)."""

    def born(self, atoms: Atoms, new: NDArray[np.intp]) -> None:
        """Rows ``new`` of ``atoms`` have not been seen before; right after the forces, before any look.

        What arrays hold of them is arbitrary: LAMMPS leaves there what another atom had.
        """

    def local(self, atoms: Atoms) -> None:
        """Look at this rank's atoms.  May raise anything; must not communicate."""

    def collective(self, comm: MPI.Comm) -> None:
        """Combine over the ranks, after ``local`` has succeeded on all of them.

        Raises an MdbridgeError, if one, on any rank, when its communication is over.
        """

    def filtering(self) -> "Filtering | None":
        """What :meth:`local` does from the next step on, if that is a step of the time filter and no more."""
        return None

    def finish(self) -> None:
        """Called once when detached, or when the session is closed (collective)."""

    @property
    def combines(self) -> bool:
        """Whether it has a collective phase, at which ranks meet."""
        # by the class: asked at every step, and a rank that answered otherwise would leave the others waiting
        return type(self).collective is not Observer.collective

    @property
    def welcomes(self) -> bool:
        """Whether it wants to know of new atoms."""
        return type(self).born is not Observer.born


_ATTRIBUTES = (
    "moment", "needs", "groups", "thermo", "references", "states", "reads", "reads_atoms", "tallies", "once"
)  # fmt: skip
_METHODS = ("prepare", "born", "local", "collective", "filtering", "finish")


class Adapted(Observer):
    """A plain object with what it has of an observer, made one; it acts after the forces."""

    moment: Moment = "forces"

    def __init__(self, plain: Any):
        self.plain = plain
        # only what it has: for the rest the methods of Observer, which do nothing
        for name in (*_ATTRIBUTES, *_METHODS):
            if hasattr(plain, name):
                setattr(self, name, getattr(plain, name))

    @property
    def combines(self) -> bool:
        return hasattr(self.plain, "collective")

    @property
    def welcomes(self) -> bool:
        return hasattr(self.plain, "born")


def adapted(observer: Any) -> Observer:
    """``observer`` itself, or the observer that a plain object stands for."""
    return observer if isinstance(observer, Observer) else Adapted(observer)
