"""Sums onto nodes with a Gaussian on a grid that does not lean: weights are products of a factor a direction.

That takes two exponential functions a direction and atom where row by row (:mod:`.windows`) it is two a
row, and the nodes around an atom are a block, whose loops the processor foresees.  The numbers are the same
to round-off, in three quarters of the time.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

_NARROW = 100.0
"""From this decay on, factors at the rim come near the least number that there is."""
_WIDE = 8
"""Nodes along a direction from which on it pays to look for those of the block that lie in the ball."""


def separable(edges: Array, shape: str, decay: float) -> bool:
    """Whether a grid with these edges, a column each, and a kernel are of the kind that this file is for."""
    return shape == "gaussian" and decay < _NARROW and not np.triu(edges, 1).any()


@compiled(error_model="numpy")
def add_blocks(
    sums: Array,
    f: Array,
    values: Array,
    plain: int,
    whole: int,
    edges: Array,
    cells: Whole,
    wraps: NDArray[np.bool_],
    radius: float,
    decay: float,
    apart: bool,
) -> tuple[Whole, int]:
    """Add to the columns of ``sums``: the first ``plain`` with τ, then ``whole`` with ω, the rest with τ².

    Args:
        sums: ``(nodes, k)``.
        f: ``(n, 3)`` grid coordinates.
        values: ``(n, k)``.
        plain, whole: numbers of columns.
        edges, cells, wraps: of the grid, as of :func:`.windows.padded`.
        radius, decay: of the Gaussian.
        apart: leave out atoms whose window holds nodes of their images.

    Returns:
        The atoms that have been left out, and the number of those that no node sees.
    """
    width, linear = values.shape[1], plain + whole
    grid, factors, places = _lines(edges, cells, radius, decay)
    # direction by direction: a long window on a line is not to be a cube of nodes
    most = 1
    for axis in range(3):
        most *= int(2.0 * grid[axis, 1]) + 2
    nodes, weights = np.empty(most, np.int64), np.empty(most)
    own = np.empty(width)
    left, count, missed = np.empty(len(f) if apart else 0, np.int64), 0, 0
    for atom in range(f.shape[0]):
        entries, total, turned = _block(
            weights, nodes, f[atom], grid, factors, places, cells, wraps, radius, decay
        )
        # before anything is added: whoever takes this atom takes all of it
        if apart and turned:
            left[count] = atom
            count += 1
            continue
        if total == 0.0:
            missed += 1
            continue
        for c in range(width):
            own[c] = values[atom, c] / total if plain <= c < linear else values[atom, c]
        _spread(sums, nodes, weights, entries, own, linear)
    return left[:count], missed


@compiled(inline="always")
def _spread(sums: Array, nodes: Whole, weights: Array, entries: int, values: Array, linear: int) -> None:
    """Add an atom's values to its nodes: the first ``linear`` with the weights, others with their squares."""
    column = 0
    # four at a time, as the processor has them, and held while it goes from node to node
    while column + 4 <= linear:
        a, b, c, d = values[column], values[column + 1], values[column + 2], values[column + 3]
        for entry in range(entries):
            weight, node = weights[entry], sums[nodes[entry]]
            node[column] += weight * a
            node[column + 1] += weight * b
            node[column + 2] += weight * c
            node[column + 3] += weight * d
        column += 4
    # column by column what is left: their loop is over the nodes, too
    for rest in range(column, linear):
        for entry in range(entries):
            sums[nodes[entry], rest] += weights[entry] * values[rest]
    for rest in range(linear, len(values)):
        for entry in range(entries):
            sums[nodes[entry], rest] += weights[entry] * weights[entry] * values[rest]


