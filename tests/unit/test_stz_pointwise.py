"""Stress measures and plastic flow at one place, against full tensors."""

import numpy as np
import pytest
from stz_stages import MATERIAL, constants, geometry, plastic_flow, rates

from mdbridge.stz import pointwise
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.staggered import GHOST, Grid, ghosted


def test_plastic_flow_is_a_deviatoric_relaxation_along_the_stress():
    grid = Grid(4, 4)
    gamma, sigma, zz, chi = 0.3, np.array([[0.4, 1.3], [1.3, -0.2]]), 0.1, 0.1
    matrix = SimpleShear().matrix(gamma)
    back = np.linalg.inv(matrix)
    reference = back @ sigma @ back.T
    state = ghosted(5, grid.shape)
    values = (reference[0, 0], reference[0, 1], reference[1, 1], zz, chi)
    state[:5] = np.array(values)[:, None, None]
    still = geometry(gamma)._replace(stretch_xy=0.0)
    k = constants(grid)
    computed, (bound, stiffest, fastest, largest) = rates(state, ghosted(2, grid.shape), k, still)
    p = (np.trace(sigma) + zz) / 3.0
    s = sigma - p * np.eye(2)
    norm = np.sqrt(0.5 * (np.sum(s * s) + (zz - p) ** 2)) / MATERIAL.s_y
    d = MATERIAL.plastic_rate(np.array(norm), np.array(chi), 1e8)
    expected = back @ (-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * s) @ back.T
    computed = computed[:, 0, 0]
    assert computed[:3] == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-12)
    assert computed[3] == pytest.approx(-2.0 * MATERIAL.mu * d / (norm * MATERIAL.s_y) * (zz - p), rel=1e-12)
    assert computed[4] == pytest.approx(2.0 * norm * d * (0.13 - chi) / 0.5, rel=1e-12)
    assert plastic_flow(state, k, still) == pytest.approx(d, rel=1e-12)
    assert fastest == pytest.approx(d, rel=1e-12)
    assert bound >= stiffest > 2.0 * MATERIAL.mu * d / norm
    assert largest == pytest.approx(np.abs(reference).max())
    sums = pointwise.sums(state, k, still)
    assert np.array(sums) / 16 == pytest.approx([1.3, norm * MATERIAL.s_y, 2.0 * norm * MATERIAL.s_y * d])


def test_the_largest_overstress_is_that_of_any_cell_and_none_below_yield():
    grid = Grid(4, 7)
    k = constants(grid)
    for row, column in ((0, 0), (6, 3), (2, 3), (6, 0)):
        state = ghosted(5, grid.shape)
        # pure shear: s̃ is the stress over the yield stress
        state[1] = 0.9 * k.s_y
        assert pointwise.largest_overstress(state, k, geometry(0.0)) == 0.0
        state[1, GHOST + row, GHOST + column] = -1.7 * k.s_y
        assert pointwise.largest_overstress(state, k, geometry(0.0)) == pytest.approx(0.7)
