"""Samples of a small sheet of boron nitride: units, masses, thickness and timestep come from the crystal."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import sampling
from mdbridge.campaigns.peridynamics.input import MD, Dynamics, GrapheneInput, Learn, Loads
from mdbridge.campaigns.peridynamics.sampling import Sampler
from mdbridge.core.errors import InputError
from mdbridge.md.session import Session


def config(timestep=0.0005):
    return GrapheneInput(
        campaign="graphene",
        md=MD(
            crystal="boron-nitride",
            cells=[26, 15],
            disc_radius_A=30.0,
            disc_inner_A=15.0,
            timestep_ps=timestep,
        ),
        # the load as it is: of two signs the last one that acts is a half of it
        loads=Loads(two_sided=False),
        dynamics=Dynamics(duration_ps=0.02),
        learn=Learn(horizons_A=[12.5]),
    )


@pytest.fixture(scope="module")
def sampler():
    with sampling.sampler(MPI.COMM_SELF, config()) as shared:
        yield shared


def load(sampler, name):
    loads = sampling.all_loads(sampler.config, sampler.sheet.box).values()
    return next(candidate for split in loads for candidate in split if candidate.name == name)


@pytest.mark.parametrize(
    ("name", "axis", "component", "modulus"),
    [("train-x-1-0", 0, 0, "C11_TPa"), ("train-x-0-1", 1, 0, "C66_TPa")],
)
def test_a_sample_answers_with_the_elastic_constants(sampler, name, axis, component, modulus):
    """b/(k² u) of the longest waves, b in TPa/Å: the thickness is boron nitride's in both."""
    result = sampler.static(load(sampler, name), sampler.sheet)
    nodes = sampler.node_grids(disc=False)[""].points()
    k = 2 * np.pi / sampler.sheet.box[axis]
    b, u = (result[key][:, component] @ np.cos(k * nodes[:, axis]) for key in "bu")
    assert b / (k**2 * u) == pytest.approx(float(sampler.elastic()[modulus]), rel=6e-3)
    assert float(result["bond_strain"]) == pytest.approx(0.002, rel=0.02)


def test_forces_of_a_sample_go_with_the_masses(sampler):
    """The resultant of the averaged load is none, and its amplitude is that on nitrogen."""
    result = sampler.static(load(sampler, "train-x-1-0"), sampler.sheet)
    assert np.abs(result["b"].sum(axis=0)).max() < 1e-10 * np.abs(result["b"]).max()
    forces = sampler.sheet.session.gather("d2_load", 2)[:, 0]
    largest = {mass: np.abs(forces[sampler.sheet.masses == mass]).max() for mass in (10.81, 14.007)}
    assert float(result["amplitude"]) == pytest.approx(largest[14.007])
    assert largest[14.007] / largest[10.81] == pytest.approx(14.007 / 10.81, rel=1e-3)


def test_the_lattice_and_the_bond_are_recorded(sampler):
    result = sampler.elastic()
    assert float(result["lattice_A"]) == pytest.approx(2.4979, abs=1e-4)
    assert float(result["bond_A"]) == pytest.approx(2.4979 / np.sqrt(3), abs=1e-4)


@pytest.mark.parametrize(("timestep", "steps"), [(0.0005, 40), (0.00025, 80)])
def test_the_dynamics_last_as_long_whatever_the_timestep(timestep, steps, monkeypatch):
    run: list[int] = []
    real = Session.run

    def counted(self, count, options=""):
        run.append(count)
        assert count == 0 or self.atoms().timestep == timestep
        real(self, count, options)

    with sampling.sampler(MPI.COMM_SELF, config(timestep)) as shared:
        wave = load(shared, "train-x-1-1")
        monkeypatch.setattr(Session, "run", counted)
        result = shared.dynamic(wave)
    assert sum(run) == steps
    assert np.isfinite(result["u_filtered"]).all() and float(result["temperature_K"]) > 100


def test_a_timestep_that_does_not_resolve_the_motion_is_refused_before_the_run():
    with sampling.sampler(MPI.COMM_SELF, config(0.002)) as shared:
        wave = load(shared, "train-x-1-1")
        shared.static(wave, shared.sheet)  # at rest there is no timestep
        with pytest.raises(InputError, match=r"'md.timestep_ps' = 0.002: .* boron-nitride .* at most 0.0009"):
            shared.dynamic(wave)


def test_each_group_of_ranks_ends_its_lammps():
    with sampling.sampler(MPI.COMM_SELF, config()) as shared:
        session = shared.sheet.session
        assert isinstance(shared, Sampler) and session.lmp is not None
    assert session.lmp is None
