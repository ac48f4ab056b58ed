"""Green–Lagrange strain of homogeneous deformations."""

import numpy as np
import pytest

from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.greenlagrange import green_lagrange


def test_an_undisturbed_map_has_the_strain_of_the_frame():
    matrix = SimpleShear().matrix(0.3)
    strains = green_lagrange(np.zeros((2, 9, 10)), matrix, 1.0, 1.0)
    for component, value in zip(strains, (0.0, 0.15, 0.045), strict=True):
        assert component == pytest.approx(np.full((5, 6), value), abs=1e-15)


def test_homogeneous_maps_are_exact_on_any_spacing():
    dx, dy = 2.0, 3.0
    inside = np.array([[0.03, -0.2], [0.1, 0.05]])  # ∂u/∂X
    y, x = np.mgrid[0:9, 0:10]
    displacement = np.einsum("ij,jyx->iyx", inside, np.stack([x * dx, y * dy]))
    matrix = SimpleShear().matrix(0.4)
    deformation = matrix @ np.linalg.inv(np.eye(2) + inside)
    strain = 0.5 * (deformation.T @ deformation - np.eye(2))
    xx, xy, yy = green_lagrange(displacement, matrix, dx, dy)
    assert np.allclose([xx, xy, yy], strain[[0, 0, 1], [0, 1, 1]][:, None, None], rtol=1e-12, atol=1e-14)
