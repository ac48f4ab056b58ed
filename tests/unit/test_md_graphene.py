"""Graphene: bond length, elastic constants from the energy, thermostat."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import MdbridgeError
from mdbridge.core.units import EV_PER_A3_IN_TPA
from mdbridge.md import graphene
from mdbridge.md.session import potential


@pytest.fixture(scope="module")
def carbon():
    return potential("SiC.tersoff")


@pytest.fixture(scope="module")
def bond(carbon):
    return graphene.equilibrium_bond(MPI.COMM_SELF, 1.46, carbon)


@pytest.fixture(scope="module")
def constants(carbon, bond):
    return graphene.elastic_constants(MPI.COMM_SELF, bond, carbon)


def energy(carbon, bond):
    with graphene.sheet(MPI.COMM_SELF, (4, 3), bond, carbon) as session:
        session.run(0)
        return session.lmp.get_thermo("pe")


def test_the_paper_s_sheet_has_3588_atoms(carbon, bond):
    with graphene.sheet(MPI.COMM_SELF, (39, 23), bond, carbon) as session:
        assert session.natoms == 3588
        assert np.allclose(graphene.plane_box(session), [98.66, 100.78], atol=0.01)
        session.run(0)
        assert np.abs(session.gather("f", 3)).max() < 1e-10


def test_the_bond_length_minimises_the_energy(carbon, bond):
    assert np.isclose(bond, 1.4606, atol=1e-4)
    step = 1e-4
    low, middle, high = (energy(carbon, bond + shift) for shift in (-step, 0, step))
    assert low > middle < high
    offset = step * (low - high) / (2 * (low - 2 * middle + high))
    assert abs(offset) < 1e-8


def test_the_guess_of_the_bond_length_does_not_matter(carbon, bond):
    assert abs(graphene.equilibrium_bond(MPI.COMM_SELF, 1.43, carbon) - bond) < 1e-8


@pytest.mark.parametrize("guess", [0.7, 1.9, 3.0])
def test_a_guess_too_far_off_is_an_error(carbon, guess):
    with pytest.raises(MdbridgeError, match=r"bond_guess_A"):
        graphene.equilibrium_bond(MPI.COMM_SELF, guess, carbon)


def test_elastic_constants_are_isotropic(constants):
    c11, c12, c66 = (constants[name] for name in ("C11_TPa", "C12_TPa", "C66_TPa"))
    assert np.isclose(c66, (c11 - c12) / 2, rtol=1e-4)
    assert np.allclose([c11, c12, c66], [1.2470, -0.1971, 0.7221], atol=2e-4)


def test_elastic_constants_are_the_curvature_of_the_energy(carbon, bond, constants):
    """Second differences of the relaxed energy under strains applied to the atoms directly."""
    strain = 2e-3

    def relaxed(exx, eyy, gxy):
        with graphene.sheet(MPI.COMM_SELF, (4, 3), bond, carbon) as session:
            box = graphene.plane_box(session)
            session.commands(
                f"change_box all triclinic\n"
                f"change_box all x scale {1 + exx} y scale {1 + eyy} xy final {gxy * box[1]} remap units box"
            )
            session.minimize(force=1e-9, iterations=20000)
            return session.lmp.get_thermo("pe") / (box.prod() * graphene.THICKNESS) * EV_PER_A3_IN_TPA

    rest = relaxed(0, 0, 0)

    def curvature(*direction):
        return sum(relaxed(*(sign * strain * np.array(direction))) - rest for sign in (1, -1)) / strain**2

    c11, c22, c66 = curvature(1, 0, 0), curvature(0, 1, 0), curvature(0, 0, 1)
    c12 = (curvature(1, 1, 0) - c11 - c22) / 2
    expected = [constants[name] for name in ("C11_TPa", "C11_TPa", "C66_TPa", "C12_TPa")]
    assert np.allclose([c11, c22, c66, c12], expected, rtol=2e-3)


def test_a_path_with_a_blank_is_taken(carbon, bond, tmp_path):
    folder = tmp_path / "my potentials"
    folder.mkdir()
    copy = folder / carbon.name
    copy.write_bytes(carbon.read_bytes())
    with graphene.sheet(MPI.COMM_SELF, (4, 4), bond, copy) as session:
        assert session.natoms == 64


def test_a_disc_too_small_to_hold_together_is_an_error(carbon, bond):
    with pytest.raises(MdbridgeError, match="radius"):
        graphene.free_disc(MPI.COMM_SELF, 1.0, bond, carbon)


def test_loads_act_and_their_energy_is_counted(carbon, bond):
    with graphene.sheet(MPI.COMM_SELF, (6, 4), bond, carbon) as session:
        session.run(0)
        before = session.lmp.get_thermo("pe")
        load = np.zeros((session.natoms, 2))
        load[0], load[1] = [0.02, 0.01], [-0.02, -0.01]
        session.scatter("d2_load", load)
        session.run(0)
        assert np.allclose(session.gather("f", 2), load, atol=1e-10)
        assert np.abs(session.gather("f", 3)[:, 2]).max() == 0
        u = np.zeros_like(load)
        u[0] = [1e-3, -2e-3]
        session.scatter("x", session.gather("d2_reference", 2) + u)
        session.run(0)
        loaded = session.lmp.get_thermo("pe")
        session.scatter("d2_load", np.zeros_like(load))
        session.run(0)
        assert np.isclose(loaded - session.lmp.get_thermo("pe"), -np.vdot(load, u), atol=1e-9)
        assert before < session.lmp.get_thermo("pe")


def test_the_thermostat_holds_its_temperature_in_the_plane(carbon, bond):
    with graphene.sheet(MPI.COMM_SELF, (10, 6), bond, carbon) as session:
        graphene.thermostat(session, 300.0, 0.1, 77)
        session.run(0)
        assert np.isclose(graphene.temperature(session), 600.0, rtol=0.05)  # before half goes into the bonds
        heat = []
        for _ in range(30):
            session.run(20)
            heat.append(graphene.temperature(session))
        # 480 degrees of freedom: one reading scatters by 20 K, their mean by a few
        assert 270 < np.mean(heat[10:]) < 330
        assert np.abs(session.gather("v", 3)[:, 2]).max() == 0
        assert np.abs(session.gather("x", 3)[:, 2]).max() < 1e-12


def test_elastic_constants_of_a_cold_sheet_are_those_at_rest(carbon, bond):
    rest = graphene.elastic_constants(MPI.COMM_SELF, bond, carbon)
    cold = graphene.thermal_elastic_constants(
        MPI.COMM_SELF, bond, carbon, temperature=1.0, damping=0.05, duration=0.3, seed=3
    )
    assert abs(cold.pop("thermal_stress_TPa")) < 2e-5
    for name, value in cold.items():
        # strains of ±0.005 rather than of ±0.0001: the cubic term is small
        assert np.isclose(value, rest[name], rtol=0.005), name
