"""Atoms to ASE and back: nothing is lost, whatever the units and the cell."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md.exchange import from_ase, to_ase
from mdbridge.md.session import Session

ase = pytest.importorskip("ase")
from ase.build import bulk  # noqa: E402
from ase.calculators.lj import LennardJones  # noqa: E402


@pytest.fixture
def crystal():
    """Aluminium with a gold atom in a leaning cell, somewhat disordered, in motion."""
    atoms = bulk("Al", "fcc", a=4.05) * (3, 3, 3)
    atoms.symbols[5] = "Au"
    random = np.random.default_rng(3)
    atoms.positions += 0.1 * random.normal(size=atoms.positions.shape)
    atoms.set_velocities(0.01 * random.normal(size=atoms.positions.shape))
    return atoms


def session_of(atoms, units, velocities=True):
    session = Session(MPI.COMM_SELF)
    session.commands(f"units {units}\nboundary p p p\natom_modify map array")
    from_ase(session, atoms, ["Au", "Al"], velocities)
    return session


@pytest.mark.parametrize("units", ["metal", "real"])
def test_a_crystal_comes_back_from_lammps_as_it_went(crystal, units):
    with session_of(crystal, units) as session:
        back = to_ase(session, ["Au", "Al"])
    assert back.get_chemical_symbols() == crystal.get_chemical_symbols()
    assert back.get_masses() == pytest.approx(crystal.get_masses(), rel=1e-4)
    assert back.get_all_distances(mic=True) == pytest.approx(crystal.get_all_distances(mic=True), abs=1e-6)
    assert back.get_kinetic_energy() == pytest.approx(crystal.get_kinetic_energy(), rel=1e-4)
    assert back.cell.cellpar() == pytest.approx(crystal.cell.cellpar())
    # velocities are turned with the cell: their components along the edges are the same
    assert back.get_velocities() @ back.cell.array.T == pytest.approx(
        crystal.get_velocities() @ crystal.cell.array.T, rel=1e-4, abs=1e-6
    )


@pytest.mark.parametrize(("given", "wanted"), [(True, False), (False, True), (False, False)])
def test_atoms_are_at_rest_where_no_velocities_are_given_or_wanted(crystal, given, wanted):
    if not given:
        del crystal.arrays["momenta"]
    with session_of(crystal, "metal", wanted) as session:
        assert not session.gather("v").any()


def test_the_energy_is_that_of_ases_own_calculator(crystal):
    crystal.symbols[:] = "Al"
    crystal.calc = LennardJones(sigma=2.5, epsilon=0.1, rc=6.0, smooth=False)
    session = Session(MPI.COMM_SELF)
    with session:
        session.commands("units metal\nboundary p p p\natom_modify map array")
        from_ase(session, crystal, ["Al"])
        session.commands("pair_style lj/cut 6.0\npair_coeff 1 1 0.1 2.5\npair_modify shift yes\nrun 0")
        energy = session.lmp.get_thermo("pe")
    assert energy == pytest.approx(crystal.get_potential_energy(), rel=1e-5)


def test_what_cannot_be_exchanged_is_named(crystal):
    with Session(MPI.COMM_SELF) as session:
        session.commands("units lj")
        with pytest.raises(InputError, match="units lj: "):
            from_ase(session, crystal, ["Au", "Al"])
    with Session(MPI.COMM_SELF) as session:
        session.commands("units metal")
        with pytest.raises(InputError, match="Au is not among Al"):
            from_ase(session, crystal, ["Al"])
        crystal.set_cell(crystal.cell.array[[1, 0, 2]])
        with pytest.raises(InputError, match="right-handed"):
            from_ase(session, crystal, ["Au", "Al"])


def test_a_type_without_a_symbol_is_refused(crystal):
    with session_of(crystal, "metal") as session, pytest.raises(InputError, match="1 for 2 types"):
        to_ase(session, ["Au"])
