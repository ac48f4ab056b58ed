"""The material: the cell it is followed in, and where each atom was when it was first seen.

LAMMPS carries the reference of every atom in arrays of its own, from rank to rank and into
restart files.  Two things are kept: where the atom was in the laboratory, and its coordinates in
the cell, which do not change while it moves with the box.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...fields.box import Box, unflipped
from .base import Atoms, Moment, Observer

if TYPE_CHECKING:
    from ..session import Session

Array = NDArray[np.float64]

Place = Callable[[Atoms], tuple[Array, Array]]
ORIGIN, COORDINATES = "d2_mdbridge_origin", "d2_mdbridge_coordinates"
"""Per-atom arrays: where the atom was at first, unwrapped; its coordinates in the cell then."""

_SAME = 1e-6
"""Of a step, the round-off of the time that it takes."""

_ROUND_OFF = 1e-9
"""Of a box, what is no change of it."""

_LOOK = 10
"""Steps between two looks at a box that may turn over."""


@dataclass(frozen=True)
class Motion:
    """A box, and what became of the reference box.

    Attributes:
        box: now, its edges followed through flips.
        reference: at first.
    """

    box: Box
    reference: Box

    @property
    def affine(self) -> Array:
        """``(3, 3)`` T = H H₀⁻¹: what the box alone makes of the material; 1 where it does not repeat."""
        return self.box.bare()[0].T @ np.linalg.inv(self.reference.bare()[0].T)

    @property
    def shift(self) -> Array:
        """``(3, 3)`` by how much more an atom's image beyond each edge has moved than the atom."""
        return self.box.bare()[0] - self.reference.bare()[0]

    def coordinates(self, x: Array) -> Array:
        """``(n, 3)`` coordinates in the followed cell, of unwrapped positions ``(n, 3)``."""
        edges, corner = self.box.bare()
        return (x - corner) @ np.linalg.inv(edges)

    def carried(self, coordinates: Array) -> Array:
        """``(n, 3)`` where the box alone has carried atoms of coordinates ``(n, 3)``."""
        edges, corner = self.box.bare()
        return coordinates @ edges + corner

    def at_first(self, coordinates: Array) -> Array:
        """``(n, 3)`` places of coordinates ``(n, 3)`` in the reference box."""
        edges, corner = self.reference.bare()
        return coordinates @ edges + corner

    @property
    def fit(self) -> list[int]:
        """Directions in which the box says nothing of the material, so that only atoms can."""
        return [axis for axis in range(3) if not self.box.periodic[axis]]


@dataclass(frozen=True)
class Flow:
    """How the box moves.

    Attributes:
        edges: ``(3, 3)`` rates of its edges, one a row: velocities of the images beyond each
            relative to their atoms', where atoms take over the box's velocity as they cross.
        corner: ``(3,)`` velocity of its corner.
    """

    edges: Array
    corner: Array

    def at(self, x: Array, box: Box) -> Array:
        """``(n, 3)`` velocities of places ``(n, 3)`` that keep their coordinates in ``box``."""
        return box.fractional(x) @ self.edges + self.corner


