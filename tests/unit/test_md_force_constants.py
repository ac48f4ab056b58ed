"""Force constants: sound, symmetry, reach, and the timestep that they ask for."""

from dataclasses import replace

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.core.units import EV_PER_A2_IN_G_PER_MOL_PS2, EV_PER_A3_IN_TPA
from mdbridge.md.elastic import elastic_constants
from mdbridge.md.force_constants import ForceConstants, force_constants


@pytest.fixture(params=planar_systems.ALL, scope="module")
def planar(request):
    return planar_systems.ALL[request.param]


@pytest.fixture(scope="module")
def lattice(planar):
    return planar.relaxed_lattice(MPI.COMM_SELF)


@pytest.fixture(scope="module")
def constants(planar, lattice):
    return force_constants(MPI.COMM_SELF, planar, lattice)


@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8)])
def test_sound_travels_as_the_elastic_constants_say(planar, lattice, constants, direction):
    """ρ (ω/k)² of the two acoustic branches is C66 and C11, of relaxed ions and with both masses in ρ."""
    k = 0.01
    slow, fast = constants.frequencies(k * np.array(direction))[:2]
    density = constants.masses.sum() / constants.edges.prod() / planar.thickness
    elastic = elastic_constants(MPI.COMM_SELF, planar, lattice)
    for frequency, name in ((slow, "C66_TPa"), (fast, "C11_TPa")):
        modulus = density * (frequency / k) ** 2 / EV_PER_A2_IN_G_PER_MOL_PS2 * EV_PER_A3_IN_TPA
        assert modulus == pytest.approx(elastic[name], rel=1e-3)


def test_waves_with_the_period_of_the_lattice_are_one_and_the_same(constants):
    k, reciprocal = np.array([0.3, -0.2]), 2 * np.pi / constants.edges
    same = k + np.array([2 * reciprocal[0], 0.0])
    assert np.allclose(constants.frequencies(k), constants.frequencies(same), rtol=1e-6, atol=1e-3)
    assert np.allclose(constants.frequencies(k), constants.frequencies(-k), rtol=1e-9)


def test_moving_all_atoms_costs_nothing(constants):
    assert np.abs(constants.blocks.sum(axis=1)).max() < 1e-6 * np.abs(constants.blocks).max()
    assert np.abs(constants.frequencies(np.zeros(2))[:2]).max() < 1e-4 * constants.extremes()[1]


def test_forces_that_reach_as_far_as_the_sheet_are_refused():
    """The next shell, half-way to which the reach would lie, is not there."""
    apart = np.array([[[0.0, 0.0], [5.0, 0.0], [9.0, 0.0]]])
    blocks = np.array([1.0, 0.1, 0.5])[None, :, None, None] * np.eye(2)
    far = ForceConstants("far", apart, blocks, np.zeros(3, int), np.ones(1), np.ones(2))
    with pytest.raises(InputError, match="far: force constants reach beyond 9 Å"):
        far.reach()


def test_the_reach_lies_between_the_shells_that_matter_and_those_that_do_not(planar, lattice, constants):
    second = lattice  # in a honeycomb
    if planar is planar_systems.TRIANGULAR:
        assert planar.shortest * lattice < constants.reach() < np.sqrt(3) * lattice
    else:
        assert 1.03 * second < constants.reach() < 0.97 * 2 * planar.shortest * lattice
    if planar is planar_systems.AIREBO:
        # van der Waals forces, small one by one, reach over 10 Å
        assert constants.reach(1e-5) > 9.0


def test_the_fastest_oscillation_is_that_of_two_sublattices_against_each_other():
    """At k = 0: ω² = κ/μ, μ the reduced mass, κ the force constant between sublattices from a rigid shift."""
    planar = planar_systems.BORON_NITRIDE
    lattice = planar.relaxed_lattice(MPI.COMM_SELF)
    with planar.sheet(MPI.COMM_SELF, (6, 4), lattice) as session:
        x = session.gather("x", 2)
        boron = session.gather("type", 1)[:, 0] == 1
        session.scatter("x", x + 1e-4 * np.outer(boron, [1.0, 0.0]))
        session.run(0)
        force = session.gather("f", 2)[boron, 0]
    assert np.ptp(force) < 1e-9
    reduced = 10.81 * 14.007 / (10.81 + 14.007)
    expected = np.sqrt(-force.mean() / 1e-4 / reduced * EV_PER_A2_IN_G_PER_MOL_PS2)
    forces = force_constants(MPI.COMM_SELF, planar, lattice)
    assert np.allclose(forces.frequencies(np.zeros(2))[-2:], expected, rtol=1e-3)
    assert forces.extremes()[1] >= expected * (1 - 1e-3)


def test_a_timestep_that_does_not_resolve_the_motion_is_refused(planar, constants):
    constants.check_timestep(planar.timestep)
    longest = 0.3 / constants.extremes()[1]
    constants.check_timestep(0.99 * longest)
    with pytest.raises(InputError, match=rf"'md.timestep_ps' = .* at most {longest:.5f} ps"):
        constants.check_timestep(1.01 * longest)


def test_light_atoms_ask_for_a_shorter_timestep():
    """A tenth of the mass: the frequencies are √10 times as high, and the forces the same."""
    planar = planar_systems.GRAPHENE
    lattice = planar.relaxed_lattice(MPI.COMM_SELF)
    light = force_constants(MPI.COMM_SELF, replace(planar, masses=(1.2011,)), lattice)
    heavy = force_constants(MPI.COMM_SELF, planar, lattice)
    assert light.extremes()[1] == pytest.approx(np.sqrt(10) * heavy.extremes()[1], rel=1e-6)
    with pytest.raises(InputError, match=r"md\.timestep_ps"):
        light.check_timestep(planar.timestep)


def test_a_crystal_at_rest_that_is_not_stable_is_refused():
    """A square lattice with bonds to nearest neighbours that are under compression by the second ones."""
    square = replace(
        planar_systems.TRIANGULAR,
        name="square",
        cell=(1.0, 1.0),
        basis=((1, 0.25, 0.25),),
        pair_style="morse 4.5",
    )
    lattice = square.relaxed_lattice(MPI.COMM_SELF)
    with pytest.raises(InputError, match=r"square with pair_style morse 4\.5 is at rest .* not stable"):
        force_constants(MPI.COMM_SELF, square, lattice)
