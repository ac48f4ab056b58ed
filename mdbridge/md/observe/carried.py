"""Displacements of the atoms that were around a node at first, [You2022, eq. 2.3]."""

import numpy as np
from numpy.typing import NDArray

from ...coarse import sums
from ...coarse.terms import Sum, Term, linear
from .channels import Sample
from .material import COORDINATES, ORIGIN
from .smoothing import SMOOTHED, Smoothing
from .wanted import Wanted

Array = NDArray[np.float64]
Quotient = tuple[Array, Array]

_ORIGIN, _COORDINATES = ([f"{name}[{k}]" for k in (1, 2, 3)] for name in (ORIGIN, COORDINATES))


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
    edges, corner = motion.reference.bare()
    f, values = sample.placed(lattice, _COORDINATES, edges, corner, _moved(sample, smoothing))
    directions = wanted.grid.directions
    # the image of an atom has moved with its own part of the box
    shift = motion.shift if smoothing is None else smoothing.shift
    jumps = np.hstack([np.zeros((len(directions), 1)), shift[directions], motion.shift[directions]])
    if not lattice.fills:
        atoms, f, shifts = sums.images(lattice, f[:, : len(directions)], lattice.reach(wanted.radius))
        values = values[atoms]
        values += values[:, :1] * (shifts @ jumps)
    w, beyond = wanted, jumps if lattice.fills else None
    return sums.all_sums(lattice, f, values, (7, 0, 0), w.radius, w.shape, w.decay, beyond)[0]


def _moved(sample: Sample, smoothing: Smoothing | None) -> list[Sum]:
    """Mass, and mass times what an atom has moved, and times what the box alone has moved it."""
    # image flags count edges of the box as LAMMPS has it, coordinates those of the followed one
    images, (edges, corner) = sample.edges, sample.motion.box.bare()
    moved, affine = [], []
    for k, axis in enumerate("xyz"):
        origin = Term(("mass", _ORIGIN[k]), -1.0)
        if smoothing is None:
            crossed = linear(("ix", "iy", "iz"), images[:, k], 0.0, "mass")
            moved.append([Term(("mass", axis)), *crossed, origin])
        else:
            moved.append([Term(("mass", f"{SMOOTHED}[{k + 1}]"))])
        affine.append([*linear(_COORDINATES, edges[:, k], corner[k], "mass"), origin])
    return [[Term(("mass",))], *moved, *affine]


def quotients(taken: Array) -> dict[str, Quotient]:
    """Numerators and denominators of the fields, from the sums over all ranks."""
    mass, u, affine = np.split(taken, [1, 4], axis=-1)
    return {"displacement": (u, mass), "affine_displacement": (affine, mass)}
