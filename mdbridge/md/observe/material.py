"""The material: the cell it is followed in, and where each atom was when it was first seen.

LAMMPS carries the reference of every atom in arrays of its own, from rank to rank and into
restart files.  Two things are kept: where the atom was in the laboratory, and its coordinates in
the cell, which do not change while it moves with the box.
"""

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

KNOWN, ORIGIN, COORDINATES = "d_mdbridge_seen", "d2_mdbridge_origin", "d2_mdbridge_coordinates"
"""Per-atom arrays: whether the atom has a reference; its unwrapped position then; its coordinates then."""

_LOOK = 10
"""Steps between two looks at a box that may turn over, and at atoms that may have come."""


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


class Material(Observer):
    """Follows the box through flips, and gives atoms their reference when they are first seen.

    Attach it to every step, before the observers that use it; it costs next to nothing.

    Args:
        reference: of a run that goes on; the box at the first look if absent.
        followed: ``(3, 3)`` edges of the box, followed, when that run was left.
        flows: whether atoms that cross a boundary of the moving box take over its velocity (``fix
            deform … remap v``, SLLOD), so that an image moves relative to its atom.

    Attributes:
        motion: as of the last look.
        rate: ``(3, 3)`` velocities of the images beyond each edge, one a row, where ``flows``; None before
            the box has been seen to move.
    """

    moment: Moment = "forces"

    def __init__(self, reference: Box | None = None, followed: Array | None = None, flows: bool = False):
        self._reference = reference
        self._followed = followed
        self._count = -1
        self.flows = flows
        self.motion: Motion | None = None
        self.rate: Array | None = None
        self._before: tuple[float, Array] | None = None  # time and edges of the look before

    def prepare(self, session: "Session") -> None:
        """Define the arrays; after ``read_restart`` they have what the file holds of them."""
        if not session.defines(KNOWN):
            session.commands(
                f"fix mdbridge_material all property/atom {KNOWN} {ORIGIN} 3 {COORDINATES} 3 writedata no"
            )

    def local(self, atoms: Atoms) -> None:
        # an atom that comes changes the number of some rank; the rest is met at the next look
        if atoms.step % _LOOK and atoms.count == self._count and not self.flows:
            return
        self._count = atoms.count
        motion = self.look(atoms)
        if self.flows:
            self._time(atoms.time, motion.box.edges)
        known = atoms.array(KNOWN)
        # LAMMPS fills the arrays of an atom that comes with zeros
        new = known == 0.0
        if not new.any():
            return
        x = atoms.unwrapped()[new]
        atoms.array(ORIGIN)[new] = x
        atoms.array(COORDINATES)[new] = motion.coordinates(x)
        known[new] = 1.0

    def _time(self, time: float, edges: Array) -> None:
        """Learn how fast the box moves: whoever looks right after the forces sees it a step late, always."""
        if self._before is not None and time > self._before[0]:
            moved = edges - self._before[1]
            # LAMMPS begins to move the box at the end of a run's first step
            # a box that has not moved yet says nothing of how fast it will
            if self.rate is not None or moved.any():
                self.rate = moved / (time - self._before[0])
        self._before = time, edges.copy()

    def look(self, atoms: Atoms) -> Motion:
        """The motion of the box up to this moment."""
        edges = atoms.box()
        if self._followed is None:
            self._followed = edges.copy()
        self._followed = unflipped(edges, self._followed)
        box = Box(self._followed, atoms.corner().copy(), atoms.periodic, atoms.dimension)
        if self._reference is None:
            self._reference = replace(box, edges=box.edges.copy())
        if box.periodic != self._reference.periodic:
            raise InputError("the boundaries were changed while the material was being followed")
        self.motion = Motion(box, self._reference)
        return self.motion
