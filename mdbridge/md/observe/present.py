"""Sums over the atoms where they are now, of all that the fields take of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...coarse import kernels, sums
from ...coarse.terms import Sum
from ...core.errors import InputError
from ...fields.grid import Lattice
from .channels import Constants, Sample, channels
from .material import Motion
from .quantities import Sums
from .wanted import Wanted

Array = NDArray[np.float64]


class Present:
    """The fields of atoms where they are.

    Args:
        wanted: which fields, on which nodes.
        constants: of the simulation.

    Attributes:
        quantities: the fields.
        sources: what of LAMMPS they read.
    """

    def __init__(self, wanted: Wanted, constants: Constants):
        self.wanted, self._constants = wanted, constants
        self.quantities = wanted.quantities(constants.types)
        self._known = channels(constants, wanted.extra)
        # every channel once, though several fields may take it
        # a dictionary keeps the order, which must be the same on all ranks
        self._plain = list(dict.fromkeys(c for q in self.quantities for c in q.plain))
        self._whole = list(dict.fromkeys(c for q in self.quantities for c in q.whole))
        self._squares = list(dict.fromkeys(c for q in self.quantities for c in q.squares))
        used = (*self._plain, *self._whole, *self._squares)
        self.sources = {source for c in used for source in self._known[c].sources}

    def take(self, sample: Sample, moving: bool) -> Array:
        """This rank's sums: Σ τ v of plain channels, of whole ones per volume, and Σ τ² v, side by side.

        Args:
            sample: this rank's atoms.
            moving: whether images move relative to their atoms.

        Raises:
            InputError: an atom lies where no node sees it.
        """
        w = self.wanted
        lattice = w.grid.place(sample.motion.box)
        kinds = (self._plain, self._whole, self._squares)
        plain, whole, squares = (int(self._widths(names).sum()) for names in kinds)
        # images that are like their atoms need no list: indices wrap around
        if lattice.fills and (w.peculiar or not moving) and "flow" not in self._plain:
            f, table = self._taken(sample, lattice, [name for names in kinds for name in names])
            widths = plain, whole, squares
            taken, missed = sums.all_sums(lattice, f, table, widths, w.radius, w.shape, w.decay)
            if self._whole:
                require_none(missed, w.radius)
            # in place: the sums are as large as the grid
            taken[..., plain : plain + whole] /= lattice.cell_volume
            return taken
        f = lattice.coordinates(sample.x)
        share = np.ones((len(f), 1))
        # the sum of an atom's weights is over all nodes, those of its images too: before they are listed
        if self._whole:
            totals = sums.node_totals(lattice, f, w.radius, w.shape, w.decay)
            require_seen(totals, w.radius)
            share = (totals * lattice.cell_volume)[:, None]
        atoms, f, shifts = sums.images(lattice, f, lattice.reach(w.radius))
        edges = np.zeros((len(atoms), 3))
        edges[:, w.grid.directions] = shifts
        # listed one by one, so that none may be met again around the corner
        lattice = replace(lattice, repeats=np.zeros_like(lattice.repeats))
        seen, share = sample.images(atoms, edges, moving), share[atoms]
        parts = self._columns(seen, self._plain), self._columns(seen, self._whole) / share
        table = np.hstack([*parts, self._columns(seen, self._squares)])
        return sums.all_sums(lattice, f, table, (plain + whole, 0, squares), w.radius, w.shape, w.decay)[0]

    def _taken(self, sample: Sample, lattice: Lattice, names: Sequence[str]) -> tuple[Array, Array]:
        """Grid coordinates, and the channels side by side; in one pass over the atoms if that can be done."""
        numbers: list[Sum] = []
        for name in names:
            made = self._known[name].sums
            if made is None or not sample.as_recorded:
                return lattice.coordinates(sample.x), self._columns(sample, names)
            numbers += made
        return sample.placed(lattice, ("x", "y", "z"), np.eye(3), np.zeros(3), numbers)

    def _columns(self, sample: Sample, names: Sequence[str]) -> Array:
        """The channels side by side; written in place, as copies of all atoms cost more than the sums."""
        widths = self._widths(names)
        table = np.empty((sample.count, widths.sum()))
        for name, end, width in zip(names, np.cumsum(widths), widths, strict=True):
            table[:, end - width : end] = self._known[name].take(sample)
        return table

    def sums(self, taken: Array, motion: Motion, bonds: Array | None) -> Sums:
        """The sums over all ranks, by channel."""
        w = self.wanted
        depth = w.grid.place(motion.box).depth
        # a channel may be summed with either weight, so names alone do not tell them apart
        ends = np.cumsum([self._widths(names).sum() for names in (self._plain, self._whole)])
        plain, whole, squares = np.split(taken, ends, axis=-1)
        return Sums(
            self._named(plain, self._plain),
            self._named(squares, self._squares),
            self._named(whole, self._whole),
            kernels.integral(w.shape, len(w.grid.cells), w.radius, w.decay) * depth,
            self._constants,
            bonds,
        )

    def _widths(self, names: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self._known[c].width for c in names], dtype=np.int64)

    def _named(self, values: Array, names: Sequence[str]) -> Mapping[str, Array]:
        parts = np.split(values, np.cumsum(self._widths(names))[:-1], axis=-1) if names else []
        return dict(zip(names, parts, strict=True))


def require_seen(totals: Array, radius: float, unit: str = "") -> None:
    """Raise InputError if an atom's weights over the nodes are all 0."""
    require_none(int((totals == 0.0).sum()), radius, unit)


def require_none(missed: int, radius: float, unit: str = "") -> None:
    """Raise InputError if any atom was seen by no node."""
    if missed:
        length = f"{radius:g} {unit}".strip()
        raise InputError(
            f"kernel.radius = {length} is so small that {missed} atoms lie between the nodes, and their part "
            "of the stress would be lost; raise it to the distance of two nodes, or take more cells"
        )
