"""Families that are alike along both axes."""

import numpy as np
import pytest

from mdbridge.lps import stencil
from mdbridge.lps.learn import horizons

GRAPHENE = np.array([4.93303, 5.03862])
DISC = np.array([5.0, 5.0])


def index(spacing, horizon):
    return {tuple(i) for i in stencil.uniform(tuple(spacing), horizon).index.tolist()}


@pytest.mark.parametrize("horizon", [15.0, 20.0, 25.0])
def test_a_horizon_between_rows_is_moved_to_one_family_on_both_grids(horizon):
    moved = horizons.symmetric(horizon, [GRAPHENE, DISC])
    assert 0 < abs(moved - horizon) < 0.6
    family = index(GRAPHENE, moved)
    assert family == {(j, i) for i, j in family} == index(DISC, moved)
    # the one that was asked for is not
    asked = index(GRAPHENE, horizon)
    assert asked != {(j, i) for i, j in asked}


@pytest.mark.parametrize("horizon", [12.5, 17.5, 22.5, 28.5])
def test_others_stay_as_they_are(horizon):
    assert horizons.symmetric(horizon, [GRAPHENE, DISC]) == horizon


def test_square_and_rectangular_grids_ask_for_nothing():
    assert horizons.symmetric(15.0, [DISC]) == 15.0
    assert horizons.symmetric(15.0, [np.array([5.0, 6.0])]) == 15.0


def test_the_box_bounds_what_it_is_moved_to():
    assert horizons.symmetric(20.0, [GRAPHENE]) > 20.0
    assert horizons.symmetric(20.0, [GRAPHENE], largest=20.1) < 19.74


def test_scales_mean_nothing():
    moved = horizons.symmetric(25.0, [GRAPHENE])
    assert horizons.symmetric(25.0e9, [1e9 * GRAPHENE]) == pytest.approx(1e9 * moved, rel=1e-12)
