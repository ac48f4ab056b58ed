"""Sums over atoms onto the nodes of a grid, Σ_i τ(|x_node − x_i|/R) v_i, in one to three directions.

Everything is a sum over atoms, so ranks add up what they have.  Positions come as grid
coordinates of a :class:`..fields.grid.Lattice`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from ..fields.grid import Lattice
from .kernels import DECAY, SHAPES
from .separable import add_blocks, separable
from .windows import bend, longest, padded, room, row_weights, rows

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_IMAGES = 50_000_000
"""Entries of the list of images that are still made; beyond, the window is absurdly large."""


def node_sums(
    lattice: Lattice,
    f: Array,
    values: Array,
    radius: float,
    shape: str,
    squares: Array | None = None,
    decay: float = DECAY,
) -> tuple[Array, Array]:
    """Σ_i τ v_i and Σ_i τ² q_i at every node, over all periodic images.

    Args:
        lattice: the nodes.
        f: ``(n, d)`` grid coordinates of the atoms, from :meth:`Lattice.coordinates`.
        values: ``(n, k)`` v.
        radius: R.
        shape: one of :data:`..kernels.SHAPES`.
        squares: ``(n, m)`` q; none if absent.
        decay: of the Gaussian.

    Returns:
        ``(*lattice.shape, k)`` and ``(*lattice.shape, m)``.
    """
    table = values if squares is None else np.hstack([values, squares])
    widths = values.shape[1], 0, table.shape[1] - values.shape[1]
    sums, _ = all_sums(lattice, f, table, widths, radius, shape, decay)
    plain, quadratic = np.split(sums, [widths[0]], axis=-1)
    return plain, quadratic


def all_sums(
    lattice: Lattice,
    f: Array,
    table: Array,
    widths: tuple[int, int, int],
    radius: float,
    shape: str,
    decay: float = DECAY,
    jumps: Array | None = None,
) -> tuple[Array, int]:
    """Sums with τ, with weights that add up to 1 over the nodes of the grid, and with τ², in one pass.

    Args:
        lattice, f, radius, shape, decay: as of :func:`node_sums`.
        table: ``(n, k + l + m)`` values for τ, for the weights of [You2022, eq. 6.1], and for τ², side
            by side.
        widths: k, l and m.
        jumps: ``(d, k)`` what the first k values of an image one period farther along each direction are
            beyond those of its atom, per unit of its first value (a mass); none if absent.

    Returns:
        ``(*lattice.shape, k + l + m)``, and the number of atoms that no node sees, whose part of the second
        kind of sums is lost.
    """
    cells, edges, wraps, places = padded(lattice, f)
    # one table, so that what a node has lies side by side
    sums = np.zeros((*cells[::-1], sum(widths)))
    nodes, missed = sums.reshape(-1, sum(widths)), 0
    values = np.ascontiguousarray(table, dtype=np.float64)
    beyond = np.zeros((3, widths[0]))
    if jumps is not None:
        beyond[: len(jumps)] = jumps
    if separable(edges, shape, decay):
        # an image with values of its own is for the rows, which tell it from its atom
        left, missed = add_blocks(
            nodes, places, values, widths[0], widths[1], edges, cells, wraps, radius, decay,
            bool(beyond.any()),
        )  # fmt: skip
        places, values = places[left], values[left]
    missed += _add(
        nodes, places, values, widths[0], widths[1], beyond, edges, cells, wraps, radius,
        SHAPES.index(shape), decay,
    )  # fmt: skip
    return sums.reshape(*lattice.shape, -1), int(missed)


def node_totals(lattice: Lattice, f: Array, radius: float, shape: str, decay: float = DECAY) -> Array:
    """``(n,)`` Σ_nodes τ for each atom, by which weights become those of [You2022, eq. 6.1].

    Where the grid is the box only the nodes that there are count, so that the sum of a
    normalised field over them is the sum over the atoms; a part of the laboratory is
    continued beyond its rim, so that atoms there are treated like the others.
    """
    cells, edges, _, places = padded(lattice, f)
    endless = np.ones(3, dtype=np.bool_)
    endless[: len(lattice.cells)] = lattice.wraps | (not lattice.fills)
    totals = np.zeros(len(f))
    _total(totals, places, edges, cells, endless, radius, SHAPES.index(shape), decay)
    return totals


def images(lattice: Lattice, f: Array, reach: Array) -> tuple[NDArray[np.int64], Array, NDArray[np.int64]]:
    """The atoms and their periodic images whose windows touch the grid.

    Args:
        lattice: whose ``periods`` are the translations.
        f: ``(n, d)`` grid coordinates of the atoms, not necessarily inside the grid.
        reach: ``(d,)`` how far a window reaches, from :meth:`Lattice.reach`.

    Returns:
        Numbers of the atoms ``(m,)``, grid coordinates of the images ``(m, d)``, and the numbers
        of periods by which they are shifted ``(m, d)``.
    """
    d = f.shape[1]
    places, periods, repeats, wide = (
        np.zeros((len(f), 3)),
        np.eye(3),
        np.zeros(3, dtype=np.bool_),
        np.full(3, np.inf),
    )
    places[:, :d], periods[:d, :d], repeats[:d], wide[:d] = f, lattice.periods, lattice.repeats, reach
    # first only counted: the lists are as long as they need be
    count = _list_images(places, periods, repeats, wide, np.empty(0, np.int64), np.empty((0, 3), np.int64))
    # before the lists are made: a window of many boxes would take all memory first
    if count > MOST_IMAGES:
        raise MemoryError(f"{count} periodic images of {len(f)} atoms")
    atoms, shifts = np.empty(count, np.int64), np.empty((count, 3), np.int64)
    _list_images(places, periods, repeats, wide, atoms, shifts)
    shifts = shifts[:, :d]
    return atoms, f[atoms] + shifts @ lattice.periods.T, shifts


@compiled(error_model="numpy")
def _add(
    sums: Array,
    f: Array,
    values: Array,
    plain: int,
    whole: int,
    jumps: Array,
    edges: Array,
    cells: Whole,
    wraps: NDArray[np.bool_],
    radius: float,
    shape: int,
    decay: float,
) -> int:
    """Add to the columns of ``sums``: the first ``plain`` with τ, then ``whole`` with ω, the rest with τ².

    Returns the number of atoms that no node sees.
    """
    width = values.shape[1]
    linear = plain + whole
    moving = bool((jumps != 0.0).any())
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    # all weights of an atom first: those that add up to 1 need their sum
    weights = np.empty(most * longest(edges, cells, radius))
    own, seen = np.empty(width), np.empty(width)
    step = edges[0, 0] / cells[0]
    bending = bend(shape, decay, radius, step)
    n0, n1, n2 = cells[0], cells[1], cells[2]
    missed = 0
    for atom in range(f.shape[0]):
        count = rows(spans, places, f[atom, 0], f[atom, 1], f[atom, 2], edges, cells, wraps, radius)
        entries, total = 0, 0.0
        for r in range(count):
            first, nodes = spans[r, 2], spans[r, 3] - spans[r, 2] + 1
            x, square = (first + 0.5) * step + places[r, 1], places[r, 0]
            total += row_weights(weights, entries, shape, decay, radius, x, step, square, nodes, bending)
            entries += nodes
        if total == 0.0:
            missed += 1
            continue
        for c in range(width):
            own[c] = seen[c] = values[atom, c] / total if plain <= c < linear else values[atom, c]
        entries = 0
        for r in range(count):
            # whole periods from the atom to the image that is in this row
            turn2, turn1, turn0 = spans[r, 0] // n2, spans[r, 1] // n1, spans[r, 2] // n0
            # one remainder a row, not one a node
            column = spans[r, 2] - turn0 * n0
            start = ((spans[r, 0] - turn2 * n2) * n1 + spans[r, 1] - turn1 * n1) * n0
            if moving:
                _shift(seen, own, jumps, turn0, turn1, turn2, plain)
            for _ in range(spans[r, 2], spans[r, 3] + 1):
                weight = weights[entries]
                entries += 1
                node = sums[start + column]
                for c in range(linear):
                    node[c] += weight * seen[c]
                for c in range(linear, width):
                    node[c] += weight * weight * seen[c]
                column += 1
                if column == n0:
                    column = 0
                    turn0 += 1
                    if moving:
                        _shift(seen, own, jumps, turn0, turn1, turn2, plain)
    return missed


@compiled(inline="always")
def _shift(seen: Array, own: Array, jumps: Array, turn0: int, turn1: int, turn2: int, count: int) -> None:
    """Values of the image that a node meets after so many turns around the box: it lies on the other side."""
    for c in range(count):
        jump = turn0 * jumps[0, c] + turn1 * jumps[1, c] + turn2 * jumps[2, c]
        seen[c] = own[c] - jump * own[0]


@compiled(error_model="numpy")
def _total(
    totals: Array,
    f: Array,
    edges: Array,
    cells: Whole,
    endless: NDArray[np.bool_],
    radius: float,
    shape: int,
    decay: float,
) -> None:
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    weights = np.empty(longest(edges, cells, radius))
    step = edges[0, 0] / cells[0]
    bending = bend(shape, decay, radius, step)
    for atom in range(f.shape[0]):
        count = rows(spans, places, f[atom, 0], f[atom, 1], f[atom, 2], edges, cells, endless, radius)
        for r in range(count):
            first, nodes = spans[r, 2], spans[r, 3] - spans[r, 2] + 1
            x, square = (first + 0.5) * step + places[r, 1], places[r, 0]
            totals[atom] += row_weights(weights, 0, shape, decay, radius, x, step, square, nodes, bending)


@compiled(inline="always")
def _shifts(place: float, reach: float, period: float, repeats: bool) -> tuple[int, int]:
    """First and last number of periods that bring a coordinate into [−reach, 1 + reach]."""
    if not repeats:
        # an empty range: the atom is out of reach, and has no image
        return (0, 0) if -reach <= place <= 1.0 + reach else (0, -1)
    return math.ceil((-reach - place) / period), math.floor((1.0 + reach - place) / period)


@compiled()
def _list_images(
    f: Array, periods: Array, repeats: NDArray[np.bool_], reach: Array, atoms: Whole, shifts: Whole
) -> int:
    """Fill the lists as far as they go; returns the number of images."""
    count = 0
    for atom in range(f.shape[0]):
        low2, high2 = _shifts(f[atom, 2], reach[2], periods[2, 2], repeats[2])
        for k in range(low2, high2 + 1):
            low1, high1 = _shifts(f[atom, 1] + k * periods[1, 2], reach[1], periods[1, 1], repeats[1])
            for j in range(low1, high1 + 1):
                place0 = f[atom, 0] + j * periods[0, 1] + k * periods[0, 2]
                low0, high0 = _shifts(place0, reach[0], periods[0, 0], repeats[0])
                for i in range(low0, high0 + 1):
                    # the first call has no lists
                    if count < atoms.shape[0]:
                        atoms[count] = atom
                        shifts[count, 0], shifts[count, 1], shifts[count, 2] = i, j, k
                    count += 1
    return count
