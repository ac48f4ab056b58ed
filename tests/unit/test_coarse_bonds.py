"""Hardy's bond function: against quadrature, and its identity with the force density."""

import numpy as np
import pytest
from cell_grids import LEANING, box_of, grid_of, offsets, on_grid
from scipy import integrate

from mdbridge.coarse import bonds, kernels, sums


@pytest.mark.parametrize("shape", range(len(kernels.SHAPES)))
@pytest.mark.parametrize("length", [1e-8, 1e-4, 0.3, 3.0])
def test_bond_function_is_the_integral_along_the_bond(shape, length):
    random = np.random.default_rng(shape)
    radius = 1.7
    for _ in range(60):
        p, c = random.standard_normal(3), length * random.standard_normal(3)
        nearest = p @ c / (c @ c)
        half = np.sqrt(max(0.0, radius**2 - p @ p + nearest * (p @ c)) / (c @ c))
        kinks = sorted({*np.clip([nearest - half, nearest, nearest + half], 0, 1)})
        expected, _ = integrate.quad(
            lambda s, p=p, c=c: kernels.smoothing(shape, float(np.linalg.norm(p - s * c)) / radius),
            0, 1, points=kinks, epsabs=1e-14, epsrel=1e-13, limit=200,
        )  # fmt: skip
        weight = bonds.bond_function(shape, float(p @ p), float(p @ c), float(c @ c), radius)
        assert weight == pytest.approx(expected, abs=3e-11)


def pairs(box, count=12, seed=5):
    random = np.random.default_rng(seed)
    return box.positions(random.random((count, 3))), 1.5 * random.standard_normal((count, 3))


@pytest.mark.parametrize(
    ("axes", "cells"),
    [("x", (6,)), ("xy", (5, 4)), ("yz", (4, 3)), pytest.param("xyz", (4, 3, 3), marks=pytest.mark.slow)],
)
def test_bonds_are_summed_over_all_images_in_a_leaning_box(axes, cells):
    grid, box = grid_of(axes, cells), box_of(LEANING)
    x, bond = pairs(box)
    values = np.random.default_rng(1).standard_normal((len(x), 2))
    lattice = grid.place(box)
    summed = bonds.bond_sums(lattice, lattice.coordinates(x), bond, values, 2.6, "paraboloid")
    expected = 0.0
    basis = next(iter(offsets(grid, box, x)))[1]  # any: for the number of directions
    projected = bond @ lattice.projection.T
    assert projected.shape[1] == basis.shape[-1]
    # midpoint rule with many points: the paraboloid has a kink at its rim alone
    for s in (np.arange(400) + 0.5) / 400:
        for _, away in offsets(grid, box, x + s * bond, images=2):
            tau = np.maximum(0.0, 1.0 - (away**2).sum(axis=-1) / 2.6**2)
            expected = expected + tau @ values / 400
    np.testing.assert_allclose(summed, on_grid(grid, expected), atol=3e-5)


def divergence_error(n, shape):
    """Of −Σ r f B against Σ τ f, relative, on a grid of n³ nodes; central differences."""
    box = box_of(np.diag([6.0, 6.0, 6.0]))
    x, bond = pairs(box, 40)
    force = np.random.default_rng(7).standard_normal((len(x), 3))
    lattice = grid_of("xyz", (n, n, n)).place(box)
    f = lattice.coordinates(x)
    # the bond goes from atom i to atom j; ``force`` is that on i, by j
    stress = bonds.bond_sums(
        lattice, f, bond, np.einsum("na,nb->nab", bond, force).reshape(-1, 9), 2.0, shape
    ).reshape(n, n, n, 3, 3)
    density = (
        sums.node_sums(lattice, f, force, 2.0, shape)[0]
        - sums.node_sums(lattice, lattice.coordinates(x + bond), force, 2.0, shape)[0]
    )
    h = 6.0 / n
    divergence = sum(
        (np.roll(stress[..., a, :], -1, axis=2 - a) - np.roll(stress[..., a, :], 1, axis=2 - a)) / (2 * h)
        for a in range(3)
    )
    return np.linalg.norm(divergence - density) / np.linalg.norm(density)


@pytest.mark.parametrize(
    ("shape", "slowest", "fastest"),
    # second order, but for the kink at the rim (and the tip) of functions that have one
    [("quartic", 1.8, 2.2), ("paraboloid", 1.1, 1.6), ("cone", 1.1, 1.6)],
)
def test_the_divergence_of_hardy_s_stress_is_the_force_density(shape, slowest, fastest):
    errors = np.array([divergence_error(n, shape) for n in (16, 32, 64)])
    orders = np.log2(errors[:-1] / errors[1:])
    assert errors[-1] < 0.02
    assert (orders > slowest).all() and (orders < fastest).all()
