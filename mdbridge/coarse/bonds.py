"""The bond function of Hardy's stress, B_ij(x) = ∫₀¹ τ(|x − x_j − s r_ij|/R) ds, summed over pairs.

With it −½ Σ_ij r_ij ⊗ f_ij B_ij has exactly the divergence Σ_i τ_i f_i, which is what the momentum
balance of smoothed fields asks of a stress (Hardy 1982; [You2022, eqs. 2.2 to 2.8] have the like at places of
the reference).  The integrals are
closed forms: along the line of a bond each smoothing function has an elementary antiderivative.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from ..fields.grid import Lattice
from .kernels import SHAPES, smoothing
from .windows import inverse, padded, span

Array = NDArray[np.float64]

_POINT = 3e-6
"""Bonds shorter than this many radii are points: the error, of second order, is below round-off's
in the difference of two antiderivatives."""


def bond_sums(lattice: Lattice, f: Array, bonds: Array, values: Array, radius: float, shape: str) -> Array:
    """Σ_b B_b v_b at every node, over all periodic images.

    Args:
        lattice: the nodes.
        f: ``(n, d)`` grid coordinates of the bonds' first atoms.
        bonds: ``(n, 3)`` vectors from the first atom to the second.
        values: ``(n, k)`` v.
        radius: R.
        shape: one of :data:`..kernels.SHAPES`.

    Returns:
        ``(*lattice.shape, k)``.
    """
    cells, edges, wraps, places = padded(lattice, f)
    sums = np.zeros((*cells[::-1], values.shape[1]))
    # three components for the compiled loop, whatever the grid resolves
    along = np.zeros((len(f), 3))
    along[:, : len(lattice.cells)] = bonds @ lattice.projection.T
    values = np.ascontiguousarray(values, dtype=np.float64)
    _add_bonds(sums, places, along, values, edges, cells, wraps, radius, SHAPES.index(shape))
    return sums.reshape(*lattice.shape, -1)


@compiled()
def bond_function(shape: int, square: float, product: float, length2: float, radius: float) -> float:
    """∫₀¹ τ(|p − s c|/R) ds for the smoothing function number ``shape``.

    Args:
        square: |p|².
        product: p · c.
        length2: |c|².
        radius: R.
    """
    if length2 < (_POINT * radius) ** 2:
        return smoothing(shape, math.sqrt(max(0.0, square - product + 0.25 * length2)) / radius)
    # where along the bond's line the node's foot lies, in bond lengths
    nearest = product / length2
    # a difference of like numbers: round-off may leave it negative
    away2 = max(0.0, square - product * nearest)
    half2 = radius * radius - away2
    if half2 <= 0.0:
        return 0.0
    length = math.sqrt(length2)
    half = math.sqrt(half2)
    # the part of the line within the ball, and of that what is bond
    low = max(-half, -nearest * length)
    high = min(half, (1.0 - nearest) * length)
    if high <= low:
        return 0.0
    return _between(shape, low / radius, high / radius, away2 / (radius * radius)) * radius / length


@compiled(inline="always")
def _between(shape: int, low: float, high: float, away2: float) -> float:
    """The integral of τ(√(a² + t²)) from ``low`` to ``high``; lengths in radii, a² = ``away2``."""
    if shape == 0:
        return high - low - (_cone(high, away2) - _cone(low, away2))
    if shape == 1:
        return (1.0 - away2) * (high - low) - (high**3 - low**3) / 3.0
    if shape == 2:
        width = math.sqrt(4.5)
        part = math.erf(width * high) - math.erf(width * low)
        return math.exp(-4.5 * away2) * 0.5 * math.sqrt(math.pi) / width * part
    if shape == 3:
        return high - low
    rest = 1.0 - away2
    cubic, quintic = high**3 - low**3, high**5 - low**5
    return rest * rest * (high - low) - 2.0 * rest * cubic / 3.0 + quintic / 5.0


@compiled(inline="always")
def _cone(t: float, away2: float) -> float:
    """The antiderivative of √(a² + t²)."""
    far = math.sqrt(t * t + away2)
    if away2 < 1e-30:  # the logarithm's factor is gone long before its argument is
        return 0.5 * t * far
    return 0.5 * (t * far + away2 * math.asinh(t / math.sqrt(away2)))


@compiled()
def _add_bonds(
    sums: Array,
    f: Array,
    along: Array,
    values: Array,
    edges: Array,
    cells: NDArray[np.int64],
    wraps: NDArray[np.bool_],
    radius: float,
    shape: int,
) -> None:
    width = values.shape[1]
    step = edges[0, 0] / cells[0]
    over0, over1, over2 = inverse(edges[0, 0]), inverse(edges[1, 1]), inverse(edges[2, 2])
    for bond in range(f.shape[0]):
        c0, c1, c2 = along[bond]
        length2 = c0 * c0 + c1 * c1 + c2 * c2
        value = values[bond]
        # nodes within R of the bond's bounding box, direction by direction
        middle2 = f[bond, 2] + 0.5 * c2 * over2
        low2, high2 = span(middle2, radius + 0.5 * abs(c2), over2, cells[2], wraps[2])
        for k in range(low2, high2 + 1):
            s2 = (k + 0.5) / cells[2] - f[bond, 2]
            z = edges[2, 2] * s2
            middle1 = f[bond, 1] + (0.5 * c1 - edges[1, 2] * s2) * over1
            low1, high1 = span(middle1, radius + 0.5 * abs(c1), over1, cells[1], wraps[1])
            for j in range(low1, high1 + 1):
                s1 = (j + 0.5) / cells[1] - f[bond, 1]
                y = edges[1, 1] * s1 + edges[1, 2] * s2
                across = edges[0, 1] * s1 + edges[0, 2] * s2
                middle0 = f[bond, 0] + (0.5 * c0 - across) * over0
                first, last = span(middle0, radius + 0.5 * abs(c0), over0, cells[0], wraps[0])
                row = sums[k % cells[2], j % cells[1]]
                for i in range(first, last + 1):
                    x = (i + 0.5) * step - edges[0, 0] * f[bond, 0] + across
                    square = x * x + y * y + z * z
                    product = x * c0 + y * c1 + z * c2
                    weight = bond_function(shape, square, product, length2, radius)
                    # most nodes of a bounding box are farther than R from the bond itself
                    if weight == 0.0:
                        continue
                    node = row[i % cells[0]]
                    for c in range(width):
                        node[c] += weight * value[c]
