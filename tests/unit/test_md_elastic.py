"""Elastic constants against closed forms, the curvature of the energy, and a cold thermostat."""

from dataclasses import replace

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.core.units import EV_PER_A3_IN_TPA
from mdbridge.md.crystals import plane_box
from mdbridge.md.elastic import elastic_constants, thermal_elastic_constants

NAMES = ("C11_TPa", "C12_TPa", "C66_TPa")


@pytest.fixture(params=planar_systems.ALL, scope="module")
def planar(request):
    return planar_systems.ALL[request.param]


@pytest.fixture(scope="module")
def lattice(planar):
    return planar.relaxed_lattice(MPI.COMM_SELF)


@pytest.fixture(scope="module")
def constants(planar, lattice):
    moduli = elastic_constants(MPI.COMM_SELF, planar, lattice)
    return np.array([moduli[name] for name in NAMES])


def test_a_hexagonal_sheet_is_isotropic(constants):
    c11, c12, c66 = constants
    assert 2 * c66 == pytest.approx(c11 - c12, rel=2e-4)


def test_nearest_neighbour_bonds_have_the_closed_form():
    lattice = planar_systems.TRIANGULAR.relaxed_lattice(MPI.COMM_SELF)
    moduli = elastic_constants(MPI.COMM_SELF, planar_systems.TRIANGULAR, lattice)
    c12 = np.sqrt(3) / 4 * planar_systems.STIFFNESS / planar_systems.TRIANGULAR.thickness * EV_PER_A3_IN_TPA
    assert np.allclose([moduli[name] for name in NAMES], [3 * c12, c12, c12], rtol=1e-5)


def energy(planar, lattice, strain, relaxed):
    """Energy per area (TPa at the thickness) under (exx, eyy, gxy) applied to the box with the atoms."""
    exx, eyy, gxy = strain
    with planar.sheet(MPI.COMM_SELF, (4, 3), lattice) as session:
        box = plane_box(session)
        session.commands(
            f"change_box all triclinic\n"
            f"change_box all x scale {1 + exx} y scale {1 + eyy} xy final {gxy * box[1]} remap units box"
        )
        if relaxed:
            session.minimize(force=1e-9, iterations=20000)
        else:
            session.run(0)
        return session.lmp.get_thermo("pe") / (box.prod() * planar.thickness) * EV_PER_A3_IN_TPA


def curvatures(planar, lattice, relaxed, size):
    rest = energy(planar, lattice, (0, 0, 0), relaxed)

    def along(*direction):
        both = (energy(planar, lattice, sign * size * np.array(direction), relaxed) for sign in (1, -1))
        return sum(value - rest for value in both) / size**2

    c11, c22, c66 = along(1, 0, 0), along(0, 1, 0), along(0, 0, 1)
    return c11, c22, (along(1, 1, 0) - c11 - c22) / 2, c66


def strain_of(planar):
    # the stiffness of AIREBO changes in proportion to the size of a strain, by 1.6 % at 2e-3
    return 3e-4 if planar is planar_systems.AIREBO else 2e-3


def test_elastic_constants_are_the_curvature_of_the_relaxed_energy(planar, lattice, constants):
    """Second differences of the energy: no stress enters."""
    c11, c12, c66 = constants
    stiffness = curvatures(planar, lattice, True, strain_of(planar))
    assert np.allclose(stiffness, [c11, c11, c12, c66], rtol=3e-3)


def test_atoms_of_a_honeycomb_that_may_not_shift_are_stiffer(planar, lattice, constants):
    """So the constants are those of relaxed ions; with one atom in the cell there is nothing to shift."""
    c11, c12, c66 = constants
    held = curvatures(planar, lattice, False, strain_of(planar))
    if planar is planar_systems.TRIANGULAR:
        assert held[3] == pytest.approx(c66, rel=3e-3)
    else:
        assert held[3] > 1.05 * c66
        # the modulus of compression has no part in it: the shift follows shear alone
        assert held[0] + held[2] == pytest.approx(c11 + c12, rel=3e-3)


@pytest.mark.parametrize("name", [pytest.param("graphene", marks=pytest.mark.slow), "boron-nitride"])
def test_elastic_constants_of_a_cold_sheet_are_those_at_rest(name):
    """In a sheet that is stretched a little, whose stress is (C11 + C12) times the strain."""
    planar = planar_systems.GRAPHENE if name == "graphene" else planar_systems.BORON_NITRIDE
    lattice = planar.relaxed_lattice(MPI.COMM_SELF) * (1 + 3e-4)
    rest = elastic_constants(MPI.COMM_SELF, planar, lattice)
    cold = thermal_elastic_constants(
        MPI.COMM_SELF, planar, lattice, temperature=1.0, damping=0.05, duration=0.3, seed=3
    )
    stress = 3e-4 * (rest["C11_TPa"] + rest["C12_TPa"])
    assert cold.pop("thermal_stress_TPa") == pytest.approx(stress, abs=2e-5)
    for name, value in cold.items():
        # strains of ±0.005 rather than of ±0.0001: the cubic term is small
        assert np.isclose(value, rest[name], rtol=0.005), name


def test_a_crystal_that_is_not_isotropic_is_refused_with_its_constants():
    """A square lattice with bonds to its nearest and second neighbours."""
    square = replace(
        planar_systems.TRIANGULAR,
        name="square",
        cell=(1.0, 1.0),
        basis=((1, 0.25, 0.25),),
        pair_style="morse 4.5",
    )
    lattice = square.relaxed_lattice(MPI.COMM_SELF)
    with pytest.raises(
        InputError, match=r"square with pair_style morse 4.5 is not isotropic .* C12 = -0.0190, C66 = -0.0190"
    ):
        elastic_constants(MPI.COMM_SELF, square, lattice)
