"""The best-fit deformation gradient of atoms around nodes, and what it leaves over (Falk and Langer).

The undeformed frame: with H the cell that the material is followed in and H₀ that of the
reference state, a place with the coordinates σ in H is at Y = H₀ σ there, and x = T Y + const
with T = H H₀⁻¹.  Of an atom that was at X, u = Y − X is what its motion differs from the
cell's, free of jumps across periodic boundaries.

At a node u is regressed on the coordinates of the atoms around it now, and X = Y − u with it:
F = T (1 − ∂u/∂Y)⁻¹.  Falk and Langer regress present on past places instead; the window chooses
atoms by where they are now, and scatter of X, as grows in a shear band, would then weaken F
(by a quarter, measured in a hot crystal at γ = 1).
"""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from ..fields.grid import Lattice
from .kernels import DECAY, SHAPES
from .windows import bend, longest, padded, room, row_weights, rows

Array = NDArray[np.float64]

_SINGULAR = 1e-9
"""Eigenvalues of the correlation of coordinates, below which they depend on each other."""

_FLAT = 0.005
"""Variance of the atoms' places across some direction, relative to the square of the window's radius,
below which they lie in a plane or on a line, rough by their heat alone: a full window has 0.1 to 0.25."""

_TURNED = 0.05
"""det(1 − ∂u/∂Y), one over the material's volume by that of its cell, below which no material is described:
what the fit gives then is the scatter of atoms that have come from anywhere, or of too few."""