class BoxMotion(Observer):
    """Follows the box through flips; attach it to every step, before the observers that use it.

    Args:
        reference: the box of the reference state; that of the first look if absent.
        followed: ``(3, 3)`` edges of the box, followed, when a run that goes on was left.
        timed: whether anybody asks how fast the box moves.
        place: says edges ``(3, 3)`` and corner ``(3,)`` of the box of atoms; LAMMPS's own if absent.

    Attributes:
        motion: as of the last look.
        flow: of the last step that was looked at; None before it is known whether the box moves.
        first_flow: the first that was known, which is that of the step at which a run began.
    """

    moment: Moment = "forces"

    def __init__(
        self,
        reference: Box | None = None,
        followed: Array | None = None,
        timed: bool = False,
        place: Place | None = None,
    ):
        self._place = place or (lambda atoms: (atoms.box(), atoms.corner()))
        self._reference = reference
        self._followed = followed
        self.timed = timed
        self.motion: Motion | None = None
        self.flow: Flow | None = None
        self.first_flow: Flow | None = None
        self._begun = False  # whether a step has been seen, in which LAMMPS may not have moved the box yet
        # of the step before: time, edges, corner, and how long it took
        self._before: tuple[float, Array, Array, float] | None = None

    def local(self, atoms: Atoms) -> None:
        if self.timed:
            self._time(self.look(atoms).box, atoms)
        elif atoms.step % _LOOK == 0:
            self.look(atoms)

    def end(self, atoms: Atoms) -> Motion:
        """The motion at the end of a step, and the flow up to it."""
        motion = self.look(atoms)
        # no step has been begun since: the box has moved after it was seen in the middle of this one
        last = self._before is not None and abs(atoms.time - self._before[0]) < 0.5 * atoms.timestep
        # not so in a replay, where it was the frame's own already
        if last and self._before is not None and (motion.box.edges != self._before[1]).any():
            # how long the next step takes may be known already ('fix dt/reset')
            self._learn(motion.box, self._before[3])
        return motion

    def _time(self, box: Box, atoms: Atoms) -> None:
        """Learn how fast the box moves: right after the forces it is that of the step before, always."""
        if self._before is not None:
            spent = atoms.time - self._before[0]
            if spent < 0.5 * atoms.timestep:  # a run is set up at a step that was seen in the run before
                return
            # LAMMPS begins to move the box at the end of a run's first step: before, a box that has not moved
            # says nothing of how fast it will
            if self._begun or (box.edges != self._before[1]).any():
                # it has moved at the end of the step before; between frames of a replay all the time
                steady = abs(spent - atoms.timestep) < _SAME * atoms.timestep
                self._learn(box, self._before[3] if steady else spent)
            self._begun = True
        self._before = atoms.time, box.edges.copy(), box.corner.copy(), atoms.timestep

    def _learn(self, box: Box, spent: float) -> None:
        """The flow from the box that was seen before to this one."""
        assert self._before is not None
        self.flow = Flow((box.edges - self._before[1]) / spent, (box.corner - self._before[2]) / spent)
        self.first_flow = self.first_flow or self.flow

    def look(self, atoms: Atoms) -> Motion:
        """The motion of the box up to this moment."""
        edges, corner = self._place(atoms)
        if self._followed is None:
            self._followed = edges.copy()
        self._followed = unflipped(edges, self._followed)
        box = Box(self._followed, corner.copy(), atoms.periodic, atoms.dimension)
        if self._reference is None:
            self._reference = replace(box, edges=box.edges.copy())
        if box.periodic != self._reference.periodic:
            raise InputError("the boundaries were changed while the material was being followed")
        self.motion = Motion(box, self._reference)
        return self.motion


class Material(BoxMotion):
    """Follows the box, and gives atoms their reference when they are first seen; costs next to nothing.

    Args:
        reference, followed, timed, place: as of :class:`BoxMotion`; with a ``reference`` atoms carry theirs.
        displaced: directions beyond whose boundaries somebody asks for displacements of images.
        flows: whether atoms that cross a boundary of the moving box take over its velocity (``fix
            deform … remap v``, SLLOD), so that an image moves relative to its atom.
    """

    def __init__(
        self,
        reference: Box | None = None,
        followed: Array | None = None,
        flows: bool = False,
        timed: bool = False,
        place: Place | None = None,
        displaced: Sequence[int] = (),
    ):
        super().__init__(reference, followed, timed or flows, place)
        self.flows, self.displaced = flows, list(displaced)
        self._marked = reference is not None

    def prepare(self, session: "Session") -> None:
        """Define the arrays; after ``read_restart`` they have what the file holds of them."""
        if not session.defines(ORIGIN):
            session.commands(
                f"fix mdbridge_material all property/atom {ORIGIN} 3 {COORDINATES} 3 writedata no"
            )

    def born(self, atoms: Atoms, new: NDArray[np.intp]) -> None:
        # before the first look there is no reference: then all atoms get theirs
        if self._marked:
            self._require_resting(atoms)
            self._mark(atoms, new)

    def local(self, atoms: Atoms) -> None:
        super().local(atoms)
        # a new session, or a second reference in the same one: whatever the arrays hold is of another
        if not self._marked:
            self._mark(atoms, slice(None))
            self._marked = True

    def _require_resting(self, atoms: Atoms) -> None:
        """Refuse new atoms whose images would have moved by what the box did before they came.

        Raises:
            InputError: so they would.
        """
        motion = self.look(atoms)
        change = np.abs(motion.shift[self.displaced]).max(initial=0.0)
        if change > _ROUND_OFF * np.abs(motion.box.edges).max():
            raise InputError(
                f"at step {atoms.step} atoms appear in a box that has changed since the first frame, and "
                "'displacement' or 'affine_displacement' is among 'observe.fields': their images beyond its "
                "boundaries would have moved since then, not since they came. Leave those fields out, let "
                "the box rest, or take 'grid.axes' along which it does not repeat or does not change"
            )

    def _mark(self, atoms: Atoms, rows: NDArray[np.intp] | slice) -> None:
        x = atoms.unwrapped()[rows]
        atoms.array(ORIGIN)[rows] = x
        atoms.array(COORDINATES)[rows] = self.look(atoms).coordinates(x)
