"""Finite elements of a body: linear fields, rigid motions, loads."""

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.lps import elements

MODULI = {"C11": 1.3, "C22": 1.1, "C12": 0.3, "C66": 0.45}
GRADIENT = np.array([[0.01, 0.004], [-0.002, 0.007]])


@pytest.mark.parametrize(
    "body", [made.plate_with_hole(spacing=(1.0, 1.2)), made.scattered(20)], ids=["cells", "triangles"]
)
def test_a_uniform_stress_is_balanced_by_its_tractions(body):
    everything = np.ones(len(body.points), dtype=bool)
    rows = elements.stiffness_rows(body, elements.elasticity(MODULI), 0, len(body.points), everything)
    assert abs(rows - rows.T).max() < 1e-12
    stress = made.stress_of(GRADIENT, MODULI)
    force = elements.facet_loads(body, np.arange(len(body.facets)), lambda _, normal: normal @ stress)
    displacement = body.points @ GRADIENT.T + [3.0, -2.0]
    np.testing.assert_allclose(rows @ displacement.ravel(), force.ravel(), atol=1e-12)
    turned = np.stack([-body.points[:, 1], body.points[:, 0]], axis=1)
    np.testing.assert_allclose(rows @ turned.ravel(), 0, atol=1e-11)


def test_rows_of_a_strip_are_those_of_the_whole():
    body, matrix = made.plate_with_hole(half=12), elements.elasticity(MODULI)
    count = len(body.points)
    whole = elements.stiffness_rows(body, matrix, 0, count, np.ones(count, dtype=bool))
    wanted = np.arange(count) % 3 > 0
    part = elements.stiffness_rows(body, matrix, 100, 150, wanted)
    kept = np.repeat(wanted[100:150], 2)
    assert abs(part[kept] - whole[200:300][kept]).max() < 1e-14
    assert part[~kept].nnz == 0


def test_loads_have_the_resultant_and_the_moment_of_the_traction():
    body = made.plate_with_hole()
    right = np.flatnonzero((body.points[body.facets][:, :, 0] > 22 - 1e-9).all(axis=1))
    force = elements.facet_loads(body, right, lambda x, _: np.stack([x[:, 1], 0 * x[:, 1] + 2], axis=1))
    np.testing.assert_allclose(force.sum(axis=0), [0, 2 * 44], atol=1e-11)
    assert (-body.points[:, 1] * force[:, 0]).sum() == pytest.approx(-2 * 22**3 / 3)  # ∫ y² dy, exactly


@pytest.mark.parametrize("body", [made.plate_with_hole(), made.scattered(20)], ids=["cells", "triangles"])
def test_means_over_what_nodes_stand_for(body):
    areas = elements.areas(body)
    uniform = elements.node_means(body, lambda x: np.full(x.shape, [2.0, -3.0]))
    np.testing.assert_allclose(uniform, np.tile([2.0, -3.0], (len(areas), 1)), rtol=1e-12)
    # the integrals of linear functions: those of the elements, by their centres
    total = areas @ elements.node_means(body, lambda x: x)
    corners = body.points[body.triangles]
    wanted = elements.triangle_areas(body) @ corners.mean(axis=1)
    if len(body.quads):
        wanted += body.points[body.quads].mean(axis=1).sum(axis=0)
    np.testing.assert_allclose(total, wanted, atol=1e-9)


def test_a_jump_is_shared_by_the_nodes_beside_it():
    body = made.plate_with_hole()
    means = elements.node_means(body, lambda x: np.stack([x[:, 0] > 12.25, x[:, 0] > 12.5], axis=1))
    inner = np.abs(body.points[:, 1]) < 20
    for x, wanted in ((12.0, [0.25, 0.0]), (13.0, [1.0, 1.0]), (11.0, [0.0, 0.0])):
        column = inner & (np.abs(body.points[:, 0] - x) < 1e-9)
        np.testing.assert_allclose(means[column], np.tile(wanted, (column.sum(), 1)))
