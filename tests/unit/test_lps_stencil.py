"""Stencils of uniform grids: which bonds, which rings."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import quadrature, stencil


@pytest.mark.parametrize("spacing", [5.0, 0.1, 1 / 3])
def test_square_grid_with_a_horizon_of_four_spacings(spacing):
    grid = stencil.uniform((spacing, spacing), 4 * spacing)  # round-off must not lose the last ring
    np.testing.assert_allclose((grid.radii / spacing) ** 2, [1, 2, 4, 5, 8, 9, 10, 13, 16], rtol=1e-12)
    np.testing.assert_array_equal(np.bincount(grid.ring), [4, 4, 4, 8, 4, 4, 8, 8, 4])


def test_a_rectangular_grid_has_all_nodes_within_the_horizon():
    grid = stencil.uniform((4.93, 5.04), 20.0)
    length = np.hypot(*grid.offsets.T)
    np.testing.assert_allclose(grid.offsets, grid.index * [4.93, 5.04])
    np.testing.assert_allclose(length, grid.radii[grid.ring], rtol=1e-9)
    assert (np.diff(grid.radii) > 1e-9 * 20).all()
    # every index up to the horizon, and nothing else
    n = np.arange(-6, 7)
    inside = np.hypot(*np.meshgrid(4.93 * n, 5.04 * n)) <= 20
    assert len(grid.index) == inside.sum() - 1
    assert length.max() <= 20
    # a ring has two bonds on an axis, four elsewhere
    assert set(np.bincount(grid.ring)) == {2, 4}


@pytest.mark.parametrize("spacing", [(5.0, 5.0), (4.93, 5.04), (4.0, 6.0)])
def test_mirror_images_have_equal_weights(spacing):
    grid = stencil.uniform(spacing, 20.0)
    weight = {tuple(i): w for i, w in zip(grid.index, grid.weights, strict=True)}
    for (i, j), w in weight.items():
        for mirror in [(-i, j), (i, -j), (-i, -j)]:
            assert weight[mirror] == pytest.approx(w, rel=1e-9)


def test_weights_are_those_of_the_quadrature():
    grid = stencil.uniform((4.93, 5.04), 20.0)
    np.testing.assert_array_equal(grid.weights, quadrature.weights(grid.offsets, 20.0))
    assert grid.horizon == 20.0
    assert grid.weights.sum() == pytest.approx(np.pi * 20.0**2, rel=0.1)  # about the area of the ball


@pytest.mark.parametrize("horizon", [1.0, 5.0, 8.0])
def test_a_short_horizon_is_refused(horizon):
    with pytest.raises(InputError, match="too few"):
        stencil.uniform((5.0, 5.0), horizon)
