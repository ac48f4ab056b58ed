"""Displacements of the atoms that were around a node at first, [You2022, eq. 2.3]."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...coarse import sums
from .channels import Sample
from .material import COORDINATES, ORIGIN
from .smoothing import SMOOTHED, Smoothing
from .wanted import Wanted

Array = NDArray[np.float64]
Quotient = tuple[Array, Array]


def take(wanted: Wanted, sample: Sample, smoothing: Smoothing | None) -> Array:
    """Mass, and mass times displacement and its affine part, summed by where atoms were.

    Args:
        wanted: nodes and kernel.
        sample: this rank's atoms.
        smoothing: whose filtered displacements are taken, if any.

    Returns:
        ``(*shape, 7)`` sums over this rank's atoms.
    """
    motion = sample.motion
    # the weights are those of the reference, for ever: the field belongs to the material
    lattice = wanted.grid.place(motion.reference)
    coordinates, origin = sample.array(COORDINATES), sample.array(ORIGIN)
    f = lattice.coordinates(motion.at_first(coordinates))
    atoms, f, shifts = sums.images(lattice, f, lattice.reach(wanted.radius))
    directions = wanted.grid.directions
    # the image of an atom has moved with its own part of the box
    beyond = shifts @ motion.shift[directions]
    affine = (motion.carried(coordinates) - origin)[atoms] + beyond
    if smoothing is None:
        u = (sample.unwrapped - origin)[atoms] + beyond
    else:
        u = sample.array(SMOOTHED)[atoms] + shifts @ smoothing.shift[directions]
    mass = sample.mass[atoms, None]
    # images are listed one by one, so that none may be met again around the corner
    as_listed = replace(lattice, repeats=np.zeros_like(lattice.repeats))
    values = np.hstack([mass, mass * u, mass * affine])
    return sums.node_sums(as_listed, f, values, wanted.radius, wanted.shape, decay=wanted.decay)[0]


def quotients(taken: Array) -> dict[str, Quotient]:
    """Numerators and denominators of the fields, from the sums over all ranks."""
    mass, u, affine = np.split(taken, [1, 4], axis=-1)
    return {"displacement": (u, mass), "affine_displacement": (affine, mass)}
