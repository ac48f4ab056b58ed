"""Rows of two kinds side by side."""

import itertools

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.lps import bodies, elements, operator
from mdbridge.lps.coupling import coupled_rows, nonlocal_nodes

BODIES = {"lattice": made.plate_with_hole, "scattered": made.scattered}


def parts(body, solid, bounds):
    matrix, areas = elements.elasticity(bodies.effective_moduli(body, solid)), elements.areas(body)
    deep = nonlocal_nodes(body, solid.influence.horizon)
    pairs = itertools.pairwise(bounds)
    return deep, areas, [coupled_rows(body, solid, deep, matrix, areas, a, b) for a, b in pairs]


@pytest.mark.parametrize("name", BODIES)
def test_inside_they_are_the_nonlocal_operator(name):
    body, solid = BODIES[name](), made.material(3.5, made.SIGN_CHANGING, 0.5)
    deep, areas, (rows,) = parts(body, solid, [0, len(body.points)])
    nodes = np.flatnonzero(deep)
    assert len(nodes) > 100
    exact = operator.operator_rows(body.points, None, solid, nodes)
    u = np.random.default_rng(1).standard_normal(body.points.shape)
    force = rows(u[rows.columns].ravel()).reshape(-1, 2)[nodes] / areas[nodes, None]
    expected = exact(u[exact.columns].ravel()).reshape(-1, 2)
    np.testing.assert_allclose(force, expected, atol=1e-11 * np.abs(expected).max())
    diagonal = rows.diagonal.reshape(-1, 2)[nodes] / areas[nodes, None]
    np.testing.assert_allclose(diagonal.ravel(), exact.diagonal(), rtol=1e-10)


@pytest.mark.parametrize("name", BODIES)
def test_linear_displacements_are_in_balance_inside(name):
    body, solid = BODIES[name](), made.material(3.5, made.SIGN_CHANGING, 0.5, quadrature="isotropic")
    _, _, (rows,) = parts(body, solid, [0, len(body.points)])
    u = body.points @ np.array([[0.01, 0.004], [-0.002, 0.007]]).T
    force = np.abs(rows(u[rows.columns].ravel()).reshape(-1, 2)).max(axis=1)
    inside = np.setdiff1d(np.arange(len(u)), body.facets)
    assert force[inside].max() < 1e-12
    assert force.max() > 1e-3  # the boundary without its tractions


@pytest.mark.parametrize("name", BODIES)
def test_strips_of_any_size_give_the_same(name):
    body, solid = BODIES[name](), made.material()
    count = len(body.points)
    u = np.random.default_rng(2).standard_normal(body.points.shape)
    _, _, (whole,) = parts(body, solid, [0, count])
    _, _, strips = parts(body, solid, [0, count // 5, count // 2, count])
    pieces = [strip(u[strip.columns].ravel()) for strip in strips]
    expected = whole(u[whole.columns].ravel())
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-12 * np.abs(expected).max())
