"""Scales of fields: about what, how far, and what is round-off."""

import numpy as np
import pytest
from stored_fields import make

from mdbridge.campaigns.fields import scales
from mdbridge.campaigns.fields.stored import opened
from mdbridge.core import plots

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "name", ["stress", "strain", "velocity", "box_velocity", "displacement", "heat_flux"]
)
@pytest.mark.parametrize("values", [[2.0, 5.0], [-5.0, -2.0], [-1.0, 5.0]])
def test_a_signed_field_has_the_same_colours_about_zero_whatever_signs_it_has(name, values):
    made = scales.scale(name, "xy", np.array([*values, np.nan]), 1.0)
    assert (made.low, made.high, made.colours) == (-5.0, 5.0, plots.DIVERGING)


@pytest.mark.parametrize(("part", "middle"), [("xx", 1.0), ("zz", 1.0), ("xy", 0.0)])
def test_a_deformation_gradient_is_told_from_the_identity(part, middle):
    made = scales.scale("deformation_gradient", part, np.array([0.9, 0.95, 1.05]), 1.0)
    assert made.low + made.high == pytest.approx(2 * middle)
    assert made.colours == plots.DIVERGING


@pytest.mark.parametrize("name", ["density", "temperature", "potential_energy", "composition", "mine"])
def test_other_fields_have_the_colours_of_an_amount(name):
    made = scales.scale(name, "", np.array([-1.0, 3.0]), 1.0)
    assert (made.low, made.high, made.colours) == (-1.0, 3.0, plots.SEQUENTIAL)


def test_a_few_broken_nodes_leave_the_others_their_colours():
    values = RNG.normal(0.0, 0.01, 600)
    values[:57] = 10.0 ** RNG.uniform(1, 23, 57)
    made = scales.scale("strain", "yy", values, 1.0)
    assert 0.02 < made.high < 0.3 and made.beyond == "max"


def test_a_lone_outlier_is_clipped_and_a_tail_is_not():
    values = RNG.uniform(1.0, 2.0, 1000)
    assert scales.scale("density", "", values, 1.0).beyond == "neither"
    values[3] = 90.0
    made = scales.scale("density", "", values, 1.0)
    assert made.high <= 2.0 and made.beyond == "max"


def test_a_few_nodes_that_differ_from_a_constant_are_what_is_looked_for():
    values = np.ones(1000) + RNG.uniform(-1e-15, 1e-15, 1000)
    values[:3] = 0.5
    made = scales.scale("composition", "type 1", values, 1.0)
    assert made.low == 0.5 and made.beyond == "neither"


@pytest.mark.parametrize("values", [[2.0] * 5, [0.0], [np.nan]])
def test_scales_are_never_empty(values):
    for name in ("density", "stress"):
        made = scales.scale(name, "xx", np.array(values), 1.0)
        assert made.low < made.high


@pytest.mark.parametrize(
    ("values", "tips"),
    [([0.5], "neither"), ([-1.0, 0.5], "min"), ([2.0], "max"), ([-1.0, 2.0, np.nan], "both")],
)
def test_a_scale_has_tips_where_values_go_on(values, tips):
    assert scales._beyond(np.array(values), 0.0, 1.0) == tips


def test_large_and_small_numbers_are_told_in_a_power_of_ten():
    assert [scales.Scale(-k, k, "").power for k in (3e-5, 0.05, 1.0, 5e3, 2.5e6)] == [-5, 0, 0, 0, 6]


def test_a_constant_is_known_through_its_round_off():
    assert scales.constant(np.array([1e-17, -3e-17, np.nan]), 1.0) == 0.0
    assert scales.constant(np.array([1.0, 1.0 + 2e-16]), 1.0) == 1.0
    assert scales.constant(np.array([1.0, 1.001]), 1.0) is None
    assert scales.constant(np.array([np.nan]), 1.0) is None


def test_a_small_field_is_not_round_off(tmp_path):
    given = {"stress": RNG.normal(0.0, 1e-20, (3, 3, 4, 6))}
    make(tmp_path / "fields.h5", given=given)
    with opened(tmp_path / "fields.h5") as stored:
        values = stored.frame("stress", 0)
        assert scales.constant(values[..., 0], scales.size(stored, "stress", values)) is None


def test_round_off_is_small_against_what_it_came_from(tmp_path):
    make(tmp_path / "fields.h5", size=(80.0, 15.0, 10.0))
    with opened(tmp_path / "fields.h5") as stored:
        assert scales.size(stored, "deformation_gradient", np.zeros((2, 9))) == 1.0
        assert scales.size(stored, "displacement", np.zeros((2, 3))) == 80.0
        # of the largest component, not of its own: what it is beside the others; and not of single nodes
        values = np.array([[1e-18, 4.0, 0, 0, 0, 0], [1e-18, 5.0, 0, 0, 0, 0], [1e-18, 1e9, 0, 0, 0, 0]])
        assert scales.size(stored, "stress", values) == 5.0