@compiled()
def _lines(edges: Array, cells: Whole, radius: float, decay: float) -> tuple[Array, Array, Whole]:
    """What :func:`_block` needs of the grid, and room for factors and nodes.

    Returns:
        ``(3, 3)`` of each direction the step from node to node, the radius in nodes and the change of the
        Gaussian's growth from node to node; ``(3, 2, m)`` and ``(3, m)`` room.
    """
    grid = np.zeros((3, 3))
    for axis in range(3):
        step = edges[axis, axis] / cells[axis]
        # a direction that is not there has one node, at the atom's place
        grid[axis, 0], grid[axis, 1] = step, radius / step if step > 0.0 else 0.0
        grid[axis, 2] = math.exp(-2.0 * decay * (step / radius) ** 2)
    most = int(2.0 * grid[:, 1].max()) + 2
    return grid, np.empty((3, 2, most)), np.empty((3, most), np.int64)


@compiled(error_model="numpy", inline="always")
def _factors(
    factors: Array, nodes: Whole, f: float, grid: Array, scale: float, count: int, endless: bool
) -> tuple[int, bool]:
    """Factors, squares of distances and nodes of one direction; how many, and if any is of an image."""
    place, step, growing = f * count - 0.5, grid[0], grid[2]
    first, last = math.ceil(place - grid[1]), math.floor(place + grid[1])
    if not endless:
        first, last = max(first, 0), min(last, count - 1)
    x, node = (first - place) * step, first
    if not 0 <= node < count:
        node = node % count
    weight, growth = 1.0, 1.0
    if step > 0.0:
        weight, growth = math.exp(scale * x * x), math.exp(scale * step * (2.0 * x + step))
    for i in range(last - first + 1):
        factors[0, i], factors[1, i], nodes[i] = weight, x * x, node
        # from node to node a Gaussian is multiplied by a factor that itself changes by a constant one
        weight *= growth
        growth *= growing
        x += step
        node += 1
        if node == count:
            node = 0
    return max(last - first + 1, 0), first < 0 or last >= count


@compiled(error_model="numpy", inline="always")
def _block(
    weights: Array,
    nodes: Whole,
    f: Array,
    grid: Array,
    factors: Array,
    places: Whole,
    cells: Whole,
    endless: NDArray[np.bool_],
    radius: float,
    decay: float,
) -> tuple[int, float, bool]:
    """Weights and numbers of the nodes in a block around an atom; those outside of its ball have weight 0.

    Args:
        weights, nodes: filled.
        f: ``(3,)`` grid coordinates of the atom.
        grid, factors, places: of :func:`_lines`.
        cells, endless: numbers of nodes, and whether they repeat.
        radius, decay: of the Gaussian.

    Returns:
        How many there are, the sum of their weights, and whether any is that of an image.
    """
    square = radius * radius
    scale = -decay / square
    m0, turned0 = _factors(factors[0], places[0], f[0], grid[0], scale, cells[0], endless[0])
    m1, turned1 = _factors(factors[1], places[1], f[1], grid[1], scale, cells[1], endless[1])
    m2, turned2 = _factors(factors[2], places[2], f[2], grid[2], scale, cells[2], endless[2])
    entries, total = 0, 0.0
    for k in range(m2):
        for j in range(m1):
            # what is left of the square of the radius along the row
            left = square - factors[2, 1, k] - factors[1, 1, j]
            if left <= 0.0:
                continue
            across = factors[2, 0, k] * factors[1, 0, j]
            start = (places[2, k] * cells[1] + places[1, j]) * cells[0]
            low, high = 0, m0
            if m0 >= _WIDE:
                while low < high and factors[0, 1, low] >= left:
                    low += 1
                while low < high and factors[0, 1, high - 1] >= left:
                    high -= 1
            for i in range(low, high):
                # a choice of numbers, not of ways: the processor need not guess it
                weight = factors[0, 0, i] * across if factors[0, 1, i] < left else 0.0
                weights[entries] = weight
                nodes[entries] = start + places[0, i]
                total += weight
                entries += 1
    return entries, total, turned0 or turned1 or turned2
