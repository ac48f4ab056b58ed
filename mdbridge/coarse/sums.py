"""Sums over atoms onto the nodes of a grid, Σ_i τ(|x_node − x_i|/R) v_i, in one to three directions.

Everything is a sum over atoms, so ranks add up what they have.  Positions come as grid
coordinates of a :class:`..fields.grid.Lattice`; missing directions are padded to three, so
that one compiled loop serves grids of any number of directions: they have one node, no
extent and no distance.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..fields.grid import Lattice
from .kernels import SHAPES, smoothing

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_IMAGES = 50_000_000
"""Entries of the list of images that are still made; beyond, the window is absurdly large."""


def node_sums(
    lattice: Lattice, f: Array, values: Array, radius: float, shape: str, squares: Array | None = None
) -> tuple[Array, Array]:
    """Σ_i τ v_i and Σ_i τ² q_i at every node, over all periodic images.

    Args:
        lattice: the nodes.
        f: ``(n, d)`` grid coordinates of the atoms, from :meth:`Lattice.coordinates`.
        values: ``(n, k)`` v.
        radius: R.
        shape: one of :data:`..kernels.SHAPES`.
        squares: ``(n, m)`` q; none if absent.

    Returns:
        ``(*lattice.shape, k)`` and ``(*lattice.shape, m)``.
    """
    q = np.empty((len(f), 0)) if squares is None else squares
    cells, edges, wraps, places = padded(lattice, f)
    sums = np.zeros((*cells[::-1], values.shape[1]))
    second = np.zeros((*cells[::-1], q.shape[1]))
    _add(
        sums,
        second,
        places,
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(q, dtype=np.float64),
        edges,
        cells,
        wraps,
        radius,
        SHAPES.index(shape),
    )
    return sums.reshape(*lattice.shape, -1), second.reshape(*lattice.shape, q.shape[1])


def node_totals(lattice: Lattice, f: Array, radius: float, shape: str) -> Array:
    """``(n,)`` Σ_nodes τ for each atom, by which weights become those of [You2022, eq. 6.1].

    Where the grid is the box only the nodes that there are count, so that the sum of a
    normalised field over them is the sum over the atoms; a part of the laboratory is
    continued beyond its rim, so that atoms there are treated like the others.
    """
    cells, edges, _, places = padded(lattice, f)
    endless = np.ones(3, dtype=np.bool_)
    endless[: len(lattice.cells)] = lattice.wraps | (not lattice.fills)
    totals = np.zeros(len(f))
    _total(totals, places, edges, cells, endless, radius, SHAPES.index(shape))
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


def padded(lattice: Lattice, f: Array) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_], Array]:
    """Cells, edges, wraps and coordinates of a lattice as one of three directions."""
    d = len(lattice.cells)
    cells, edges, wraps = np.ones(3, dtype=np.int64), np.zeros((3, 3)), np.zeros(3, dtype=np.bool_)
    cells[:d], edges[:d, :d], wraps[:d] = lattice.cells, lattice.edges, lattice.wraps
    places = np.full((len(f), 3), 0.5)  # on the only node
    places[:, :d] = f
    return cells, edges, wraps, places


@njit(cache=True, inline="always")
def span(middle: float, half: float, edge: float, count: int, endless: bool) -> tuple[int, int]:
    """First and last node along a direction within ``half`` (a length) of the coordinate ``middle``."""
    if edge == 0.0:
        return 0, 0
    first = math.ceil((middle - half / edge) * count - 0.5)
    last = math.floor((middle + half / edge) * count - 0.5)
    if not endless:
        first, last = max(first, 0), min(last, count - 1)
    return first, last


@njit(cache=True, inline="always")
def lean(across: float, edge: float) -> float:
    """The coordinate along an edge of a length ``across``; 0 along a direction that is not there."""
    return across / edge if edge != 0.0 else 0.0


@njit(cache=True)
def rows(
    spans: Whole,
    places: Array,
    f: Array,
    edges: Array,
    cells: Whole,
    endless: NDArray[np.bool_],
    radius: float,
) -> int:
    """The rows of nodes along the first direction that a ball about ``f`` cuts; returns their number.

    Args:
        spans: filled with (k, j, first, last) for each row: its place, and its nodes, unwrapped.
        places: filled with what is needed for distances: the square of the distance across the
            row, and the coordinate along it at which the atom is (a length, less the edge times i).
    """
    count = 0
    square = radius * radius
    low2, high2 = span(f[2], radius, edges[2, 2], cells[2], endless[2])
    for k in range(low2, high2 + 1):
        s2 = (k + 0.5) / cells[2] - f[2]
        z = edges[2, 2] * s2
        # what is left of R² for the other two directions: rows outside the ball are never looked at
        left2 = square - z * z
        if left2 < 0.0:
            continue
        middle1 = f[1] - lean(edges[1, 2] * s2, edges[1, 1])
        low1, high1 = span(middle1, math.sqrt(left2), edges[1, 1], cells[1], endless[1])
        for j in range(low1, high1 + 1):
            s1 = (j + 0.5) / cells[1] - f[1]
            y = edges[1, 1] * s1 + edges[1, 2] * s2
            left1 = left2 - y * y
            if left1 < 0.0:
                continue
            across = edges[0, 1] * s1 + edges[0, 2] * s2
            middle0 = f[0] - lean(across, edges[0, 0])
            first, last = span(middle0, math.sqrt(left1), edges[0, 0], cells[0], endless[0])
            if last < first:
                continue
            spans[count, 0], spans[count, 1], spans[count, 2], spans[count, 3] = k, j, first, last
            places[count, 0] = y * y + z * z
            places[count, 1] = across - edges[0, 0] * f[0]
            count += 1
    return count


@njit(cache=True)
def room(edges: Array, cells: Whole, radius: float) -> int:
    """The largest number of rows that :func:`rows` may find."""
    most = 1
    for axis in range(1, 3):
        if edges[axis, axis] > 0.0:
            most *= int(2.0 * radius / edges[axis, axis] * cells[axis]) + 2
    return most


@njit(cache=True)
def _add(
    sums: Array,
    second: Array,
    f: Array,
    values: Array,
    squares: Array,
    edges: Array,
    cells: Whole,
    wraps: NDArray[np.bool_],
    radius: float,
    shape: int,
) -> None:
    width, more = values.shape[1], squares.shape[1]
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    step = edges[0, 0] / cells[0]
    for atom in range(f.shape[0]):
        value, quadratic = values[atom], squares[atom]
        for r in range(rows(spans, places, f[atom], edges, cells, wraps, radius)):
            k, j, first, last = spans[r]
            row, row2 = sums[k % cells[2], j % cells[1]], second[k % cells[2], j % cells[1]]
            column = first % cells[0]
            for i in range(first, last + 1):
                x = (i + 0.5) * step + places[r, 1]
                weight = smoothing(shape, math.sqrt(x * x + places[r, 0]) / radius)
                node = row[column]
                for c in range(width):
                    node[c] += weight * value[c]
                # τ² is asked for by corrections of small samples alone
                if more:
                    node2 = row2[column]
                    for c in range(more):
                        node2[c] += weight * weight * quadratic[c]
                # one remainder a row, not one a node
                column = column + 1 if column + 1 < cells[0] else 0


@njit(cache=True)
def _total(
    totals: Array,
    f: Array,
    edges: Array,
    cells: Whole,
    endless: NDArray[np.bool_],
    radius: float,
    shape: int,
) -> None:
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    step = edges[0, 0] / cells[0]
    for atom in range(f.shape[0]):
        for r in range(rows(spans, places, f[atom], edges, cells, endless, radius)):
            for i in range(spans[r, 2], spans[r, 3] + 1):
                x = (i + 0.5) * step + places[r, 1]
                totals[atom] += smoothing(shape, math.sqrt(x * x + places[r, 0]) / radius)


@njit(cache=True, inline="always")
def _shifts(place: float, reach: float, period: float, repeats: bool) -> tuple[int, int]:
    """First and last number of periods that bring a coordinate into [−reach, 1 + reach]."""
    if not repeats:
        # an empty range: the atom is out of reach, and has no image
        return (0, 0) if -reach <= place <= 1.0 + reach else (0, -1)
    return math.ceil((-reach - place) / period), math.floor((1.0 + reach - place) / period)


@njit(cache=True)
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
