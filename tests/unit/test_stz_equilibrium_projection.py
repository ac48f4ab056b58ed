"""The Fourier projection: balance after it, null vectors, what it refuses."""

import numpy as np
import pytest
from stz_divergence import divergence

from mdbridge.core.errors import InputError
from mdbridge.stz.closure import close
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.pointwise import Constants, Geometry
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def project(nx, ny, frame, gamma):
    """A random stress rate, projected: its divergence before and after, and V."""
    grid = Grid(nx, ny, 400.0, 300.0)
    domain = WholeGrid(grid)
    matrix = FRAMES[frame]().matrix(gamma)
    k = Constants(MATERIAL.mu, MATERIAL.lame_lambda, 1, 1, 1, 1, 1, grid.dx, grid.dy)
    t = Geometry(*matrix.ravel().tolist(), 0.0, 0.0, 0.0)
    stress_rate, velocity = ghosted(5, grid.shape), ghosted(2, grid.shape)
    owned(stress_rate)[:3] = np.random.default_rng(3).standard_normal((3, ny, nx))
    domain.fill(stress_rate)
    before = divergence(stress_rate[:3], grid, matrix)
    FourierProjection(domain, MATERIAL).solve(before.copy(), matrix, velocity)
    domain.fill(velocity)
    close(velocity, np.zeros(grid.shape), k, t, 1.0, stress_rate)
    domain.fill(stress_rate)
    after = divergence(stress_rate[:3], grid, matrix)
    return before, after, owned(velocity)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(("nx", "ny"), [(16, 16), (12, 20), (9, 16), (15, 7)])
def test_momentum_is_balanced_after_the_projection(frame, nx, ny):
    before, after, velocity = project(nx, ny, frame, 0.4)
    assert np.abs(after).max() < 1e-13 * np.abs(before).max()
    assert np.abs(velocity.mean(axis=(1, 2))).max() < 1e-13 * np.abs(velocity).max()


def test_no_checkerboard_enters_the_velocity():
    _, _, velocity = project(16, 16, "simple", 0.4)
    board = 1 - 2 * (np.indices((16, 16)).sum(axis=0) % 2)
    assert np.abs((velocity * board).mean(axis=(1, 2))).max() < 1e-13 * np.abs(velocity).max()


def test_a_clamped_grid_is_refused():
    with pytest.raises(InputError, match="petsc"):
        FourierProjection(WholeGrid(Grid(8, 8, boundary="clamped")), MATERIAL)
