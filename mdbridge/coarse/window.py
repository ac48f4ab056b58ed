"""Sums over a Gaussian window, onto the grid of a sheared box, [Kontolati2021, eqs. 36, 37].

The grid fills the box: node (j, i) has the fractional coordinates
((i + shift)/nx, (j + shift)/ny), so it shears and stretches with it; row = y,
column = x.  Distances are those in the plane of the box as it is now, over all
periodic images; the third direction is averaged over.  Everything is a sum over
atoms, so ranks add up what they have.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled

Array = NDArray[np.float64]

MOMENTS = 21
"""Numbers a node in the sums of :func:`add_moments`: 1, 5 first and 15 second moments."""


def area(width: float, cutoff: float) -> float:
    """The integral of exp(−r²/2c²) over r ≤ ``cutoff`` (Å²)."""
    # expm1: of a cutoff far below the width 1 − e^−x would keep no digit
    return 2.0 * math.pi * width**2 * -math.expm1(-0.5 * (cutoff / width) ** 2)


@compiled(inline="always")
def _row_span(
    s: Array, edges: Array, j: int, shape: tuple[int, int], shift: float, cutoff: float
) -> tuple[float, float, int, int]:
    """Height of row ``j`` over an atom, and the first and last column within the cutoff of it."""
    ny, nx = shape
    across = (j + shift) / ny - s[1]
    dy = edges[1, 1] * across
    reach = cutoff * cutoff - dy * dy
    if reach < 0.0:
        return dy, 0.0, 0, -1
    lean = edges[0, 1] * across
    half = math.sqrt(reach)
    first = math.ceil((s[0] + (-half - lean) / edges[0, 0]) * nx - shift)
    last = math.floor((s[0] + (half - lean) / edges[0, 0]) * nx - shift)
    return dy, lean, first, last


@compiled(inline="always")
def _rows(s: Array, edges: Array, shape: tuple[int, int], shift: float, cutoff: float) -> tuple[int, int]:
    ny = shape[0]
    reach = cutoff / edges[1, 1]
    return math.ceil((s[1] - reach) * ny - shift), math.floor((s[1] + reach) * ny - shift)


@compiled()
def add_values(
    sums: Array, s: Array, values: Array, edges: Array, shift: float, width: float, cutoff: float
) -> None:
    """Add Σ_n g_n v_n to every node, [Kontolati2021, eq. 36]; a column of ones gives the divisor.

    Args:
        sums: ``(ny, nx, k)``, added to.
        s: ``(n, 2)`` fractional coordinates of the atoms in the plane.
        values: ``(n, k)`` v.
        edges: ``(2, 2)`` edge vectors of the box in its columns, [[lx, xy], [0, ly]] (Å).
        shift: place of the nodes in their cells, 0 or 0.5.
        width: c of [Kontolati2021, eq. 37] (Å); constant factors of g cancel and are left out.
        cutoff: farthest atom that counts (Å).
    """
    ny, nx, count = sums.shape
    factor = -0.5 / (width * width)
    step = edges[0, 0] / nx
    # the second ratio of a Gaussian on equal steps is constant
    bend = math.exp(2.0 * factor * step * step)
    for atom in range(s.shape[0]):
        value = values[atom]
        low, high = _rows(s[atom], edges, (ny, nx), shift, cutoff)
        for j in range(low, high + 1):
            dy, lean, first, last = _row_span(s[atom], edges, j, (ny, nx), shift, cutoff)
            if last < first:
                continue
            row = sums[j % ny]
            column = first % nx
            # from node to node g is multiplied by a factor that itself changes by a constant one
            dx = edges[0, 0] * ((first + shift) / nx - s[atom, 0]) + lean
            g = math.exp(factor * (dx * dx + dy * dy))
            growth = math.exp(factor * step * (2.0 * dx + step))
            for _ in range(first, last + 1):
                node = row[column]
                for k in range(count):
                    node[k] += g * value[k]
                column = column + 1 if column + 1 < nx else 0
                g *= growth
                growth *= bend


@compiled()
def add_moments(
    sums: Array,
    s: Array,
    displacement: Array,
    edges: Array,
    reference: Array,
    shift: float,
    width: float,
    cutoff: float,
) -> None:
    """Add the weighted moments of z = (Y − Y_node, u) to every node.

    Y is an atom's place in the unsheared frame of the reference box, and u its
    displacement there; see :func:`..strain.best_fit`.

    Args:
        sums: ``(ny, nx, 21)``, added to: Σg, Σg z (5), Σg z zᵀ (15, upper triangle by rows).
        s: ``(n, 2)`` fractional coordinates of the atoms in the plane.
        displacement: ``(n, 3)`` u (Å).
        edges: ``(2, 2)`` edge vectors of the present box in its columns (Å).
        reference: the same of the reference box.
        shift, width, cutoff: as in :func:`add_values`.
    """
    ny, nx = sums.shape[:2]
    factor = -0.5 / (width * width)
    z = np.empty(5)
    for atom in range(s.shape[0]):
        # the same for all nodes; the first two depend on the node
        z[2:] = displacement[atom]
        low, high = _rows(s[atom], edges, (ny, nx), shift, cutoff)
        for j in range(low, high + 1):
            dy, lean, first, last = _row_span(s[atom], edges, j, (ny, nx), shift, cutoff)
            row = j % ny
            across = s[atom, 1] - (j + shift) / ny
            z[1] = reference[1, 1] * across
            for i in range(first, last + 1):
                along = s[atom, 0] - (i + shift) / nx
                dx = lean - edges[0, 0] * along
                z[0] = reference[0, 0] * along + reference[0, 1] * across
                g = math.exp(factor * (dx * dx + dy * dy))
                node = sums[row, i % nx]
                node[0] += g
                k = 6
                for a in range(5):
                    gz = g * z[a]
                    node[1 + a] += gz
                    for b in range(a, 5):
                        node[k] += gz * z[b]
                        k += 1
