"""Sums over atoms onto the nodes of a grid, Σ_i τ(|x_node − x_i|/R) v_i, in one to three directions.

Everything is a sum over atoms, so ranks add up what they have.  Positions come as grid
coordinates of a :class:`..fields.grid.Lattice`; missing directions are padded to three, so
that one compiled loop serves grids of any number of directions: they have one node, no
extent and no distance.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from ..fields.grid import Lattice
from .kernels import DECAY, GAUSSIAN, SHAPES, smoothing

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
    plain, _, quadratic, _ = all_sums(lattice, f, table, widths, radius, shape, decay)
    return plain, quadratic


def all_sums(
    lattice: Lattice,
    f: Array,
    table: Array,
    widths: tuple[int, int, int],
    radius: float,
    shape: str,
    decay: float = DECAY,
) -> tuple[Array, Array, Array, int]:
    """Sums with τ, with weights that add up to 1 over the nodes of the grid, and with τ², in one pass.

    Args:
        lattice, f, radius, shape, decay: as of :func:`node_sums`.
        table: ``(n, k + l + m)`` values for τ, for the weights of [You2022, eq. 6.1], and for τ², side
            by side.
        widths: k, l and m.

    Returns:
        ``(*lattice.shape, k)``, ``(*lattice.shape, l)``, ``(*lattice.shape, m)``, and the number of
        atoms that no node sees, whose part of the second is lost.
    """
    cells, edges, wraps, places = padded(lattice, f)
    # one table, so that what a node has lies side by side
    sums = np.zeros((*cells[::-1], sum(widths)))
    values = np.ascontiguousarray(table, dtype=np.float64)
    kernel = SHAPES.index(shape)
    missed = _add(sums, places, values, widths[0], widths[1], edges, cells, wraps, radius, kernel, decay)
    parts = np.split(sums.reshape(*lattice.shape, -1), np.cumsum(widths)[:-1], axis=-1)
    # of their own: messages between ranks are of contiguous memory
    first, second, third = (np.ascontiguousarray(part) for part in parts)
    return first, second, third, int(missed)


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


def padded(lattice: Lattice, f: Array) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_], Array]:
    """Cells, edges, wraps and coordinates of a lattice as one of three directions."""
    d = len(lattice.cells)
    cells, edges, wraps = np.ones(3, dtype=np.int64), np.zeros((3, 3)), np.zeros(3, dtype=np.bool_)
    cells[:d], edges[:d, :d], wraps[:d] = lattice.cells, lattice.edges, lattice.wraps
    places = np.full((len(f), 3), 0.5)  # on the only node
    places[:, :d] = f
    return cells, edges, wraps, places


@compiled(inline="always")
def span(middle: float, half: float, edge: float, count: int, endless: bool) -> tuple[int, int]:
    """First and last node along a direction within ``half`` (a length) of the coordinate ``middle``."""
    if edge == 0.0:
        return 0, 0
    first = math.ceil((middle - half / edge) * count - 0.5)
    last = math.floor((middle + half / edge) * count - 0.5)
    if not endless:
        first, last = max(first, 0), min(last, count - 1)
    return first, last


@compiled(inline="always")
def lean(across: float, edge: float) -> float:
    """The coordinate along an edge of a length ``across``; 0 along a direction that is not there."""
    return across / edge if edge != 0.0 else 0.0


@compiled(error_model="numpy")
def rows(
    spans: Whole,
    places: Array,
    f0: float,
    f1: float,
    f2: float,
    edges: Array,
    cells: Whole,
    endless: NDArray[np.bool_],
    radius: float,
) -> int:
    """The rows of nodes along the first direction that a ball about (f0, f1, f2) cuts; returns their number.

    Args:
        spans: filled with (k, j, first, last) for each row: its place, and its nodes, unwrapped.
        places: filled with what is needed for distances: the square of the distance across the
            row, and the coordinate along it at which the atom is (a length, less the edge times i).
    """
    # numbers rather than views of arrays, of which the compiler cannot get rid: twice as fast
    e00, e01, e02 = edges[0, 0], edges[0, 1], edges[0, 2]
    e11, e12, e22 = edges[1, 1], edges[1, 2], edges[2, 2]
    count = 0
    square = radius * radius
    low2, high2 = span(f2, radius, e22, cells[2], endless[2])
    for k in range(low2, high2 + 1):
        s2 = (k + 0.5) / cells[2] - f2
        z = e22 * s2
        left2 = square - z * z
        if left2 < 0.0:
            continue
        low1, high1 = span(f1 - lean(e12 * s2, e11), math.sqrt(left2), e11, cells[1], endless[1])
        for j in range(low1, high1 + 1):
            s1 = (j + 0.5) / cells[1] - f1
            y = e11 * s1 + e12 * s2
            left1 = left2 - y * y
            if left1 < 0.0:
                continue
            across = e01 * s1 + e02 * s2
            first, last = span(f0 - lean(across, e00), math.sqrt(left1), e00, cells[0], endless[0])
            if last < first:
                continue
            spans[count, 0], spans[count, 1], spans[count, 2], spans[count, 3] = k, j, first, last
            places[count, 0] = y * y + z * z
            places[count, 1] = across - e00 * f0
            count += 1
    return count


@compiled()
def room(edges: Array, cells: Whole, radius: float) -> int:
    """The largest number of rows that :func:`rows` may find."""
    most = 1
    for axis in range(1, 3):
        if edges[axis, axis] > 0.0:
            most *= int(2.0 * radius / edges[axis, axis] * cells[axis]) + 2
    return most


@compiled()
def longest(edges: Array, cells: Whole, radius: float) -> int:
    """The largest number of nodes that a row may have."""
    return int(2.0 * radius / edges[0, 0] * cells[0]) + 2


@compiled(error_model="numpy")
def row_weights(
    weights: Array,
    start: int,
    shape: int,
    decay: float,
    radius: float,
    x: float,
    step: float,
    square: float,
    count: int,
) -> float:
    """Fill ``weights`` with τ of the ``count`` nodes of a row, from entry ``start`` on; returns their sum.

    Args:
        shape, decay, radius: of the smoothing function.
        x: distance of the first node from the atom, along the row.
        step: from node to node.
        square: of the distance of the row from the atom.
    """
    total = 0.0
    if shape == GAUSSIAN and count > 3 and decay < 100.0:
        # from node to node a Gaussian is multiplied by a factor that itself changes by a constant one
        scale = -decay / (radius * radius)
        weight = math.exp(scale * (x * x + square))
        growth = math.exp(scale * step * (2.0 * x + step))
        bend = math.exp(2.0 * scale * step * step)
        rim = radius * radius - square
        for i in range(count):
            weights[start + i] = weight if x * x < rim else 0.0
            total += weights[start + i]
            weight *= growth
            growth *= bend
            x += step
        return total
    for i in range(count):
        away = x + i * step
        weights[start + i] = smoothing(shape, math.sqrt(away * away + square) / radius, decay)
        total += weights[start + i]
    return total


@compiled(error_model="numpy")
def _add(
    sums: Array,
    f: Array,
    values: Array,
    plain: int,
    whole: int,
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
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    # all weights of an atom first: those that add up to 1 need their sum
    weights = np.empty(most * longest(edges, cells, radius))
    step = edges[0, 0] / cells[0]
    missed = 0
    for atom in range(f.shape[0]):
        count = rows(spans, places, f[atom, 0], f[atom, 1], f[atom, 2], edges, cells, wraps, radius)
        entries, total = 0, 0.0
        for r in range(count):
            first, nodes = spans[r, 2], spans[r, 3] - spans[r, 2] + 1
            x, square = (first + 0.5) * step + places[r, 1], places[r, 0]
            total += row_weights(weights, entries, shape, decay, radius, x, step, square, nodes)
            entries += nodes
        if total == 0.0:
            missed += 1
            continue
        share = 1.0 / total
        entries = 0
        for r in range(count):
            k, j = spans[r, 0] % cells[2], spans[r, 1] % cells[1]
            # one remainder a row, not one a node
            column = spans[r, 2] % cells[0]
            for _ in range(spans[r, 2], spans[r, 3] + 1):
                weight = weights[entries]
                entries += 1
                for c in range(plain):
                    sums[k, j, column, c] += weight * values[atom, c]
                for c in range(plain, plain + whole):
                    sums[k, j, column, c] += weight * share * values[atom, c]
                for c in range(plain + whole, width):
                    sums[k, j, column, c] += weight * weight * values[atom, c]
                column = column + 1 if column + 1 < cells[0] else 0
    return missed


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
    for atom in range(f.shape[0]):
        count = rows(spans, places, f[atom, 0], f[atom, 1], f[atom, 2], edges, cells, endless, radius)
        for r in range(count):
            first, nodes = spans[r, 2], spans[r, 3] - spans[r, 2] + 1
            x, square = (first + 0.5) * step + places[r, 1], places[r, 0]
            totals[atom] += row_weights(weights, 0, shape, decay, radius, x, step, square, nodes)


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
