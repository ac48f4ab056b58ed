"""Unit conversions against the constants of the SI."""

import pytest
from mpi4py import MPI
from scipy import constants

from mdbridge.core import units
from mdbridge.md.session import Session


def test_conversions_are_those_of_the_constants_of_nature():
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


def test_pressures_and_densities_of_the_other_styles():
    real, electron, si = (units.UNIT_STYLES[name] for name in ("real", "electron", "si"))
    assert real.pressure_factor * 1e9 == pytest.approx(constants.atm)
    # water: 18.015 g/mol in 29.9 Å³ weigh 1 g/cm³
    assert 18.015 / 29.9 * real.density_factor == pytest.approx(1.0, rel=2e-3)
    bohr = constants.physical_constants["Bohr radius"][0]
    assert electron.density_factor == pytest.approx(constants.atomic_mass / bohr**3 / 1e3, rel=1e-8)
    assert (si.pressure_factor, si.density_factor, si.stress) == (1.0, 1.0, "Pa")


@pytest.mark.parametrize("style", ["metal", "real", "si", "electron"])
def test_the_unit_of_velocity_is_that_of_lammps_kinetic_energies(style):
    """½ m v² in its energies, of a mass of 1 g/mol (in si 1 kg) and a velocity of 1."""
    lengths = {"angstrom": 1e-10, "m": 1.0, "bohr": constants.physical_constants["Bohr radius"][0]}
    times = {"ps": 1e-12, "fs": 1e-15, "s": 1.0}
    energies = {
        "eV": constants.e,
        "kcal/mol": constants.calorie * 1e3 / constants.N_A,
        "J": 1.0,
        "hartree": constants.physical_constants["Hartree energy"][0],
    }
    known = units.UNIT_STYLES[style]
    length, _, time = known.velocity.partition("/")
    mass = 1.0 if style == "si" else 1e-3 / constants.N_A
    joules = mass * (lengths[length] / times[time]) ** 2
    with Session(MPI.COMM_SELF) as session:
        session.commands(f"units {style}")
        factor = session.lmp.extract_global("mvv2e")
    assert joules / energies[known.energy] == pytest.approx(factor, rel=1e-4)


def test_two_dimensions_are_named_per_area():
    assert units.UNIT_STYLES["lj"].of(2).stress == "epsilon/sigma^2"
    assert units.UNIT_STYLES["lj"].of(2).dimension == 2
    assert units.UNIT_STYLES["metal"].of(2).stress == "GPa angstrom"
    assert units.UNIT_STYLES["si"].of(2).density == "kg/m^2"
    assert units.UNIT_STYLES["metal"].of(3) is units.UNIT_STYLES["metal"]


def test_what_sheets_are_measured_in_is_told_from_a_modulus():
    with pytest.raises(ValueError, match=r"'N/m': must be one of TPa, .*times the thickness: divide by that"):
        units.known_unit("N/m", units.MODULI_IN_TPA)
    with pytest.raises(ValueError, match=r"'N/m': must be one of angstrom, .*inch$"):
        units.known_unit("N/m", units.LENGTHS_IN_A)


@pytest.mark.parametrize(
    ("first", "second"),
    [("MPa", "GPa"), ("%", "1"), ("N/mm^2", "Pa"), ("s", "min"), ("K", "°C"), ("Å", "nm"), ("mPa", "MPa")],
)
def test_units_that_differ_are_told_either_way(first, second):
    # of mPa nothing is known, so that nothing is claimed
    assert units.differ(first, second) is units.differ(second, first) is (first != "mPa")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("MPa", " N/mm² "),
        ("um", "µm"),
        ("-", "mm/mm"),
        ("", "MPa"),
        # what stands in brackets may be no unit: nominal, number 1, minimum, inflow
        ("nominal", "MPa"),
        ("1", "kN"),
        ("min", "MPa"),
        ("in", "kN"),
        ("a", "mm"),
    ],
)
def test_units_that_may_be_the_same_are_not_told_apart(first, second):
    assert not units.differ(first, second)


def test_a_deviation_in_kelvin_is_one_in_degrees():
    assert not units.differ("K", "°C", difference=True)
    assert units.differ("°F", "°C", difference=True) and not units.differ("degF", "°F", difference=True)
    assert units.differ("mm", "m", difference=True)