def moments(
    lattice: Lattice, f: Array, others: Array, radius: float, shape: str, decay: float = DECAY
) -> Array:
    """Weighted moments of z = (f − f_node, others) at every node, over all periodic images.

    Args:
        lattice: the nodes; d directions.
        f: ``(n, d)`` grid coordinates of the atoms.
        others: ``(n, m)`` what else each atom has: further coordinates, displacements.
        radius, shape, decay: as in :func:`..sums.node_sums`.

    Returns:
        ``(*lattice.shape, 1 + p + p (p + 1)/2)`` with p = d + m: Σg, Σg z, and Σg z zᵀ, its upper
        triangle by rows; sums over atoms, so ranks add up what they have.
    """
    cells, edges, wraps, places = padded(lattice, f)
    d = f.shape[1]
    p = d + others.shape[1]
    sums = np.zeros((*cells[::-1], 1 + p + p * (p + 1) // 2))
    _add_moments(
        sums,
        places,
        np.ascontiguousarray(others, dtype=np.float64),
        d,
        edges,
        cells,
        wraps,
        radius,
        SHAPES.index(shape),
        decay,
    )
    return sums.reshape(*lattice.shape, -1)


def unpack(sums: Array, p: int) -> tuple[Array, Array, Array]:
    """Weight ``(…,)``, mean ``(…, p)`` and covariance ``(…, p, p)`` of z; NaN where nothing weighs."""
    weight = sums[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[..., 1 : 1 + p] / weight[..., None]
        upper = np.triu_indices(p)
        spread = np.empty((*weight.shape, p, p))
        spread[..., upper[0], upper[1]] = sums[..., 1 + p :] / weight[..., None]
    # symmetric: the sums keep one triangle, and so do the messages between ranks
    spread[..., upper[1], upper[0]] = spread[..., upper[0], upper[1]]
    return weight, mean, spread - mean[..., :, None] * mean[..., None, :]


def best_fit(sums: Array, scale: Array, reach: Array) -> tuple[Array, Array]:
    """The gradient of the displacement that fits the atoms around each node best, and D²min.

    Args:
        sums: of :func:`moments`, with q coordinates and then the three components of u.
        scale: ``(q, q)`` ∂(coordinates)/∂(those that the gradient is wanted in).
        reach: ``(d, d)`` ∂(position)/∂(coordinates) of the first d coordinates, positions by the window's
            radius.

    Returns:
        ``(…, 3, q)`` ∂u/∂(coordinates) · ``scale``, and the least weighted mean of what is left of |u|²
        (a length squared).  NaN where atoms are too few or too flat to tell.
    """
    q = len(scale)
    weight, _, spread = unpack(sums, q + 3)
    inside, across = spread[..., :q, :q], spread[..., q:, :q]
    # the coordinates may differ in kind and size: measured by their own reach
    with np.errstate(invalid="ignore", divide="ignore"):
        # of a single atom round-off may leave less than nothing
        size = np.sqrt(np.einsum("...ii->...i", inside))
        correlation = inside / (size[..., :, None] * size[..., None, :])
    known = (weight > 0.0) & np.isfinite(correlation).all(axis=(-1, -2))
    # any regular matrix: what is solved with it is thrown away, and NaN stops LAPACK
    correlation[~known] = np.eye(q)
    known &= np.linalg.eigvalsh(correlation)[..., 0] > _SINGULAR
    d = len(reach)
    places = np.where(known[..., None, None], reach @ inside[..., :d, :d] @ reach.T, np.eye(d))
    known &= np.linalg.eigvalsh(places)[..., 0] > _FLAT
    inside = np.where(known[..., None, None], inside, np.eye(q))
    slope = np.swapaxes(np.linalg.solve(inside, np.swapaxes(across, -1, -2)), -1, -2)
    # the variance of u less what the slope explains of it
    left = np.einsum("...aa->...", spread[..., q:, q:]) - np.einsum("...aq,...aq->...", slope, across)
    gradient = slope @ scale
    # none, rather than the slope of a plane of atoms across it
    gradient[~known] = np.nan
    return gradient, np.where(known, np.maximum(left, 0.0), np.nan)


def deformation_gradient(slope: Array, directions: list[int], affine: Array, reference: Array) -> Array:
    """F = T (1 − ∂u/∂Y)⁻¹, ``(…, 3, 3)``.

    Args:
        slope: ``(…, 3, q)`` ∂u/∂σ along the q ``directions`` of the followed cell; along the others the
            material moves as the cell does.
        directions: numbers of those edges.
        affine: ``(3, 3)`` T.
        reference: ``(3, 3)`` H₀, edges of the reference cell in its columns.
    """
    whole = np.zeros((*slope.shape[:-1], 3))
    whole[..., directions] = slope
    # ∂X/∂Y: reference places as the present ones' function
    back = np.eye(3) - whole @ np.linalg.inv(reference)
    known = np.isfinite(back).all(axis=(-1, -2)) & (np.linalg.det(np.nan_to_num(back)) > _TURNED)
    forward = np.linalg.inv(np.where(known[..., None, None], back, np.eye(3)))
    return np.where(known[..., None, None], affine @ forward, np.nan)


def green_lagrange(gradient: Array) -> Array:
    """E = ½ (FᵀF − I), of the shape of F; dimensionless."""
    return 0.5 * (np.swapaxes(gradient, -1, -2) @ gradient - np.eye(gradient.shape[-1]))


@compiled(error_model="numpy")
def _add_moments(
    sums: Array,
    f: Array,
    others: Array,
    d: int,
    edges: Array,
    cells: NDArray[np.int64],
    wraps: NDArray[np.bool_],
    radius: float,
    shape: int,
    decay: float,
) -> None:
    most = room(edges, cells, radius)
    spans, places = np.empty((most, 4), np.int64), np.empty((most, 2))
    weights = np.empty(longest(edges, cells, radius))
    step = edges[0, 0] / cells[0]
    bending = bend(shape, decay, radius, step)
    p = d + others.shape[1]
    # made once: the loop is over all pairs of atoms and nodes
    z = np.empty(p)
    for atom in range(f.shape[0]):
        z[d:] = others[atom]
        count = rows(spans, places, f[atom, 0], f[atom, 1], f[atom, 2], edges, cells, wraps, radius)
        for r in range(count):
            k, j, first, last = spans[r]
            if d > 2:
                z[2] = f[atom, 2] - (k + 0.5) / cells[2]
            if d > 1:
                z[1] = f[atom, 1] - (j + 0.5) / cells[1]
            row = sums[k % cells[2], j % cells[1]]
            x, square = (first + 0.5) * step + places[r, 1], places[r, 0]
            row_weights(weights, 0, shape, decay, radius, x, step, square, last - first + 1, bending)
            for i in range(first, last + 1):
                weight = weights[i - first]
                z[0] = f[atom, 0] - (i + 0.5) / cells[0]
                node = row[i % cells[0]]
                node[0] += weight
                entry = 1 + p
                for a in range(p):
                    part = weight * z[a]
                    node[1 + a] += part
                    for b in range(a, p):
                        node[entry] += part * z[b]
                        entry += 1
