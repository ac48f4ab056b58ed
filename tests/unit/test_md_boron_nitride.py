"""Hexagonal boron nitride: two kinds of atoms, two masses, and what averages of them mean."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.coarse import kernels
from mdbridge.fields.grid import NodeGrid
from mdbridge.md import loads
from mdbridge.md.crystals import planar_crystal
from mdbridge.md.elastic import elastic_constants
from mdbridge.md.observe.displacement import SpatialAverage
from mdbridge.md.relax import Crystal

BN = planar_crystal("boron-nitride")
BORON, NITROGEN = 10.81, 14.007


@pytest.fixture(scope="module")
def lattice():
    return BN.relaxed_lattice(MPI.COMM_SELF)


@pytest.fixture(scope="module")
def sheet(lattice):
    with BN.sheet(MPI.COMM_SELF, (20, 12), lattice) as session:
        yield Crystal(session, BN.bond_cutoff(lattice), 1.1 * lattice, free=False)


def test_the_lattice_and_the_elastic_constants_are_those_of_the_potential(lattice):
    """Published with the potential: a lattice constant of 2.498 Å; measured: 2.504 Å."""
    assert lattice == pytest.approx(2.498, abs=1e-3)
    constants = elastic_constants(MPI.COMM_SELF, BN, lattice)
    measured = [constants[name] for name in ("C11_TPa", "C12_TPa", "C66_TPa")]
    assert np.allclose(measured, [0.8320, 0.2588, 0.2866], atol=2e-4)


def test_boron_and_nitrogen_alternate_with_their_masses(sheet):
    assert BN.pair_coeff == ("* * {potential} B N",)
    assert BN.masses == (BORON, NITROGEN)
    assert sorted(set(sheet.masses)) == [BORON, NITROGEN]
    i, j = sheet.bonds.T
    assert (sheet.masses[i] + sheet.masses[j] == BORON + NITROGEN).all()


def wave(sheet, name):
    return next(load for load in loads.training(sheet.box) if load.name == name)


def observed(sheet, spacing=5.0):
    grid = NodeGrid.periodic_cells(tuple(sheet.box), spacing)
    observer = SpatialAverage({"": grid}, 10.0, "cone")
    sheet.session.attach(observer, lambda step: True)
    sheet.session.run(0)
    sheet.session.detach(observer)
    return observer.results[""], grid


def test_averages_are_those_of_the_centre_of_mass_and_of_the_whole_load(sheet):
    """Boron alone is moved: a node moves by boron's part of the mass."""
    boron = sheet.masses == BORON
    sheet.session.scatter("d2_load", np.outer(boron, [1.0, 0.0]))
    sheet.place(0.02 * np.outer(boron, [0.0, 1.0]))
    averages, grid = observed(sheet)
    weights = kernels.weights(sheet.reference, grid, 10.0, "cone")
    assert np.allclose(averages.density, weights @ sheet.masses, rtol=1e-12)
    assert averages.density.sum() == pytest.approx(sheet.masses.sum(), rel=1e-12)
    assert np.allclose(averages.u[:, 1], 0.02 * BORON / (BORON + NITROGEN), rtol=5e-3)
    assert np.allclose(averages.u[:, 0], 0.0, atol=1e-15)
    assert np.allclose(averages.load[:, 0], weights @ boron, rtol=1e-12)
    sheet.session.scatter("d2_load", np.zeros_like(sheet.reference))
    sheet.place(np.zeros_like(sheet.reference))


def test_forces_are_in_proportion_to_the_masses_and_balance(sheet):
    for load in (*loads.training(sheet.box)[::17], *loads.validation(sheet.box)[:2]):
        force = load.on(sheet.reference, sheet.masses)
        assert np.abs(force.sum(axis=0)).max() < 1e-9
        acceleration = force / sheet.masses[:, None]
        expected = load.on(sheet.reference) / sheet.masses.mean()
        # but for the resultant on these atoms, which is taken away with the masses
        assert np.abs(acceleration - expected).max() < 1e-3 * np.abs(expected).max()


def phase(sheet, force, axis, component, waves):
    """Tangent of the phase by which the averaged response to a cosine lags behind it."""
    sheet.session.scatter("d2_load", force)
    sheet.place(1e-3 * sheet.respond(force))
    averages, grid = observed(sheet)
    wave = np.exp(-2j * np.pi * waves * grid.points()[:, axis] / sheet.box[axis])
    ratio = (averages.u[:, component] @ wave) / (averages.load[:, component] @ wave)
    return ratio.imag / ratio.real


def test_a_wave_answers_in_phase(sheet):
    """Load and displacement weighted alike do work on each other: the response is its own adjoint.

    Equal forces on both kinds of atoms would not: the centre of mass is not in the middle of two
    atoms, which shift against each other where the sheet is strained, a quarter of a wave away.
    """
    load = wave(sheet, "train-y-0-2")
    with_masses, without = (
        phase(sheet, load.on(sheet.reference, masses), axis=1, component=1, waves=2)
        for masses in (sheet.masses, None)
    )
    sheet.session.scatter("d2_load", np.zeros_like(sheet.reference))
    sheet.place(np.zeros_like(sheet.reference))
    assert abs(with_masses) < 1e-3
    assert abs(without) > 5e-3


def test_a_relaxed_wave_answers_with_the_elastic_constants(sheet, lattice):
    """b/(k² u) at one wave per box: C11 longitudinal, C66 transverse, of relaxed ions."""
    constants = elastic_constants(MPI.COMM_SELF, BN, lattice)
    for name, axis, component, modulus in (
        ("train-x-1-0", 0, 0, "C11_TPa"),
        ("train-y-1-0", 0, 1, "C66_TPa"),
        ("train-x-0-1", 1, 0, "C66_TPa"),
        ("train-y-0-1", 1, 1, "C11_TPa"),
    ):
        force = wave(sheet, name).on(sheet.reference, sheet.masses)
        force *= 0.001 / sheet.bond_strain(sheet.respond(force))
        sheet.relax(force, 1e-9)
        averages, grid = observed(sheet)
        k = 2 * np.pi / sheet.box[axis]
        cosine = np.cos(k * grid.points()[:, axis])
        area = grid.cell_area * BN.thickness
        b, u = averages.load[:, component] @ cosine / area, averages.u[:, component] @ cosine
        assert b / (k**2 * u) * 0.16021766 == pytest.approx(constants[modulus], rel=1.5e-2)
