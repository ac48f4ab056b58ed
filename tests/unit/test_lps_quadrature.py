"""Quadrature weights: exact on what they are made for, smallest, refused where points are too few."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from mdbridge.core.errors import InputError
from mdbridge.lps import quadrature, stencil

HORIZON = 12.0


def lattice(spacing=(4.0, 4.0), horizon=HORIZON, shift=0.0):
    axes = [h * np.arange(-9, 10) for h in spacing]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    z = z + np.random.default_rng(3).uniform(-shift, shift, z.shape)
    r = np.hypot(*z.T)
    return z[(r > 1e-9) & (r <= horizon * (1 + 1e-9))]


def exact(i, j, horizon):
    """∫ x^i y^j |z|^-3 over the ball: ∫ r^(i+j-2) dr ∫ cos^i sin^j dφ, by numerical integration."""
    angular = quad(lambda phi: np.cos(phi) ** i * np.sin(phi) ** j, 0, 2 * np.pi, epsabs=1e-13)[0]
    return angular * quad(lambda r: r ** (i + j - 2), 0, horizon)[0]


QUINTICS = [(i, j) for i, j in itertools.product(range(6), repeat=2) if 2 <= i + j <= 5]


@pytest.mark.parametrize("offsets", [lattice(), lattice((3.9, 4.1)), lattice(shift=1.0)])
def test_quintics_over_the_cube_are_integrated(offsets):
    weights = quadrature.weights(offsets, HORIZON)
    (x, y), r = offsets.T, np.hypot(*offsets.T)
    for i, j in QUINTICS:
        integral = np.sum(weights * x**i * y**j / r**3)
        assert integral == pytest.approx(exact(i, j, HORIZON), rel=1e-8, abs=1e-8 * HORIZON ** (i + j - 1))
    # degree one: the symmetry of the ball
    for component in (x, y):
        assert np.sum(weights * component / r**3) == pytest.approx(0, abs=1e-8)


def test_weights_are_the_smallest():
    """Minimal in ℓ2 means no part in the null space of the conditions."""
    offsets = lattice(shift=1.0)
    weights = quadrature.weights(offsets, HORIZON)
    (x, y), r = offsets.T / HORIZON, np.hypot(*offsets.T) / HORIZON
    rows = np.array([x**i * y**j / r**3 for i, j in [(1, 0), (0, 1), *QUINTICS]])
    _, values, v = np.linalg.svd(rows)
    null_space = v[np.sum(values > 1e-10 * values[0]) :]
    assert len(null_space) > 0
    np.testing.assert_allclose(null_space @ weights, 0, atol=1e-9 * np.abs(weights).max())


def test_weights_scale_with_the_area_and_follow_their_points():
    offsets = lattice(shift=1.0)
    weights = quadrature.weights(offsets, HORIZON)
    np.testing.assert_allclose(quadrature.weights(0.1 * offsets, 0.1 * HORIZON), 0.01 * weights, rtol=1e-8)
    order = np.random.default_rng(0).permutation(len(offsets))
    np.testing.assert_allclose(quadrature.weights(offsets[order], HORIZON), weights[order], rtol=1e-8)


def test_the_advised_horizon_suffices_and_a_smaller_one_is_refused():
    quadrature.weights(lattice(horizon=2.3 * 4.0), 2.3 * 4.0)
    quadrature.weights(lattice((3.9, 4.1), 2.3 * 4.1), 2.3 * 4.1)
    with pytest.raises(InputError, match=r"too few.* 2\.3 node spacings is enough on a grid"):
        quadrature.weights(lattice(horizon=1.5 * 4.0), 1.5 * 4.0)


def test_no_neighbours_at_all_are_refused():
    with pytest.raises(InputError, match="holds 0 neighbours"):
        quadrature.weights(np.empty((0, 2)), HORIZON)


def test_even_weights_satisfy_the_same_conditions_and_are_as_equal_as_possible():
    offsets = lattice((3.9, 4.1))
    smallest, even = quadrature.weights(offsets, HORIZON), quadrature.weights(offsets, HORIZON, even=True)
    rows = quintics(offsets)
    for row in rows:
        assert row @ even == pytest.approx(row @ smallest, abs=1e-9 * np.abs(row).sum() * 16)
    assert np.linalg.norm(even) > np.linalg.norm(smallest)
    # whatever keeps the conditions makes them less equal
    _, values, v = np.linalg.svd(rows)
    null_space = v[np.sum(values > 1e-10 * values[0]) :]
    np.testing.assert_allclose(null_space @ (even - even.mean()), 0, atol=1e-9)
    assert even.std() < smallest.std()


def test_even_weights_tend_to_the_area_of_a_cell_and_the_smallest_do_not():
    """At a fixed horizon, with ever finer nodes; the area is found, not given."""
    spread = {}
    for even in (False, True):
        ratios = [
            quadrature.weights(lattice((h, 1.1 * h), horizon=18.0), 18.0, even=even) / (1.1 * h**2)
            for h in (4.0, 2.0)
        ]
        spread[even] = [ratio.std() for ratio in ratios]
        assert ratios[1].mean() == pytest.approx(1.0, abs=0.05)
    assert spread[True][1] < 0.7 * spread[True][0]
    assert spread[False][1] > 1.5 * spread[True][1]


# --- strengths --------------------------------------------------------------------

KERNELS = {
    "1/r": lambda r: 1 / r,
    "constant": np.ones_like,
    "cone": lambda r: 1 - r / HORIZON,
    "sign-changing": lambda r: np.cos(2 * np.pi * r / HORIZON) + 0.6,
}
POINTS = {
    "square": lattice((3.1, 3.1)),
    "rectangle": lattice((2.9, 3.4)),
    "scattered": lattice((3.0, 3.0), shift=0.8),
}


def quintics(offsets):
    (x, y), r = offsets.T / HORIZON, np.hypot(*offsets.T) / HORIZON
    return np.array([x**i * y**j / r**3 for i, j in [(1, 0), (0, 1), *QUINTICS]])


def strengths(kind, points, kernel):
    values = KERNELS[kernel](np.hypot(*POINTS[points].T))
    return quadrature.rule(POINTS[points], HORIZON, kind).strengths(values[:, None])[:, 0]


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_isotropic_strengths_have_the_moments_of_the_continuum(points, kernel):
    """∫ K z⊗z = (m/2) δ and ∫ K z⊗z⊗z⊗z/|z|² = (m/8)(δδ + δδ + δδ), and none of odd order."""
    s, z = strengths("isotropic", points, kernel), POINTS[points]
    square = (z**2).sum(axis=1)
    m = s @ square
    assert abs(m) > 1e-3 * np.abs(s) @ square
    np.testing.assert_allclose(np.einsum("b,bi,bj->ij", s, z, z) / m, np.eye(2) / 2, atol=1e-12)
    fourth = np.einsum("b,bi,bj,bk,bl->ijkl", s / square, z, z, z, z, optimize=True) / m
    d = np.eye(2)
    expected = (
        sum(np.einsum(f"{a},{b}->ijkl", d, d) for a, b in (("ij", "kl"), ("ik", "jl"), ("il", "jk"))) / 8
    )
    np.testing.assert_allclose(fourth, expected, atol=1e-12)
    for odd in (np.einsum("b,bi->i", s, z), np.einsum("b,bi,bj,bk->ijk", s / HORIZON**2, z, z, z)):
        np.testing.assert_allclose(odd / m * HORIZON, 0, atol=1e-11)


@pytest.mark.parametrize("points", POINTS)
def test_for_1_over_r_the_isotropic_strengths_are_the_published_ones(points):
    published, isotropic = (strengths(kind, points, "1/r") for kind in ("published", "isotropic"))
    if points == "scattered":  # but for the third order over |z|, which quintics over |z|³ do not hold
        assert np.linalg.norm(isotropic - published) < 0.2 * np.linalg.norm(published)
    else:
        np.testing.assert_allclose(isotropic, published, atol=1e-12 * np.abs(published).max())


@pytest.mark.parametrize("kind", quadrature.QUADRATURES)
def test_strengths_are_linear_in_k_and_follow_their_points(kind):
    z = POINTS["scattered"]
    count = len(z) + len(quadrature.places(HORIZON, kind))
    first, second = np.random.default_rng(0).standard_normal((2, count, 3))
    rule = quadrature.rule(z, HORIZON, kind)
    both = rule.strengths(2.0 * first - 3.0 * second)
    np.testing.assert_allclose(both, 2.0 * rule.strengths(first) - 3.0 * rule.strengths(second), atol=1e-11)
    order = np.random.default_rng(1).permutation(len(z))
    bonds_moved = np.concatenate([order, np.arange(len(z), count)])
    moved = quadrature.rule(z[order], HORIZON, kind).strengths(first[bonds_moved])
    np.testing.assert_allclose(moved, rule.strengths(first)[order], atol=1e-8)
    small = quadrature.rule(0.1 * z, 0.1 * HORIZON, kind).strengths(first)
    np.testing.assert_allclose(100 * small, rule.strengths(first), atol=1e-8)


def test_without_anisotropy_the_strengths_are_the_weights_times_k():
    for kind, even in (("published", False), ("near-cell", True)):
        strength = strengths(kind, "rectangle", "cone")
        z = POINTS["rectangle"]
        w = quadrature.weights(z, HORIZON, even=even)
        np.testing.assert_array_equal(strength, w * KERNELS["cone"](np.hypot(*z.T)))


def test_unknown_quadratures_and_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"quadrature = 'simpson': must be one of 'published', 'near-cell'"):
        quadrature.rule(POINTS["square"], HORIZON, "simpson")
    few = np.random.default_rng(5).uniform(-8, 8, (17, 2))
    with pytest.raises(InputError, match="17 neighbours, too few to"):
        quadrature.rule(few, HORIZON, "isotropic")


def test_what_names_no_quadrature_has_the_isotropic_one_but_for_files():
    """A model of an earlier release stays what it was; see also test_lps_material.py."""
    assert (quadrature.DEFAULT, quadrature.PUBLISHED) == ("isotropic", "published")
    default, isotropic = (stencil.uniform((4.9, 5.1), 15.0, *name) for name in ((), ("isotropic",)))
    np.testing.assert_array_equal(default.strength, isotropic.strength)


@pytest.mark.parametrize("points", ["square", "scattered"])
def test_consistent_strengths_have_the_moments_of_the_integral(points):
    """Of any K: ∫ K x² dz = π ∫ K r³ dr and ∫ K x⁴/|z|² dz = 3π/4 ∫ K r³ dr, by quadrature of our own."""
    z = POINTS[points] if points in POINTS else POINTS["scattered"]

    def kernel(r):
        return np.cos(4 * r / HORIZON) / (0.1 + r / HORIZON)

    radii = np.concatenate([np.hypot(*z.T), quadrature.places(HORIZON, "consistent")])
    s = quadrature.rule(z, HORIZON, "consistent").strengths(kernel(radii)[:, None])[:, 0]
    r = (np.arange(100_000) + 0.5) * HORIZON / 100_000
    third = (kernel(r) * r**3).sum() * HORIZON / 100_000
    x, y = z.T
    for moment, value in (
        (x**2, np.pi), (y**2, np.pi), (x * y, 0), (x, 0), (x**3, 0), (x**2 * y, 0),
        (x**4 / (x**2 + y**2), 0.75 * np.pi), (x**3 * y / (x**2 + y**2), 0), (x**3 / (x**2 + y**2), 0),
    ):  # fmt: skip
        scale = third * HORIZON ** (np.round(np.log(np.abs(moment).max()) / np.log(np.abs(z).max())) - 2)
        assert s @ moment == pytest.approx(value * third, abs=1e-6 * abs(scale))


def test_waves_are_integrated_as_by_many_small_cells():
    """Sums over a fine grid, of a function that vanishes smoothly at the horizon, are the integrals."""
    step = 0.05
    line = np.arange(-1.0 + step / 2, 1.0, step)
    z = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    z = z[np.hypot(*z.T) < 1.0]

    def influence(r):
        return (1.0 - r**2) ** 3

    rows, wanted = quadrature._waves(z, 0.25)
    sums = rows @ (influence(np.hypot(*z.T)) * step**2)
    integrals = wanted @ influence(quadrature._GAUSS[0])
    np.testing.assert_allclose(sums, integrals, atol=2e-3 * np.abs(integrals).max())
