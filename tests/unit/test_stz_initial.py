"""Initial fields by formula."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.stz import initial
from mdbridge.stz.staggered import Grid

GRID = Grid(24, 32, 300.0, 400.0)


def test_uniform_and_bump_have_the_grid_shape_and_the_right_height():
    assert np.all(initial.uniform(GRID, 0.07) == 0.07)
    field = initial.bump(GRID, 0.07, 0.01, 40.0)
    assert field.shape == GRID.shape
    assert field.max() == pytest.approx(0.08, abs=3e-4)
    assert field == pytest.approx(field[::-1, ::-1])


def test_a_wide_bump_is_periodic():
    field = initial.bump(GRID, 0.0, 1.0, 200.0)
    step = np.abs(np.diff(field, axis=1)).max()
    assert np.abs(field[:, 0] - field[:, -1]).max() <= step


def test_a_random_field_is_reproducible_with_its_mean_and_deviation():
    field, again = (initial.random(GRID, 0.07, 0.003, 30.0, seed=5) for _ in range(2))
    assert np.array_equal(field, again)
    assert field.mean() == pytest.approx(0.07)
    assert field.std() == pytest.approx(0.003)
    assert not np.allclose(field, initial.random(GRID, 0.07, 0.003, 30.0, seed=6))
    rough = initial.random(GRID, 0.07, 0.003, 8.0, seed=5)
    assert np.abs(np.diff(field, axis=1)).mean() < 0.5 * np.abs(np.diff(rough, axis=1)).mean()


def test_a_random_field_that_would_be_even_is_refused():
    with pytest.raises(
        InputError, match=r"width = 1000000.0 Å leaves no variation in a box of 300.0 × 400.0 Å"
    ):
        initial.random(GRID, 0.07, 0.003, 1e6, seed=5)
