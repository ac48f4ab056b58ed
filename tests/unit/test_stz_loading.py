"""Programs of shear: legs, what they do to the frame, and what is refused."""

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.stz.frame import FRAMES, inverse
from mdbridge.stz.loading import Driven, legs


def test_legs_go_on_from_where_the_last_has_ended():
    first, second, third = legs((0.1, -0.05, -0.2), (1e8, 1e6, 1e8))
    assert (first.start, first.end, first.path, first.direction, first.rate) == (0.0, 0.1, 0.0, 1.0, 1e8)
    assert (second.start, second.direction, second.rate) == (0.1, -1.0, 1e6)
    assert (second.path, second.length, third.path) == pytest.approx((0.1, 0.15, 0.25))
    # the same direction at another rate is a leg too
    assert third.direction == -1.0
    assert second.strain(0.2) == pytest.approx(0.0)
    assert third.strain(0.3) == pytest.approx(-0.1)


@pytest.mark.parametrize("name", FRAMES)
def test_a_driven_frame_moves_as_its_velocity_gradient_says(name):
    leg = legs((0.3, -0.4), (1.0, 1.0))[1]
    driven, path, h = Driven(FRAMES[name](), leg), 0.45, 1e-5
    rate = (driven.matrix(path + h) - driven.matrix(path - h)) / (2.0 * h)
    assert driven.velocity_gradient(path) == pytest.approx(rate @ inverse(driven.matrix(path)), abs=1e-9)
    assert driven.matrix(leg.path) == pytest.approx(FRAMES[name]().matrix(0.3))


@pytest.mark.parametrize(
    ("strains", "rates", "message"),
    [
        ((), (), r"strains = \[\]"),
        ((0.1, 0.1), (1.0, 1.0), r"strains\[1\] = 0.1: must differ from 0.1"),
        ((0.0,), (1.0,), r"strains\[0\] = 0.0"),
        ((0.1, np.nan), (1.0, 1.0), r"strains\[1\] = nan: must be finite"),
        ((0.1, -0.1), (1.0,), r"rates_per_s has 1 values, strains has 2"),
    ],
)
def test_programs_that_are_none_are_refused_by_name(strains, rates, message):
    with pytest.raises(InputError, match=message):
        legs(strains, rates)
