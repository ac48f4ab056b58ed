"""Spatial smoothing functions and the normalised weights made of them, [You2022, eq. 6.1]."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..core.errors import InputError
from ..core.loops import compiled
from ..fields.grid import NodeGrid

# Smoothing functions τ of s = |X − x| / R, each zero beyond s = 1; the last is smooth at its rim.
SHAPES = ("cone", "paraboloid", "gaussian", "top-hat", "quartic")

GAUSSIAN = SHAPES.index("gaussian")
DECAY = 4.5
"""Of the Gaussian exp(−decay s²): a standard deviation of R/3 leaves 1.1 % of the peak at the rim."""

MOST_ENTRIES = 2**31 - 1
"""Of a matrix with the smaller of the two types of indices, which take half the memory."""


@compiled()
def smoothing(shape: int, s: float, decay: float = DECAY) -> float:
    """τ(s) of the smoothing function number ``shape`` of :data:`SHAPES`; ``decay`` is the Gaussian's."""
    if s >= 1.0:
        return 0.0
    if shape == 0:
        return 1.0 - s
    if shape == 1:
        return 1.0 - s * s
    if shape == 2:
        return math.exp(-decay * s * s)
    if shape == 3:
        return 1.0
    return (1.0 - s * s) ** 2


def integral(shape: str, dimension: int, radius: float, decay: float = DECAY) -> float:
    """The integral of τ(|x|/R) over a line, a plane or space: a length, an area or a volume.

    Args:
        shape: one of :data:`SHAPES`.
        dimension: 1, 2 or 3.
        radius: R.
        decay: of the Gaussian.
    """
    d = dimension
    if shape == "gaussian":
        # of r^(d-1) exp(-decay r²) up to 1; expm1: a wide one would lose its digits in 1 - exp
        line = 0.5 * math.sqrt(math.pi / decay) * math.erf(math.sqrt(decay))
        plane = -0.5 * math.expm1(-decay) / decay
        moment = {1: line, 2: plane, 3: 0.5 * (line - math.exp(-decay)) / decay}[d]
    else:
        missing = {
            "cone": 1.0 / (d + 1),
            "paraboloid": 1.0 / (d + 2),
            "top-hat": 0.0,
            "quartic": 2.0 / (d + 2) - 1.0 / (d + 4),
        }
        moment = 1.0 / d - missing[shape]
    return {1: 2.0, 2: 2.0 * math.pi, 3: 4.0 * math.pi}[d] * moment * radius**d


def weights(
    positions: NDArray[np.float64],
    grid: NodeGrid,
    radius: float,
    shape: str = "cone",
    tilt: float = 0.0,
    decay: float = DECAY,
) -> sparse.csc_array:
    """Weights ω(x_i, X_ε) of [You2022, eq. 6.1]: each atom's weights over the nodes sum to 1.

    On a grid that is not periodic the sum runs over the grid continued to
    infinity, so that nodes near its edge are treated like the others.

    Args:
        positions: ``(n, 2)`` reference positions X (Å), anywhere in a periodic box.
        grid: the nodes.
        radius: R (Å), the coarse-graining radius; no atom may be farther from every node.
        shape: one of :data:`SHAPES`.
        tilt: by how much the image beyond the upper edge of a periodic box is shifted along x (Å), in
            a box whose second edge leans; the nodes stay those of the upright box of equal area.
        decay: of the Gaussian.

    Returns:
        ``(nodes, n)`` sparse matrix.

    Raises:
        InputError: the radius is so small that atoms lie between the nodes.
    """
    reach = np.ceil(radius / np.array(grid.spacing)).astype(np.int64)
    # images of a leaning box lie between the nodes' places, up to half a spacing farther
    reach[0] += tilt != 0.0
    # the most nodes an atom can have: the arrays are made once, and cut at the end
    room = int((2 * reach + 1).prod())
    most = len(positions) * room
    # in the smaller type entries past its largest number would be counted from below zero
    index: np.dtype[np.signedinteger[Any]] = np.dtype(np.int32 if most <= MOST_ENTRIES else np.int64)
    nodes, values = np.empty(most, dtype=index), np.empty(most)
    starts = np.empty(len(positions) + 1, dtype=index)
    missed = _fill(
        nodes,
        values,
        starts,
        np.ascontiguousarray(positions),
        np.array(grid.origin),
        np.array(grid.spacing),
        np.array(grid.shape, dtype=np.int64),
        grid.periodic,
        tilt if grid.periodic else 0.0,
        reach,
        radius,
        SHAPES.index(shape),
        decay,
    )
    if missed:
        raise InputError(
            f"a coarse-graining radius of {radius:g} Å leaves {missed} atoms without a node on a grid of "
            f"{grid.spacing[0]:g} × {grid.spacing[1]:g} Å; raise it above 0.71 spacings"
        )
    filled = starts[-1]
    shape_of_matrix = (grid.shape[0] * grid.shape[1], len(positions))
    return sparse.csc_array((values[:filled], nodes[:filled], starts), shape=shape_of_matrix)


@compiled()
def _fill(
    nodes: NDArray[np.signedinteger[Any]],
    values: NDArray[np.float64],
    starts: NDArray[np.signedinteger[Any]],
    positions: NDArray[np.float64],
    origin: NDArray[np.float64],
    h: NDArray[np.float64],
    count: NDArray[np.int64],
    periodic: bool,
    tilt: float,
    reach: NDArray[np.int64],
    radius: float,
    shape: int,
    decay: float,
) -> int:
    """Fill the columns of the weight matrix, one an atom; the number of atoms that no node sees."""
    filled = missed = 0
    for atom in range(len(positions)):
        # compressed columns, an atom each, filled in order
        starts[atom] = filled
        x, y = positions[atom]
        middle_i = int(np.rint((x - origin[0]) / h[0]))
        middle_j = int(np.rint((y - origin[1]) / h[1]))
        total = 0.0
        for i in range(middle_i - reach[0], middle_i + reach[0] + 1):
            dx = origin[0] + i * h[0] - x
            for j in range(middle_j - reach[1], middle_j + reach[1] + 1):
                dy = origin[1] + j * h[1] - y
                # rows beyond the box are those of images, moved by whole spacings back beside the atom
                turns = j // count[1]
                moved = int(np.rint(turns * tilt / h[0]))
                across = dx + (turns * tilt - moved * h[0])
                tau = smoothing(shape, np.sqrt(across * across + dy * dy) / radius, decay)
                if tau == 0.0:
                    continue
                # nodes beyond the edge count in the sum, though they are not there
                total += tau
                if periodic:
                    node = ((i - moved) % count[0]) * count[1] + j % count[1]
                elif 0 <= i < count[0] and 0 <= j < count[1]:
                    node = i * count[1] + j
                else:
                    continue
                nodes[filled] = node
                values[filled] = tau
                filled += 1
        if total == 0.0:
            missed += 1
        for entry in range(starts[atom], filled):
            values[entry] /= total
    starts[len(positions)] = filled
    return missed
