"""Bodies and materials that several tests solve."""

import numpy as np

from mdbridge.lps import elements, geometry
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

SIGN_CHANGING = (1.0, 2.0, -1.0, 1.5, -0.4)


def material(horizon=3.5, coefficients=(1.0,), alpha=1.0, lame=(0.3, 0.5), quadrature="published"):
    influence = Bernstein(horizon, np.array(coefficients, dtype=float), (alpha,))
    return LinearPeridynamicSolid(influence, *lame, quadrature=quadrature)


def rectangle(left, right, bottom, top, kind=geometry.OUTLINE):
    corners = [[left, bottom], [right, bottom], [right, top], [left, top]]
    return geometry.Loop(np.array(corners, dtype=float), kind)


def plate_with_hole(half=22.0, radius=5.0, spacing=(1.0, 1.0), reach=9.0):
    hole = geometry.disc((0.3, 0.1), radius, min(spacing), geometry.HOLE)
    return geometry.fill([rectangle(-half, half, -half, half), hole], spacing, reach)


def l_shape(size=50.0, reach=9.0):
    corners = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]) * size / 2
    return geometry.fill([geometry.Loop(corners)], (1.0, 1.0), reach)


def scattered(count=30, moved=0.15, seed=0):
    nodes = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2).astype(float)
    return geometry.join(nodes + moved * np.random.default_rng(seed).uniform(-1, 1, nodes.shape), 9.0)


def sparse_lattices():
    """Nodes that lie on a rectangular lattice and leave some of its places, or half of them, empty."""
    grid = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    shift = grid[:, 1:] % 2 * [0.5, 0.0]
    even = grid.sum(axis=1) % 2 == 0
    return {
        "triangular": (grid + shift) * [1.0, np.sqrt(3) / 2],
        "body-centred": (1.3 * grid / np.sqrt(2))[even],
        "two grids": np.concatenate([grid, np.add(grid, [0.5, 40.0])]),
        "vacancy": grid[(grid != [15.0, 14.0]).any(axis=1)],
    }


def stress_of(gradient, moduli):
    """The uniform stress ``2 x 2`` of a displacement gradient."""
    (a, b), (c, d) = gradient
    xx, yy, xy = elements.elasticity(moduli) @ [a, d, b + c]
    return np.array([[xx, xy], [xy, yy]])
