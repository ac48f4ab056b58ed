"""The box of a simulation at one moment, and the same box followed through flips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """A box as LAMMPS has it; lengths in the units of the simulation.

    Attributes:
        edges: ``(3, 3)`` edge vectors, one a row; below the diagonal the tilts xy, xz, yz.
        corner: ``(3,)`` the corner from which the edges go.
        periodic: whether the box repeats along each edge.
        dimension: 3, or 2, where the third edge is only LAMMPS's convention.
    """

    edges: Array
    corner: Array
    periodic: tuple[bool, bool, bool] = (True, True, True)
    dimension: int = 3

    @property
    def volume(self) -> float:
        """Volume, or the area where ``dimension`` is 2, as LAMMPS's pressures and densities have it."""
        # the edges are triangular, so the determinant is the product of their diagonal
        return float(np.prod(np.diag(self.edges)[: self.dimension]))

    def fractional(self, x: Array) -> Array:
        """``(n, 3)`` coordinates in units of the edges, of positions ``(n, 3)``."""
        return (x - self.corner) @ np.linalg.inv(self.edges)

    def positions(self, s: Array) -> Array:
        """``(n, 3)`` positions of fractional coordinates ``(n, 3)``."""
        return s @ self.edges + self.corner

    def bare(self) -> tuple[Array, Array]:
        """Edges and corner of the frame in which the material is followed.

        Along a direction that does not repeat the box says nothing of the material: a box that
        is wrapped around the atoms follows the farthest of them.  There the frame has edges of
        length one from 0 on, so that coordinates are plain positions.
        """
        edges, corner = self.edges.copy(), self.corner.copy()
        for axis in range(3):
            if not self.periodic[axis]:
                edges[axis] = np.eye(3)[axis]
                corner[axis] = 0.0
        return edges, corner


def unflipped(edges: Array, before: Array) -> Array:
    """Edges of the same lattice as ``edges`` that go on from ``before`` without a jump.

    LAMMPS replaces a box that leans too far by an upright one with the same lattice of
    images.  Adding whole edges undoes that, if the box has leant by less than half an
    edge since ``before``.

    Args:
        edges: ``(3, 3)`` the present edge vectors, one a row.
        before: ``(3, 3)`` those of a moment ago, already followed.
    """
    followed = edges.copy()
    # xy first: yz adds whole second edges, which must have been followed by then, and xz what is left
    followed[1] += _whole(before[1, 0] - edges[1, 0], edges[0, 0]) * edges[0]
    followed[2] += _whole(before[2, 1] - edges[2, 1], edges[1, 1]) * followed[1]
    followed[2] += _whole(before[2, 0] - followed[2, 0], edges[0, 0]) * edges[0]
    return followed


def _whole(lean: float, edge: float) -> float:
    return float(np.rint(lean / edge))
