"""The input of a campaign with data of one's own."""

import pytest

from mdbridge.campaigns.peridynamics.data_input import PeridynamicsInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError


def checked(**sections):
    return check({"campaign": "peridynamics", **sections}, PeridynamicsInput, "in.toml")


def test_three_keys_are_enough():
    config = checked(data={"file": "a.npz", "length_unit": "mm", "modulus_unit": "GPa"})
    assert config.data.files == ["a.npz"] and config.learn.horizons is None


@pytest.mark.parametrize(("spelling", "unit"), [("µm", "um"), ("Å", "angstrom"), ("in", "inch"), ("m", "m")])
def test_units_have_several_spellings(spelling, unit):
    assert checked(data={"length_unit": spelling}).data.length_unit == unit


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"data": {"length_unit": "furlong"}}, "data.length_unit.*must be one of angstrom, nm"),
        ({"data": {"modulus_unit": "mPa"}}, "data.modulus_unit.*must be one of TPa"),
        ({"data": {"load_per": "area"}}, "needs 'thickness'"),
        ({"data": {"thickness": 0.0}}, "data.thickness"),
        ({"learn": {"horizons": [3.0], "horizons_A": [3.0]}}, "exclude each other"),
        ({"learn": {"also_on": [3.0], "also_on_A": [3.0]}}, "exclude each other"),
        ({"learn": {"also_on": [3.0], "method": "algorithm-1"}}, "also_on goes with method"),
        ({"sweep": {"horizons": [3.0], "horizons_A": [3.0]}}, "exclude each other"),
        ({"learn": {"own_dilatation": True, "strict_inf_sup": True}}, "least squares"),
        ({"learn": {"own_dilatation": True, "method": "algorithm-1"}}, "least squares"),
        ({"data": {"units": "mm"}}, "unknown key 'data.units'"),
    ],
)
def test_what_does_not_fit_is_named(sections, words):
    with pytest.raises(InputError, match=words):
        checked(**sections)


@pytest.mark.parametrize(
    "alone", [{"own_dilatation": True}, {"strict_inf_sup": True}, {"method": "algorithm-1"}]
)
def test_what_excludes_each_other_is_taken_alone(alone):
    (name,) = alone
    assert getattr(checked(learn=alone).learn, name) == alone[name]
