"""The assembled LPS operator against its equations, one bond at a time."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from node_lattices import grid, middle

from mdbridge.core.errors import SolvabilityError
from mdbridge.lps import operator, quadrature
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.material import LinearPeridynamicSolid as Solid
from mdbridge.lps.material import combined
from mdbridge.lps.neighbourhoods import neighbourhoods
from mdbridge.lps.operator import operator_rows

# sums by the book are those of the published weights
LinearPeridynamicSolid = functools.partial(Solid, quadrature="published")

SIGN_CHANGING = LinearPeridynamicSolid(
    Bernstein(15.0, np.array([-1.4, -0.8, 2.8, 1.0]), (1.2,)), -0.197, 0.722
)
SPLINE = BSpline(15.0, np.array([3.0, -1.0, 0.5, 1.4, 0.3]))
# K = 1/r makes K z⊗z and K z⊗z⊗z/|z|² quintics over |z|³: what the weights integrate exactly.
INVERSE = LinearPeridynamicSolid(Bernstein(15.0, np.array([1.0]), (1.0,)), -0.197, 0.722)


def affine(points, gradient):
    return (points @ np.array(gradient).T + 0.3).ravel()


def image(points, material, u):
    rows = operator_rows(points, None, material, middle(points))
    return rows, rows(u.reshape(-1, 2)[rows.columns].ravel())


def by_the_book(points, material, u, i):
    """L u at point i, [You2022, eqs. 3.6-3.7], written out with C1 = 2, C2 = 16."""
    delta, kernel = material.influence.horizon, material.influence

    def family(i):
        z = np.delete(points - points[i], i, axis=0)
        kept = np.hypot(*z.T) <= delta
        z = z[kept]
        return np.delete(np.arange(len(points)), i)[kept], z, quadrature.weights(z, delta)

    def dilatation(i):
        j, z, w = family(i)
        kw = kernel(np.hypot(*z.T)) * w
        return 2 / np.sum(kw * (z**2).sum(1)) * np.sum(kw * np.sum(z * (u[j] - u[i]), axis=1))

    j, z, w = family(i)
    kw = kernel(np.hypot(*z.T)) * w
    m = np.sum(kw * (z**2).sum(1))
    theta = np.array([dilatation(i) + dilatation(k) for k in j])
    stretch = np.sum(z * (u[j] - u[i]), axis=1) / (z**2).sum(1)
    lam, mu = material.lame_lambda, material.lame_mu
    return -2 * (lam - mu) / m * (kw * theta) @ z - 16 * mu / m * (kw * stretch) @ z


@pytest.mark.parametrize("perturbation", [0.0, 1.0])
@pytest.mark.parametrize("solid", [SIGN_CHANGING, replace(SIGN_CHANGING, influence=SPLINE)])
def test_rows_are_the_published_sums(solid, perturbation):
    points = grid(perturbation=perturbation)
    u = np.random.default_rng(1).standard_normal((len(points), 2))
    rows, force = image(points, solid, u)
    expected = np.array([by_the_book(points, solid, u, i) for i in rows.rows])
    np.testing.assert_allclose(force.reshape(-1, 2), expected, atol=1e-12 * np.abs(expected).max())


def test_factors_matrix_diagonal_and_restriction_agree():
    points = grid(perturbation=1.0)
    rows = operator_rows(points, None, SIGN_CHANGING, middle(points))
    matrix = rows.matrix().toarray()
    np.testing.assert_allclose(rows(np.eye(matrix.shape[1])), matrix, atol=1e-15)
    own = np.searchsorted(rows.columns, rows.rows)
    entries = np.stack([2 * own, 2 * own + 1], axis=1).ravel()
    np.testing.assert_allclose(rows.diagonal(), matrix[np.arange(len(entries)), entries], atol=1e-15)
    kept = np.isin(rows.columns, rows.rows)
    part = rows.restrict(kept)
    np.testing.assert_array_equal(part.matrix().toarray(), matrix[:, np.repeat(kept, 2)])
    np.testing.assert_array_equal(part.columns, rows.rows)


def test_factors_of_shares_are_those_of_the_rows():
    points, box = grid(8, perturbation=0.5), np.full(2, 40.0)
    every = np.arange(len(points))
    around = neighbourhoods(points, box, 15.0, every, "published")
    shares = operator.bond_shares(around, SIGN_CHANGING.influence)
    dilatation, coupling, deviatoric = operator.factors_of_shares(around, every, shares)
    lame = (SIGN_CHANGING.lame_lambda, SIGN_CHANGING.lame_mu)
    whole = combined(*lame, coupling @ dilatation, deviatoric)
    assert abs(whole - operator_rows(points, box, SIGN_CHANGING, every).matrix()).max() < 1e-12
    # of some rows alone
    some = every[::3]
    _, part, _ = operator.factors_of_shares(around, some, shares)
    assert abs(part - coupling[np.repeat(every % 3 == 0, 2)]).max() == 0


def test_rows_do_not_depend_on_which_others_are_made():
    points = grid(perturbation=1.0)
    every = operator_rows(points, None, SIGN_CHANGING, middle(points))
    single = operator_rows(points, None, SIGN_CHANGING, every.rows[3:4])
    u = np.random.default_rng(2).standard_normal((len(points), 2))
    first = every(u[every.columns].ravel())[6:8]
    np.testing.assert_allclose(single(u[single.columns].ravel()), first, rtol=1e-12)


@pytest.mark.parametrize("perturbation", [0.0, 1.0])
def test_rigid_motions_cost_nothing_whatever_the_points_and_the_kernel(perturbation):
    points = grid(perturbation=perturbation)
    _, force = image(points, SIGN_CHANGING, affine(points, [[0, -0.1], [0.1, 0]]))
    assert np.abs(force).max() < 1e-14


@pytest.mark.parametrize("spacing", [(5.0, 5.0), (4.93, 5.04)])
def test_affine_displacements_are_in_balance_on_uniform_grids(spacing):
    points = grid(spacing=spacing)
    _, force = image(points, SIGN_CHANGING, affine(points, [[0.1, 0.03], [-0.02, 0.07]]))
    assert np.abs(force).max() < 1e-14


def test_affine_displacements_on_scattered_points():
    """Exact if the weights integrate K z⊗z, and only then: that is all the discretisation promises."""
    points = grid(perturbation=1.0)
    u = affine(points, [[0.1, 0.03], [-0.02, 0.07]])
    rows, force = image(points, INVERSE, u)
    assert np.abs(force).max() < 1e-14
    dilatation = rows.dilatation @ u.reshape(-1, 2)[rows.columns].ravel()
    np.testing.assert_allclose(dilatation, 0.17, rtol=1e-11)
    _, other = image(points, SIGN_CHANGING, u)
    assert np.abs(other).max() > 1e-5


def test_a_vanishing_weighted_volume_is_refused():
    points = grid()
    centre = middle(points, 1.0)
    around = neighbourhoods(points, None, 15.0, centre, "published")
    r = np.maximum(np.hypot(*around.offsets.T), 1e-9)
    parts = [
        np.sum(around.weights * r**2 * Bernstein(15.0, np.array(d), (1.0,))(r)) for d in ([1, 0], [0, 1])
    ]
    influence = Bernstein(15.0, np.array([parts[1], -parts[0]]), (1.0,))
    with pytest.raises(SolvabilityError, match="weighted volume"):
        operator_rows(points, None, LinearPeridynamicSolid(influence, 0.1, 0.7), centre)


def test_springs_are_local_elasticity():
    points = grid()
    matrix, columns = operator.neighbour_springs(points, None, INVERSE, np.arange(len(points)))
    dense = matrix.toarray()
    np.testing.assert_allclose(dense, dense.T, atol=1e-15)
    assert np.linalg.eigvalsh(dense).min() > -1e-12
    np.testing.assert_array_equal(columns, np.arange(len(points)))
    x, y = points.T
    modulus = np.sqrt((-0.197 + 2 * 0.722) / 3 * 0.722)
    # −2 G ∇∇·u − G Δu of u = (x² + x y, y²) is −G (4 + 2, 2 + 4 + 2)
    force = (dense @ np.stack([x**2 + x * y, y**2], axis=1).ravel()).reshape(-1, 2)[middle(points)]
    np.testing.assert_allclose(force, np.tile([-6 * modulus, -8 * modulus], (len(force), 1)), rtol=1e-10)
