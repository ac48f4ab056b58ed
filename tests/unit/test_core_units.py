"""Unit conversions against the constants of the SI."""

import pytest
from scipy import constants

from mdbridge.core import units


def test_conversions():
    pascal = constants.e / constants.angstrom**3  # 1 eV/Å³
    assert pascal / 1e9 == pytest.approx(units.EV_PER_A3_IN_GPA, rel=1e-9)
    assert pascal / 1e12 == pytest.approx(units.EV_PER_A3_IN_TPA, rel=1e-9)
    assert constants.bar / 1e9 == pytest.approx(units.BAR_IN_GPA)
    assert constants.k / constants.e == pytest.approx(units.BOLTZMANN_EV_PER_K, rel=1e-9)
    kilogram_per_s2 = constants.e / constants.angstrom**2  # 1 eV/Å²
    gram_per_mol = 1e-3 / constants.N_A
    assert kilogram_per_s2 / gram_per_mol * 1e-24 == pytest.approx(units.EV_PER_A2_IN_G_PER_MOL_PS2, rel=1e-9)


def test_densities_and_pressures_of_metal_units():
    metal = units.UNIT_STYLES["metal"]
    # copper: four atoms of 63.546 g/mol in a cube of 3.615 Å weigh 8.94 g/cm³
    assert 4 * 63.546 / 3.615**3 * metal.density_factor == pytest.approx(8.935, rel=1e-3)
    assert 1e4 * metal.pressure_factor == 1.0
    assert metal.velocity == "angstrom/ps"
