"""Loads that are small enough: as given where the crystal is linear, lowered where its stiffness changes."""

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError
from mdbridge.md import loads
from mdbridge.md.linearresponse import linear_response, scaled
from mdbridge.md.relax import Crystal


def sheet_of(planar):
    lattice = planar.relaxed_lattice(MPI.COMM_SELF)
    session = planar.sheet(MPI.COMM_SELF, (10, 6), lattice)
    return Crystal(session, planar.bond_cutoff(lattice), 1.08 * lattice, free=False)


@pytest.fixture(scope="module")
def tersoff():
    crystal = sheet_of(planar_systems.BORON_NITRIDE)
    yield crystal
    crystal.session.close()


@pytest.fixture(scope="module")
def airebo():
    crystal = sheet_of(planar_systems.AIREBO)
    yield crystal
    crystal.session.close()


def wave(crystal, name):
    return next(load for load in loads.training(crystal.box) if load.name == name)


@pytest.mark.parametrize("strain", [0.0005, 0.01])
def test_the_linear_response_has_the_largest_bond_strain_asked_for(tersoff, strain):
    force = scaled(wave(tersoff, "train-x-1-1"), tersoff, strain)
    assert tersoff.bond_strain(1e-3 * tersoff.respond(force)) == pytest.approx(1e-3 * strain, rel=1e-3)


def test_where_the_crystal_is_linear_the_load_is_as_asked_for(tersoff):
    load = wave(tersoff, "train-x-1-1")
    force, u = linear_response(load, tersoff, 0.002, 1e-9, 0.005)
    assert np.array_equal(force, scaled(load, tersoff, 0.002))
    assert np.array_equal(u, tersoff.displacement)
    assert np.abs(tersoff.session.gather("f", 2)).max() < 1e-9


@pytest.mark.parametrize("name", ["train-y-1-0", "train-x-1-1"])
def test_a_load_that_changes_the_stiffness_is_lowered_until_it_does_not(airebo, name):
    """The compliance that is left is that of a vanishing load within what is allowed."""
    load, allowed = wave(airebo, name), 0.005
    full = scaled(load, airebo, 0.002)

    def compliance(force, u):
        return np.vdot(u, force) / np.vdot(force, force)

    force, u = linear_response(load, airebo, 0.002, 1e-10, allowed)
    fraction = np.linalg.norm(force) / np.linalg.norm(full)
    assert np.log2(fraction) == pytest.approx(round(np.log2(fraction)), abs=1e-9)
    assert fraction < 0.3
    tiny = full / 512
    vanishing = compliance(tiny, airebo.relax(tiny, 1e-11))
    assert abs(compliance(force, u) / vanishing - 1) < allowed
    at_full = compliance(full, airebo.relax(full, 1e-10))
    assert abs(at_full / vanishing - 1) > 5 * allowed


def test_what_no_load_makes_linear_is_refused_by_name(airebo, monkeypatch):
    monkeypatch.setattr("mdbridge.md.linearresponse._HALVINGS", 1)
    monkeypatch.setattr("mdbridge.md.linearresponse.ceil", lambda x: 1)  # begin with the whole load
    with pytest.raises(ConvergenceError, match=r"load train-y-1-0: .* 'md.max_nonlinearity' = 0.001"):
        linear_response(wave(airebo, "train-y-1-0"), airebo, 0.002, 1e-9, 0.001)


class Kinked:
    """A crystal of one atom whose compliance grows by ``kink`` times the size of the load."""

    reference = np.zeros((1, 2))
    masses = np.ones(1)

    def __init__(self, kink):
        self.kink, self.relaxed = kink, 0

    def respond(self, force):
        return force

    def bond_strain(self, u):
        return np.linalg.norm(u)

    def relax(self, force, tolerance):
        self.relaxed += 1
        return force * (1 + self.kink * np.linalg.norm(force))


class Pull:
    name = "pull"

    def on(self, positions, masses):
        return np.array([[3.0, 4.0]])


@pytest.mark.parametrize(("kink", "halvings"), [(0.15, 4), (0.07, 3), (0.011, 1), (0.0099, 0)])
def test_a_load_is_lowered_no_further_than_it_must_be(kink, halvings):
    """At a kink the change of the compliance halves with the load; here a hundredth is let pass."""
    crystal = Kinked(kink)
    force, u = linear_response(Pull(), crystal, 1.0, 0.0, 0.01)
    np.testing.assert_allclose(force, np.array([[0.6, 0.8]]) / 2**halvings, rtol=1e-12)
    np.testing.assert_allclose(u, force * (1 + kink / 2**halvings), rtol=1e-12)
    # the change at the whole load says where to begin: two more relaxations, whatever the kink
    assert crystal.relaxed == (3 if halvings else 1)
