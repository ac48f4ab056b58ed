"""Displacements of the atoms that were around a node at first, [You2022, eq. 2.3]."""

import numpy as np
from numpy.typing import NDArray

from ...coarse import sums
from ...coarse.terms import Sum, Term, linear
from ..recorded import UNWRAPPED
from .channels import Sample
from .material import COORDINATES, ORIGIN
from .smoothing import SMOOTHED
from .wanted import CARRIED, Wanted

Array = NDArray[np.float64]
Quotient = tuple[Array, Array]

_ORIGIN, _COORDINATES = ([f"{name}[{k}]" for k in (1, 2, 3)] for name in (ORIGIN, COORDINATES))


def take(wanted: Wanted, sample: Sample, filtered: Array | None) -> Array:
    """Mass, and mass times each of the fields that are wanted, summed by where atoms were.

    Args:
        wanted: nodes and kernel.
        sample: this rank's atoms.
        filtered: ``(3, 3)`` the shift of images, filtered, where filtered displacements are taken.

    Returns:
        ``(*shape, 1 + 3 k)`` sums over this rank's atoms, of k fields.
    """
    motion = sample.motion
    # the weights are those of the reference, for ever: the field belongs to the material
    lattice = wanted.grid.place(motion.reference)
    edges, corner = motion.reference.bare()
    moved = _moved(sample, filtered is not None)
    # the image of an atom has moved with its own part of the box
    shifts = {"displacement": motion.shift if filtered is None else filtered}
    shifts |= {"affine_displacement": motion.shift}
    fields = [name for name in CARRIED if name in wanted.fields]
    numbers = [[Term(("mass",))], *(number for name in fields for number in moved[name])]
    f, values = sample.placed(lattice, _COORDINATES, edges, corner, numbers)
    directions = wanted.grid.directions
    jumps = np.hstack([np.zeros((len(directions), 1)), *(shifts[name][directions] for name in fields)])
    if not lattice.fills:
        atoms, f, periods = sums.images(lattice, f[:, : len(directions)], lattice.reach(wanted.radius))
        values = values[atoms]
        values += values[:, :1] * (periods @ jumps)
    w, beyond = wanted, jumps if lattice.fills else None
    return sums.all_sums(lattice, f, values, (len(numbers), 0, 0), w.radius, w.shape, w.decay, beyond)[0]


def _moved(sample: Sample, filtered: bool) -> dict[str, list[Sum]]:
    """Mass times what an atom has moved, and times what the box alone has moved it."""
    edges, corner = sample.motion.box.bare()
    moved: list[Sum] = []
    affine: list[Sum] = []
    for k, place in enumerate(UNWRAPPED):
        origin = Term(("mass", _ORIGIN[k]), -1.0)
        moved.append(
            [Term(("mass", f"{SMOOTHED}[{k + 1}]"))] if filtered else [Term(("mass", place)), origin]
        )
        affine.append([*linear(_COORDINATES, edges[:, k], corner[k], "mass"), origin])
    return {"displacement": moved, "affine_displacement": affine}


def quotients(wanted: Wanted, taken: Array) -> dict[str, Quotient]:
    """Numerators and denominators of the fields, from the sums over all ranks."""
    fields = [name for name in CARRIED if name in wanted.fields]
    mass, *sums = np.split(taken, range(1, taken.shape[-1], 3), axis=-1)
    return {name: (part, mass) for name, part in zip(fields, sums, strict=True)}
