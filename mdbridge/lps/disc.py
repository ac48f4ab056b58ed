"""Classical and gradient elasticity inside a disc of nodes, between which displacements and loads are smooth.

The local theory is solved on nodes several times finer than those of the samples, so that its error is the
theory's own and not that of differences on coarse nodes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.spatial import cKDTree

from .local import GradientElasticity, solve_on_grid

Array = NDArray[np.float64]
# of the spline: at 5 Å its error in a wave of 40 Å is 1e-4; more would let values far away have a say
_ORDER = 5
_LARGEST = 20_000  # unknown nodes of a fine grid; the factors of a matrix grow faster than these


@dataclass(frozen=True)
class Lattice:
    """The regular grid that the disc's nodes are part of, cut to what is solved and what surrounds it.

    Attributes:
        x, y: coordinates of the lines (Å).
        node: ``(nx, ny)`` the disc's node at each place, or the nearest one where there is none.
        free: ``(nx, ny)`` whether it is solved for.
    """

    x: Array
    y: Array
    node: NDArray[np.int64]
    free: NDArray[np.bool_]

    @property
    def spacing(self) -> Array:
        """``(2,)`` (Å)."""
        return np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])


def lattice(nodes: Array, spacing: Array, inside: NDArray[np.bool_]) -> Lattice:
    """The grid of ``nodes`` ``(n, 2)`` (Å), with room for a spline around those ``inside``."""
    origin = nodes[inside].min(axis=0) - (_ORDER + 1) * spacing
    count = np.rint(np.ptp(nodes[inside], axis=0) / spacing).astype(int) + 2 * (_ORDER + 1) + 1
    x, y = (start + step * np.arange(n) for start, step, n in zip(origin, spacing, count, strict=True))
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    # corners beyond the disc take the nearest value: a spline forgets it within the few nodes in between
    node = np.asarray(cKDTree(nodes).query(places)[1], dtype=np.int64)
    there = np.linalg.norm(nodes[node] - places, axis=-1) < 1e-6 * spacing.max()
    return Lattice(x, y, node, inside[node] & there)


def differences(lame_lambda: float, lame_mu: float, grid: Lattice, loads: Array, known: Array) -> Array:
    """Second-order differences on the nodes themselves: u of all nodes ``(s, n, 2)`` (Å)."""
    u = solve_on_grid(lame_lambda, lame_mu, grid.spacing, grid.free, loads[:, grid.node], known[:, grid.node])
    solved = known.copy()
    solved[:, grid.node[grid.free]] = u[:, grid.free]
    return solved


def converged(
    elasticity: GradientElasticity, grid: Lattice, radius: float, loads: Array, known: Array
) -> Array:
    """The local theory inside ``radius`` (Å), with u given around it: u of all nodes ``(s, n, 2)`` (Å).

    Two fine grids, extrapolated to none (errors of second order cancel).  Gradient elasticity is solved to
    first order in its lengths: as classical elasticity under b + ℓ_L ∇∇·b + ℓ_T (Δb − ∇∇·b), whose solution
    differs by ℓ² k⁴; without load inside there is no difference at all.

    Args:
        elasticity: the constants.
        grid: of the nodes.
        radius: of the disc around the origin that is solved for.
        loads: b ``(s, n, 2)`` (TPa/Å).
        known: u ``(s, n, 2)`` (Å), read around the disc, and by the spline that continues it to its edge.
    """
    finest = int(np.sqrt(_LARGEST / max(grid.free.sum(), 1)))
    parts = max(2, min(8, finest // 2 * 2))
    coarse, fine = (_on_finer(elasticity, grid, radius, loads, known, n) for n in (parts // 2, parts))
    solved = known.copy()
    solved[:, grid.node[grid.free]] = (4 * fine - coarse)[:, grid.free] / 3
    return solved


def _on_finer(
    elasticity: GradientElasticity, grid: Lattice, radius: float, loads: Array, known: Array, parts: int
) -> Array:
    """u on the grid's own nodes ``(s, nx, ny, 2)`` from one with ``parts`` times as many lines."""
    x, y = (_finer(line, parts) for line in (grid.x, grid.y))
    free = np.hypot(x[:, None], y[None, :]) < radius
    mu = elasticity.transverse
    u = solve_on_grid(
        elasticity.longitudinal - 2 * mu,
        mu,
        grid.spacing / parts,
        free,
        np.stack([_equivalent_load(elasticity, grid, sample[grid.node], x, y) for sample in loads]),
        np.stack([_spread(grid, sample[grid.node], x, y) for sample in known]),
    )
    return u[:, ::parts, ::parts]


def _equivalent_load(elasticity: GradientElasticity, grid: Lattice, b: Array, x: Array, y: Array) -> Array:
    """The load under which classical elasticity answers as gradient elasticity does, ``(nx, ny, 2)``."""
    splines = [RectBivariateSpline(grid.x, grid.y, b[..., axis], kx=_ORDER, ky=_ORDER) for axis in (0, 1)]

    def slope(axis: int, dx: int, dy: int) -> Array:
        return np.asarray(splines[axis](x, y, dx=dx, dy=dy))

    longitudinal, transverse = elasticity.longitudinal_length2, elasticity.transverse_length2
    # ∇∇·b and Δb, component by component
    compressing = [slope(0, 2, 0) + slope(1, 1, 1), slope(0, 1, 1) + slope(1, 0, 2)]
    return np.stack(
        [
            slope(axis, 0, 0)
            + longitudinal * compressing[axis]
            + transverse * (slope(axis, 2, 0) + slope(axis, 0, 2) - compressing[axis])
            for axis in (0, 1)
        ],
        axis=-1,
    )


def _spread(grid: Lattice, values: Array, x: Array, y: Array) -> Array:
    """Values ``(nx, ny, 2)`` of the grid on finer lines, by a spline."""
    splines = [
        RectBivariateSpline(grid.x, grid.y, values[..., axis], kx=_ORDER, ky=_ORDER) for axis in (0, 1)
    ]
    return np.stack([spline(x, y) for spline in splines], axis=-1)


def _finer(line: Array, parts: int) -> Array:
    """The line's coordinates with ``parts`` steps for each."""
    return np.linspace(line[0], line[-1], (len(line) - 1) * parts + 1)
