"""The nodes of a grid within a window around an atom, row by row, and the kernel's weights of them.

Missing directions are padded to three, so that one compiled loop serves grids of any number of
directions: they have one node, no extent and no distance.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from ..fields.grid import Lattice
from .kernels import GAUSSIAN, smoothing

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

ONLY = 0.5
"""The coordinate of the only node along a direction that is not there."""


def padded(lattice: Lattice, f: Array) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_], Array]:
    """Cells, edges, wraps and coordinates of a lattice as one of three directions.

    ``f`` may be ``(n, 3)`` already, with :data:`ONLY` along those that are not there.
    """
    d = len(lattice.cells)
    cells, edges, wraps = np.ones(3, dtype=np.int64), np.zeros((3, 3)), np.zeros(3, dtype=np.bool_)
    cells[:d], edges[:d, :d], wraps[:d] = lattice.cells, lattice.edges, lattice.wraps
    if f.shape[1] == 3:
        return cells, edges, wraps, np.ascontiguousarray(f)
    places = np.full((len(f), 3), ONLY)
    places[:, :d] = f
    return cells, edges, wraps, places


@compiled(inline="always")
def span(middle: float, half: float, inverse: float, count: int, endless: bool) -> tuple[int, int]:
    """First and last node along a direction within ``half`` (a length) of the coordinate ``middle``.

    Args:
        inverse: 1/edge, or 0 for a direction that is not there.
    """
    if inverse == 0.0:
        return 0, 0
    first = math.ceil((middle - half * inverse) * count - 0.5)
    last = math.floor((middle + half * inverse) * count - 0.5)
    if not endless:
        first, last = max(first, 0), min(last, count - 1)
    return first, last


@compiled(inline="always")
def inverse(edge: float) -> float:
    """1/edge; 0 for a direction that is not there."""
    return 1.0 / edge if edge != 0.0 else 0.0


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
    # divisions take longer than all the rest: once an atom, not once a row
    over0, over1, over2 = 1.0 / e00, inverse(e11), inverse(e22)
    h1, h2 = 1.0 / cells[1], 1.0 / cells[2]
    count = 0
    square = radius * radius
    low2, high2 = span(f2, radius, over2, cells[2], endless[2])
    for k in range(low2, high2 + 1):
        s2 = (k + 0.5) * h2 - f2
        z = e22 * s2
        left2 = square - z * z
        if left2 < 0.0:
            continue
        low1, high1 = span(f1 - e12 * s2 * over1, math.sqrt(left2), over1, cells[1], endless[1])
        for j in range(low1, high1 + 1):
            s1 = (j + 0.5) * h1 - f1
            y = e11 * s1 + e12 * s2
            left1 = left2 - y * y
            if left1 < 0.0:
                continue
            across = e01 * s1 + e02 * s2
            first, last = span(f0 - across * over0, math.sqrt(left1), over0, cells[0], endless[0])
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


@compiled()
def bend(shape: int, decay: float, radius: float, step: float) -> float:
    """By what a Gaussian's growth from node to node changes at each; 0 for what is taken node by node."""
    # a very narrow one has no growth that could be told from 0
    if shape != GAUSSIAN or decay >= 100.0:
        return 0.0
    return math.exp(-2.0 * decay * (step / radius) ** 2)


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
    bending: float,
) -> float:
    """Fill ``weights`` with τ of the ``count`` nodes of a row, from entry ``start`` on; returns their sum.

    Args:
        shape, decay, radius: of the smoothing function.
        x: distance of the first node from the atom, along the row.
        step: from node to node.
        square: of the distance of the row from the atom.
        bending: of :func:`bend`.
    """
    total = 0.0
    if bending > 0.0:
        # from node to node a Gaussian is multiplied by a factor that itself changes by a constant one
        scale = -decay / (radius * radius)
        weight = math.exp(scale * (x * x + square))
        growth = math.exp(scale * step * (2.0 * x + step)) if count > 1 else 0.0
        rim = radius * radius - square
        for i in range(count):
            weights[start + i] = weight if x * x < rim else 0.0
            total += weights[start + i]
            weight *= growth
            growth *= bending
            x += step
        return total
    for i in range(count):
        away = x + i * step
        weights[start + i] = smoothing(shape, math.sqrt(away * away + square) / radius, decay)
        total += weights[start + i]
    return total
