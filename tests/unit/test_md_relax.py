"""Newton relaxation of a crystal against LAMMPS's own minimiser and against what a Hessian must be."""

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.core.errors import ConvergenceError
from mdbridge.md import loads
from mdbridge.md.crystals import planar_crystal
from mdbridge.md.observe.displacement import SpatialAverage
from mdbridge.md.observe.schedule import every
from mdbridge.md.relax import Crystal

GRAPHENE = planar_crystal("graphene")
LATTICE = 2.5298350688
CELLS = (10, 6)


def crystal_of(session, free=False):
    return Crystal(session, GRAPHENE.bond_cutoff(LATTICE), 2.75, free)


@pytest.fixture(scope="module")
def sheet():
    with GRAPHENE.sheet(MPI.COMM_SELF, CELLS, LATTICE) as session:
        yield crystal_of(session)


@pytest.fixture(scope="module")
def disc():
    with GRAPHENE.free_disc(MPI.COMM_SELF, 15.0, LATTICE) as session:
        crystal = crystal_of(session, free=True)
        crystal.settle(1e-9)
        yield crystal


@pytest.fixture(params=["sheet", "disc"])
def crystal(request):
    return request.getfixturevalue(request.param)


def wave(sheet, name="train-x-1-1"):
    return next(load for load in loads.training(sheet.box) if load.name == name).on(sheet.reference)


def scaled(crystal, force, strain):
    return force * strain / crystal.bond_strain(crystal.respond(force))


def turned(crystal):
    x = crystal.reference - crystal.reference.mean(axis=0)
    return np.stack([-x[:, 1], x[:, 0]], axis=1)


def without_couple(crystal, force):
    spin = turned(crystal)
    return force - spin * (np.vdot(spin, force) / np.vdot(spin, spin))


def test_bonds_are_those_of_the_honeycomb(sheet):
    assert len(sheet.bonds) == 3 * len(sheet.reference) / 2
    assert (np.bincount(sheet.bonds.ravel()) == 3).all()


def test_a_disc_has_no_loose_atoms(disc):
    assert np.bincount(disc.bonds.ravel()).min() >= 2


def test_hessian_is_symmetric_and_blind_to_translations(crystal):
    hessian = crystal.hessian
    assert abs(hessian - hessian.T).max() == 0
    shifts = np.tile(np.eye(2), (len(crystal.reference), 1))
    assert np.abs(hessian @ shifts).max() < 1e-6 * abs(hessian).max()


def test_hessian_of_a_free_crystal_is_blind_to_rotation(disc):
    u = turned(disc).ravel()
    assert np.abs(disc.hessian @ u).max() < 1e-4 * abs(disc.hessian).max()


def test_hessian_is_positive_but_for_rigid_motion(crystal):
    values = np.linalg.eigvalsh(crystal.hessian.toarray())
    rigid = 2 if crystal.box is not None else 3
    assert np.abs(values[:rigid]).max() < 1e-4 * values[-1]
    assert values[rigid] > 1e-3 * values[-1]


def test_hessian_is_the_slope_of_the_forces_along_any_direction(crystal):
    """Moving atoms group by group must find the same as moving all at once."""
    u = np.random.default_rng(4).standard_normal(crystal.reference.shape)
    step = 1e-4
    slope = -(crystal.force(step * u) - crystal.force(-step * u)) / (2 * step)
    product = (crystal.hessian @ u.ravel()).reshape(-1, 2)
    # a disc's Hessian is taken before its edge has settled for good
    assert np.abs(slope - product).max() < (1e-5 if crystal.box is not None else 1e-3) * np.abs(slope).max()


def test_response_solves_the_linear_problem_without_rigid_motion(crystal):
    force = np.cos(0.2 * crystal.reference[:, ::-1])
    force -= force.mean(axis=0)
    if crystal.box is None:
        force = without_couple(crystal, force)
    u = crystal.respond(force)
    assert np.abs(u.mean(axis=0)).max() < 1e-12 * np.abs(u).max()
    # a disc's Hessian is taken before its edge has settled: it resists rotation a little
    tolerance = (1e-6 if crystal.box is not None else 1e-2) * np.abs(force).max()
    assert np.abs(crystal.hessian @ u.ravel() - force.ravel()).max() < tolerance
    if crystal.box is None:
        assert abs(np.vdot(u, turned(crystal))) < 1e-9


@pytest.mark.parametrize("name", ["train-x-1-0", "train-y-2-1"])
def test_relaxation_finds_what_conjugate_gradients_find(sheet, name):
    force = scaled(sheet, wave(sheet, name), 0.01)
    u = sheet.relax(force, 1e-9)
    assert 0.005 < sheet.bond_strain(u) < 0.02
    with GRAPHENE.sheet(MPI.COMM_SELF, CELLS, LATTICE) as session:
        session.scatter("d2_load", force)
        session.minimize(force=1e-8, iterations=20000)
        other = session.gather("x", 2) - session.gather("d2_reference", 2)
        other -= sheet.box * np.rint(other / sheet.box)
        other -= other.mean(axis=0)
    linear = sheet.respond(force)
    assert np.abs(u - other).max() < 1e-6 * np.abs(u).max()
    assert np.abs(u - linear).max() > 1e-4 * np.abs(u).max()  # so the comparison sees more than the start


