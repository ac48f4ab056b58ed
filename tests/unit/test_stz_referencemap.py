"""The reference map against characteristics that are known."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from mdbridge.stz.referencemap import ReferenceMap
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned


def corners(grid):
    y, x = np.mgrid[0 : grid.ny, 0 : grid.nx]
    return x * grid.dx, y * grid.dy


def carried(grid, steps, drift=90.0, end=0.5):
    """u at γ = ``end`` in V = (A (1 + γ) sin ky, drift): flow along x that grows, while all moves along y."""
    domain, (_, y) = WholeGrid(grid), corners(grid)
    carrier = ReferenceMap(domain, False, False)
    start, after = ghosted(2, grid.shape), ghosted(2, grid.shape)
    for number in range(steps):
        for fields, gamma in ((start, number / steps * end), (after, (number + 1) / steps * end)):
            owned(fields)[0] = 60.0 * (1.0 + gamma) * np.sin(2.0 * np.pi / grid.ly * y)
            owned(fields)[1] = drift
            domain.fill(fields)
        carrier.carry(end / steps, start, after, end / steps * (90.0 / grid.dx + drift / grid.dy))
    return owned(carrier.displacement)


def exact(grid, drift=90.0, end=0.5):
    """X_ref = X − ∫ V along the path that ends at X: y(γ) = Y − drift (end − γ)."""
    _, y = corners(grid)
    gamma = np.linspace(0.0, end, 20001)[:, None]
    phase = 2.0 * np.pi / grid.ly * (y[:, 0] - drift * (end - gamma))
    along_x = -trapezoid(60.0 * (1.0 + gamma) * np.sin(phase), gamma[:, 0], axis=0)
    return np.stack([np.broadcast_to(along_x[:, None], y.shape), np.full(y.shape, -drift * end)])


def test_the_map_follows_the_characteristics_to_second_order():
    errors = []
    for n in (32, 64, 128):
        grid = Grid(n, n, 400.0, 300.0)
        errors.append(np.abs(carried(grid, 2 * n) - exact(grid)).mean(axis=(1, 2)))
    along_x, along_y = np.array(errors).T
    assert np.all(along_y < 1e-12)  # all of it moves along y
    assert np.log2(along_x[:-1] / along_x[1:]) == pytest.approx(2.0, abs=0.3)


def test_a_step_across_many_cells_is_taken_in_parts():
    """Steps in each of which the flow crosses some six cells: stable, and as good as short ones."""
    grid = Grid(32, 32)
    expected = exact(grid, drift=1200.0)[0]
    errors = [np.abs(carried(grid, steps, drift=1200.0)[0] - expected).max() for steps in (160, 8)]
    assert errors[1] < 1.5 * errors[0] < 0.05 * np.abs(expected).max()


def test_a_linear_map_stays_linear_between_plates():
    """V = (c Y, 0) from plate to plate: u = −γ V, beyond the lower plate as above it."""
    grid = Grid(8, 8, boundary="clamped")
    carrier = ReferenceMap(WholeGrid(grid), True, False)
    velocity = ghosted(2, grid.shape)
    velocity[0] = (np.arange(velocity.shape[1])[:, None] - 2.0) * grid.dy
    carrier.carry(0.1, velocity, velocity, 0.1)
    expected = -0.1 * velocity[0, :-4]
    assert carrier.displacement[0, :-4] == pytest.approx(expected, abs=1e-12)
