"""Components of fields: which there are, what they are called, and what is said of those not drawn."""

import numpy as np
import pytest
from stored_fields import make

from mdbridge.campaigns.fields import parts
from mdbridge.campaigns.fields.stored import opened


@pytest.fixture
def stored(tmp_path):
    """Opens a file that is made with other options."""
    stacked = []

    def made(**options):
        make(tmp_path / "fields.h5", **options)
        stacked.append(opened(tmp_path / "fields.h5"))
        return stacked[-1].__enter__()

    yield made
    for context in stacked:
        context.__exit__(None, None, None)


def test_components_of_a_map_are_those_in_its_directions(stored):
    file = stored(axes="xz", cells=(4, 3))
    assert [part for part, _ in parts.components(file, "displacement")] == ["x", "z"]
    assert [part for part, _ in parts.components(file, "stress")] == ["xx", "zz", "xz"]
    assert [part for part, _ in parts.components(file, "composition")] == ["type 1", "type 2"]
    assert parts.components(file, "density") == [("", None)]


def test_a_profile_shows_all_components_that_there_are(stored):
    file = stored(axes="y", cells=(4,))
    assert len(parts.components(file, "stress")) == 6
    assert len(parts.components(file, "deformation_gradient")) == 9


def test_a_profile_in_a_plane_shows_none_across_it(stored):
    file = stored(axes="y", cells=(4,), dimension=2, units="lj")
    assert [part for part, _ in parts.components(file, "stress")] == ["xx", "yy", "xy"]


def test_what_is_not_drawn_is_told(stored):
    file = stored(frames=6)
    said = " ".join(parts.notes(file, "stress", parts.of(file, "stress", [0, 5]), [0, 5]))
    assert said == "2 of 6 frames. Not drawn: zz, xz, yz, see fields.h5."
    file = stored(dimension=2, units="lj")
    # nothing is across a plane, and a field that is a number has no components
    for name in ("stress", "density"):
        assert not parts.notes(file, name, parts.of(file, name, [0, 1, 2]), [0, 1, 2])


def test_a_constant_has_a_word_and_no_panel(stored):
    shares = np.zeros((3, 3, 4, 2))
    shares[..., 0] = np.linspace(0.1, 1.0, 12).reshape(3, 4)
    shares[..., 1] = 1e-18
    file = stored(given={"composition": shares})
    known = parts.of(file, "composition", [0, 1, 2])
    assert [part.name for part in parts.shown(known)] == ["type 1"]
    assert "0 everywhere: type 2." in parts.notes(file, "composition", known, [0, 1, 2])


def test_a_field_of_constants_keeps_a_panel(stored):
    file = stored(given={"composition": np.ones((3, 3, 4, 2)) * [1.0, 0.0]})
    known = parts.of(file, "composition", [0, 1, 2])
    assert [part.name for part in parts.shown(known)] == ["type 1"]
    said = parts.notes(file, "composition", known, [0, 1, 2])
    assert said == ["1 everywhere: type 1.", "0 everywhere: type 2."]


def test_clipped_values_are_told(stored):
    values = np.random.default_rng(0).uniform(0.0, 0.1, (3, 30, 40))
    values[1, 2, 3] = 4.15e22
    file = stored(cells=(40, 30), given={"density": values, "D2min": values})
    said = parts.notes(file, "D2min", parts.of(file, "D2min", [0, 1, 2]), [0, 1, 2])
    assert "clipped" in said[0] and "4.15e+22" in said[0]


def test_three_directions_are_cut(stored):
    file = stored(axes="xyz", cells=(4, 3, 2))
    assert parts.of(file, "density", [0, 1])[0].values.shape == (2, 3, 4)
    assert "Cut in the middle of z." in parts.notes(file, "density", [], [0, 1, 2])


def test_a_label_says_in_which_units(stored):
    file = stored()
    assert parts.label(file, "stress", "xy") == "stress xy (GPa)"
    assert parts.label(file, "mine", "") == "mine (LAMMPS units)"
    # a line does not end within it
    assert parts.label(file, "composition", "type 1") == "composition type\N{NO-BREAK SPACE}1"
    assert parts.magnified("stress xy (GPa)", -5) == "stress xy ($10^{-5}$ GPa)"
    assert parts.magnified("strain xy", 6) == "strain xy ($10^{6}$)"
    assert parts.magnified("strain xy", 0) == "strain xy"


def test_units_are_written_short():
    assert parts.short("g/cm^3") == "g/cm³"
    assert parts.short("epsilon/sigma^3") == "ε/σ³"


def test_moments_are_loads_or_times(stored):
    assert parts.moment(stored(motion="shear"), 1) == "$\\gamma_{xy}$ = 0.1"
    assert parts.moment(stored(motion="none"), 1) == "t = 0.2 ps"
