"""The Fourier projection: balance after it, null vectors, what it refuses."""

import numpy as np
import pytest

from mdbridge.errors import InputError
from mdbridge.stz import kernels
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.grid import Grid, WholeGrid, ghosted, owned
from mdbridge.stz.model import Material
from mdbridge.stz.projection import FourierProjection

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def project(nx, ny, frame, gamma):
    """A random stress rate, projected: its divergence before and after, and V."""
    grid = Grid(nx, ny, 400.0, 300.0)
    domain = WholeGrid(grid)
    matrix = FRAMES[frame]().matrix(gamma)
    k = kernels.Constants(MATERIAL.mu, MATERIAL.lame_lambda, 1, 1, 1, 1, 1, grid.dx, grid.dy)
    t = kernels.Geometry(*matrix.ravel().tolist(), 0.0, 0.0, 0.0)
    stress_rate = ghosted(3, grid.shape)
    owned(stress_rate)[...] = np.random.default_rng(3).standard_normal((3, ny, nx))
    domain.fill(stress_rate)
    before, after = np.zeros((2, ny, nx)), np.zeros((2, ny, nx))
    kernels.imbalance(stress_rate, k, t, ny, before)
    velocity, rate = ghosted(2, grid.shape), ghosted(7, grid.shape)
    FourierProjection(domain, MATERIAL).solve(before.copy(), matrix, velocity)
    domain.fill(velocity)
    nothing = np.zeros((2, ny + 4, nx + 4))
    made = kernels.Local(*nothing, stress_rate, np.zeros((ny, nx)), np.zeros((2, ny, nx)))
    kernels.rates(ghosted(7, grid.shape), velocity, made, k, t, rate)
    domain.fill(rate)
    kernels.imbalance(rate[:3], k, t, ny, after)
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