def test_relaxation_leaves_the_atoms_at_rest_there(crystal):
    force = (crystal.reference - crystal.reference.mean(axis=0)) * [1.0, -1.0]
    if crystal.box is not None:
        force = wave(crystal)
    force = scaled(crystal, force, 0.005)
    u = crystal.relax(force, 1e-9)
    left = crystal.session.gather("f", 2)
    if crystal.box is None:  # the loads' couple in the new shape, which no deformation can balance
        assert np.abs(left).max() < 1e-3 * np.abs(force).max()
        left = without_couple(crystal, left)
    assert np.abs(left).max() < 1e-9
    moved = crystal.session.gather("x", 2) - crystal.reference - u
    if crystal.box is not None:
        moved -= crystal.box * np.rint(moved / crystal.box)
    assert np.abs(moved).max() < 1e-12
    assert np.array_equal(crystal.displacement, u)
    assert np.abs(u.mean(axis=0)).max() < 1e-12


def test_relaxation_does_not_depend_on_what_came_before(sheet):
    force = scaled(sheet, wave(sheet), 0.005)
    first = sheet.relax(force, 1e-10)
    sheet.relax(scaled(sheet, wave(sheet, "train-y-1-2"), 0.01), 1e-10)
    assert np.abs(sheet.relax(force, 1e-10) - first).max() < 1e-9


def test_a_load_that_is_too_large_is_an_error_with_the_remedy(sheet):
    with pytest.raises(ConvergenceError, match="max_bond_strain"):
        sheet.relax(scaled(sheet, wave(sheet), 1.5), 1e-9)
    sheet.relax(scaled(sheet, wave(sheet), 0.001), 1e-9)  # and the crystal is as good as before


def test_a_settled_disc_is_at_rest(disc):
    disc.session.scatter("d2_load", np.zeros_like(disc.reference))
    assert np.abs(disc.force(np.zeros_like(disc.reference))).max() < 1e-8


def test_bond_strain_of_a_uniform_stretch(disc):
    assert disc.bond_strain(np.zeros_like(disc.reference)) == 0
    assert np.isclose(disc.bond_strain(0.013 * disc.reference), 0.013, rtol=1e-12)
    assert disc.bond_strain(np.full_like(disc.reference, 3.0)) < 1e-12


def test_bond_strain_of_one_atom_at_the_periodic_boundary(sheet):
    i, j = next((i, j) for i, j in sheet.bonds if np.ptp(sheet.reference[[i, j]], axis=0).max() > 10)
    bond = sheet.reference[j] - sheet.reference[i]
    bond -= sheet.box * np.rint(bond / sheet.box)
    u = np.zeros_like(sheet.reference)
    u[j] = 0.01 * bond
    assert np.isclose(sheet.bond_strain(u), 0.01, rtol=1e-9)


def test_observers_see_the_placed_state_and_no_trial(sheet):
    from mdbridge.fields.grid import NodeGrid

    grid = NodeGrid.periodic_cells(tuple(sheet.box), 5.0)
    observer = SpatialAverage({"": grid}, 10.0, "cone")
    force = scaled(sheet, wave(sheet), 0.005)
    sheet.session.attach(observer, every(1))
    try:
        u = sheet.relax(force, 1e-9)
    finally:
        sheet.session.detach(observer)
    from mdbridge.coarse import kernels

    weights = kernels.weights(sheet.reference, grid, 10.0)
    expected = (weights @ u) / weights.sum(axis=1)[:, None]
    assert np.abs(observer.results[""].u - expected).max() < 1e-12
    assert np.allclose(observer.results[""].load, weights @ force, atol=1e-14)


# --- a potential that reaches far and is not smooth -------------------------------


@pytest.fixture(scope="module")
def airebo():
    planar = planar_systems.AIREBO
    lattice = planar.relaxed_lattice(MPI.COMM_SELF)
    with planar.sheet(MPI.COMM_SELF, CELLS, lattice) as session:
        cutoff = planar.bond_cutoff(lattice)
        # second neighbours; van der Waals forces, small one by one, reach over 10 Å
        yield Crystal(session, cutoff, 2.6, False), Crystal(session, cutoff, 4.5, False)


def test_what_is_cut_off_costs_the_hessian_little_and_no_translation_anything(airebo):
    for crystal in airebo:
        rigid = np.tile(np.eye(2), (len(crystal.reference), 1))
        assert np.abs(crystal.hessian @ rigid).max() < 1e-10 * np.abs(crystal.hessian).max()
        assert np.abs(crystal.hessian - crystal.hessian.T).max() < 1e-12 * np.abs(crystal.hessian).max()
    load = wave(airebo[0])
    near, far = (crystal.respond(load) for crystal in airebo)
    assert 1e-5 * np.abs(far).max() < np.abs(near - far).max() < 0.02 * np.abs(far).max()


def test_the_equilibrium_does_not_depend_on_where_the_hessian_is_cut(airebo):
    force = scaled(airebo[0], wave(airebo[0]), 0.005)
    near, far = (crystal.relax(force, 1e-9) for crystal in airebo)
    assert np.abs(near - far).max() < 1e-7 * np.abs(far).max()


def test_a_stiffness_that_doubles_with_the_strain_is_followed(airebo):
    """Steps by the Hessian at rest alone overshoot for ever."""
    crystal = airebo[0]
    force = scaled(crystal, wave(crystal), 0.01)
    u = crystal.relax(force, 1e-9)
    assert 0.005 < crystal.bond_strain(u) < 0.02
    assert np.abs(crystal.session.gather("f", 2)).max() < 1e-9


def test_few_evaluations_of_the_forces_suffice(sheet, monkeypatch):
    count = []
    force = scaled(sheet, wave(sheet), 0.002)
    monkeypatch.setattr(sheet, "force", lambda u, real=sheet.force: (count.append(1), real(u))[1])
    sheet.relax(force, 1e-9)
    assert len(count) <= 5
