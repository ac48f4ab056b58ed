"""Boxes: coordinates, volumes, and what follows them through flips."""

import numpy as np
import pytest
from cell_grids import LEANING, UPRIGHT, box_of

from mdbridge.fields.box import Box, unflipped


def test_fractional_coordinates_are_those_of_the_edges():
    box = box_of(LEANING)
    s = np.random.default_rng(1).normal(size=(20, 3))
    x = box.corner + s[:, :1] * LEANING[0] + s[:, 1:2] * LEANING[1] + s[:, 2:] * LEANING[2]
    np.testing.assert_allclose(box.positions(s), x, rtol=1e-14)
    np.testing.assert_allclose(box.fractional(x), s, atol=1e-13)


def test_volume_is_an_area_in_two_dimensions():
    assert box_of(LEANING).volume == pytest.approx(480.0)
    assert box_of(UPRIGHT, dimension=2).volume == pytest.approx(80.0)


def test_a_direction_without_images_is_followed_by_plain_positions():
    box = Box(UPRIGHT, np.array([-1.0, 2.0, 0.5]), (False, True, True))
    edges, corner = box.bare()
    assert edges.tolist() == [[1, 0, 0], [0, 8, 0], [0, 0, 6]]
    assert corner.tolist() == [0.0, 2.0, 0.5]


@pytest.mark.parametrize("rate", [(0.9, 0.0, 0.0), (-0.7, 0.6, 0.4), (0.3, -1.1, 0.9)])
def test_a_box_is_followed_through_flips_of_all_tilts(rate):
    true = followed = UPRIGHT
    flips = 0
    for _ in range(200):
        true = true + np.array([[0, 0, 0], [rate[0], 0, 0], [rate[1], rate[2], 0]])
        flipped = true.copy()  # as LAMMPS keeps it: no tilt beyond half an edge
        flipped[2] -= np.rint(flipped[2, 1] / 8.0) * flipped[1]
        flipped[1] -= np.rint(flipped[1, 0] / 10.0) * flipped[0]
        flipped[2] -= np.rint(flipped[2, 0] / 10.0) * flipped[0]
        flips += not np.allclose(flipped, true)
        followed = unflipped(flipped, followed)
    assert flips > 100
    np.testing.assert_allclose(followed, true, atol=1e-9)
