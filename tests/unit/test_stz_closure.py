"""What the velocity adds: elasticity in the sheared frame."""

import numpy as np
import pytest
from stz_stages import MATERIAL, constants, geometry, rates

from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.staggered import Grid, ghosted


def test_stress_turns_and_stretches_with_a_linear_velocity():
    """[Kontolati2021, eq. 30] below yield: Truesdell rate and elasticity in full tensors, at one cell."""
    grid, gamma = Grid(6, 5, 60.0, 40.0), 0.4
    matrix, stretching = SimpleShear().matrix(gamma), np.array([[0.0, 0.5], [0.5, 0.0]])
    gradient, stress, zz = np.array([[0.3, -0.7], [0.2, 0.4]]), np.array([[0.2, 0.1], [0.1, -0.3]]), 0.05
    state, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    state[:5] = np.array([stress[0, 0], stress[0, 1], stress[1, 1], zz, 0.1])[:, None, None]
    rows, columns = np.indices(state.shape[1:])
    velocity[...] = np.einsum("ij,jyx->iyx", gradient, [columns * grid.dx, rows * grid.dy])
    computed = rates(state, velocity, constants(grid), geometry(gamma))[0][:, 2, 3]
    back = np.linalg.inv(matrix)
    physical = matrix @ gradient @ back
    strain_rate = 0.5 * (physical + physical.T) + stretching
    elastic = 2.0 * MATERIAL.mu * strain_rate + MATERIAL.lame_lambda * np.trace(strain_rate) * np.eye(2)
    carried = gradient @ stress + stress @ gradient.T - np.trace(gradient) * stress
    expected = carried + back @ elastic @ back.T
    assert computed[:3] == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-12)
    out_of_plane = MATERIAL.lame_lambda * np.trace(strain_rate) - np.trace(gradient) * zz
    assert computed[3] == pytest.approx(out_of_plane, rel=1e-12)
