"""The deformation of the material around nodes since the first frame, fitted to its atoms."""

import numpy as np
from numpy.typing import NDArray

from ...coarse import deformation
from .channels import PAIRS, Sample, seen
from .material import COORDINATES, Motion
from .wanted import Wanted

Array = NDArray[np.float64]


def take(wanted: Wanted, sample: Sample) -> Array:
    """Moments of the atoms around the nodes: of their coordinates, and of what they moved in the cell.

    Returns:
        ``(*shape, k)`` sums over this rank's atoms, for :func:`fields`.
    """
    motion = sample.motion
    lattice = wanted.grid.place(motion.box)
    # unwrapped, so that an atom that has left the box is beside where it came from
    now = motion.coordinates(sample.unwrapped)
    u = (now - sample.array(COORDINATES)) @ motion.reference.bare()[0]
    others = np.hstack([now[:, _free(wanted, motion)], u])
    lattice, atoms, f = seen(lattice, lattice.coordinates(sample.x), wanted.radius)
    return deformation.moments(lattice, f, others[atoms], wanted.radius, wanted.shape, wanted.decay)


def fields(wanted: Wanted, taken: Array, motion: Motion) -> dict[str, Array]:
    """The fields from the moments over all ranks."""
    directions = [*wanted.grid.directions, *_free(wanted, motion)]
    lattice = wanted.grid.place(motion.box)
    sides = lattice.edges.T @ lattice.projection if lattice.sides is None else lattice.sides
    # coordinates of the followed cell per coordinate of the grid
    turn = np.eye(len(directions))
    resolved = len(wanted.grid.cells)
    turn[:resolved, :resolved] = (sides @ np.linalg.inv(motion.box.bare()[0]))[:, wanted.grid.directions].T
    scale = np.linalg.inv(turn).astype(np.float64)
    slope, d2min = deformation.best_fit(taken, scale, lattice.edges / wanted.radius)
    gradient = deformation.deformation_gradient(
        slope, directions, motion.affine, motion.reference.bare()[0].T
    )
    strain = deformation.green_lagrange(gradient)
    return {
        "deformation_gradient": gradient.reshape(*gradient.shape[:-2], 9),
        "strain": np.stack([strain[..., i, j] for i, j in PAIRS], axis=-1),
        "D2min": d2min,
    }


def _free(wanted: Wanted, motion: Motion) -> list[int]:
    """Directions that are averaged over though the box does not say how the material stretches there."""
    return [axis for axis in motion.fit if axis not in wanted.grid.directions]
