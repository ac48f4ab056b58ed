"""Ghost layers and the grid's limits."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.stz.staggered import (
    CHI,
    Grid,
    WholeGrid,
    extrapolate_at_plates,
    extrapolate_corners_at_plates,
    ghosted,
    owned,
)


def test_ghosts_are_the_periodic_images():
    grid = Grid(5, 6)
    fields = ghosted(2, grid.shape)
    owned(fields)[...] = np.random.default_rng(1).random((2, 6, 5))
    WholeGrid(grid).fill(fields)
    assert np.array_equal(fields, np.pad(owned(fields), ((0, 0), (2, 2), (2, 2)), mode="wrap"))


def test_beyond_plates_stress_goes_on_linearly_and_chi_is_mirrored():
    state = ghosted(5, (6, 5))
    rows = np.arange(-2.0, 8.0)[:, None]
    state[...] = np.where((rows >= 0) & (rows < 6), 3.0 + rows, 99.0)  # linear within, rubbish beyond
    extrapolate_at_plates(state, True, True)
    assert np.array_equal(state[0], np.broadcast_to(3.0 + rows, (10, 9)))
    assert np.array_equal(state[CHI, :, 0], [4, 3, 3, 4, 5, 6, 7, 8, 8, 7])


def test_beyond_plates_the_reference_map_goes_on_linearly():
    corners = ghosted(2, (6, 5))
    rows = np.arange(-2.0, 8.0)[:, None]
    corners[...] = np.where((rows >= 0) & (rows <= 6), 3.0 + rows, 99.0)  # row 6 is the upper plate's
    extrapolate_corners_at_plates(corners, True, True)
    assert np.array_equal(corners[0], np.broadcast_to(3.0 + rows, (10, 9)))
    assert np.array_equal(corners[0], corners[1])


@pytest.mark.parametrize("wrong", [{"nx": 3}, {"ny": 0}, {"lx": -1.0}, {"ly": np.inf}, {"boundary": "free"}])
def test_an_impossible_grid_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Grid(**wrong)
