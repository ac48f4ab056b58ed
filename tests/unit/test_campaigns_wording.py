"""Numbers and keys of a summary as people read them."""

import pytest

from mdbridge.campaigns import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (3, "3"), (float("nan"), "–"), ([1.0, 2.0, 3.0], "1, 2, 3"), ([1] * 9, ""), (None, "")],
)
def test_a_cell_shows_its_value_as_a_person_writes_it(value, text):
    assert wording.as_text(value) == text


def test_units_of_keys_in_words():
    assert wording.worded("peak_shear_stress_GPa") == "peak shear stress (GPa)"
    assert wording.worded("md_C11_TPa") == "MD C11 (TPa)"
    assert wording.worded("mu_error_GPa") == "μ error (GPa)"


def test_a_unit_that_another_key_tells_stands_with_the_number():
    told = {"stress_unit": "GPa", "length_unit": "angstrom"}
    assert wording.with_unit("flow_stress", told) == "flow stress (GPa)"
    assert wording.with_unit("band_width", told) == "band width (Å)"
    # of a summary of a former release it is not known, and others have none
    assert wording.with_unit("energy_spread_first", told) == "energy spread first"
    assert wording.with_unit("overshoot", told) == "overshoot"
