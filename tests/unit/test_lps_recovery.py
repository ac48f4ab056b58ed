"""Strains of displacement fields."""

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.lps import elements, geometry, recovery


@pytest.mark.parametrize(
    "body",
    [
        made.plate_with_hole(spacing=(1.0, 1.2)),
        made.scattered(20),
        geometry.fill([made.rectangle(0, 12, 0, 1)], (1.0, 1.0), 3.0),
    ],
    ids=["cells", "scattered", "a strip one element wide"],
)
def test_linear_fields_are_exact_everywhere(body):
    u = body.points @ np.array([[0.01, 0.004], [-0.002, 0.007]]).T + [1e3, -2e3]
    strain = recovery.strains(body, u)
    np.testing.assert_allclose(strain, np.tile([0.01, 0.007, 0.001], (len(strain), 1)), atol=1e-11)


@pytest.mark.parametrize("body", [made.plate_with_hole(), made.scattered(20)], ids=["cells", "scattered"])
def test_quadratic_fields_are_exact_up_to_the_boundary(body):
    x, y = body.points.T
    strain = recovery.strains(body, np.stack([x**2 + x * y, y**2 - 3 * x * y], axis=1))
    expected = np.stack([2 * x + y, 2 * y - 3 * x, (x - 3 * y) / 2], axis=1)
    np.testing.assert_allclose(strain, expected, atol=1e-9)


def test_nothing_is_smeared_over_a_gap():
    body = geometry.fill([made.rectangle(0, 10, 0, 6), made.rectangle(10.3, 20, 0, 6)], (1.0, 1.0), 3.0)
    right = body.points[:, 0] > 10.1
    u = np.where(right[:, None], body.points * 0.02, body.points * -0.01)
    np.testing.assert_allclose(recovery.strains(body, u)[:, 0], np.where(right, 0.02, -0.01), atol=1e-12)


def test_stress_and_energy_of_a_strain():
    matrix = elements.elasticity({"C11": 3.0, "C22": 2.0, "C12": 1.0, "C66": 0.5})
    strain = np.array([[0.1, -0.2, 0.3]])
    stress = recovery.stresses(strain, matrix)
    np.testing.assert_allclose(stress, [[0.1, -0.3, 0.3]])
    np.testing.assert_allclose(recovery.energy_density(strain, stress), [(0.01 + 0.06 + 2 * 0.09) / 2])
