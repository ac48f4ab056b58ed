"""Pair forces for Hardy's stress: right for pairs, bonds and embedded atoms, refused for everything else."""

import numpy as np
import pytest
from field_systems import COPPER, CRYSTAL, simulation
from mpi4py import MPI

from mdbridge.core.errors import InputError, MdbridgeError
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.hardy import PairForces
from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every

CHAINS = """
    units lj
    atom_style bond
    atom_modify map array
    lattice fcc 0.8
    region whole block 0 4 0 4 0 4
    create_box 1 whole bond/types 1 extra/bond/per/atom 12 extra/special/per/atom 200
    create_atoms 1 box
    mass 1 1.0
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    bond_style harmonic
    bond_coeff 1 20.0 1.1
    create_bonds many all all 1 1.15 1.25
    timestep 0.002
    velocity all create 0.5 4711 loop geom
    fix motion all nve
"""
UNBOUND = CHAINS.replace("create_bonds many all all 1 1.15 1.25\n", "")

SILICON = """
    units metal
    atom_modify map array
    lattice diamond 5.43
    region whole block 0 3 0 3 0 3
    create_box 1 whole
    create_atoms 1 box
    mass 1 28.0
    pair_style tersoff
    pair_coeff * * Si.tersoff Si
    velocity all create 600 4711 loop geom
    fix motion all nve
"""


def taken(script, more="", steps=17):
    """−Σ r ⊗ f per volume as Hardy's fine grid integrates it, and LAMMPS's pressure without motion."""
    with simulation(script, more) as session:
        material = Material()
        edges = session.box()
        forces = PairForces(CellGrid("xyz", (16, 16, 16)), "quartic", 0.35 * edges[0, 0], material)
        session.attach(material, every(1))
        session.attach(forces, every(steps))
        session.commands(
            "compute check all pressure NULL virial\nthermo_style custom step c_check[*]\nthermo 1"
        )
        session.run(steps)
        own = -np.array(session.lmp.numpy.extract_compute("check", 0, 1)[:6])
    return forces.stress.mean(axis=(0, 1, 2)), own


@pytest.mark.parametrize(
    ("script", "more"),
    [
        (CRYSTAL, "fix motion all nve"),
        (CRYSTAL, "fix motion all npt temp 0.5 0.5 0.1 iso 9.0 9.0 0.1"),
        (COPPER, ""),
        (CHAINS, ""),
        (UNBOUND, "fix make all bond/create 1 1 1 1.25 1"),
    ],
    ids=["pairs", "a box that moves", "embedded atoms", "bonds", "bonds that are made later"],
)
def test_the_integral_of_the_bond_functions_is_the_virial_of_lammps(script, more):
    integral, own = taken(script, more)
    # the window is smooth and wide: on this grid its sum is its integral to a few parts in 10,000
    np.testing.assert_allclose(integral, own, atol=2e-3 * np.abs(own).max())


REFUSED = r"Pair style does not support|pair_style tersoff has forces"


def test_three_body_forces_are_refused_by_name():
    with pytest.raises(MdbridgeError, match=REFUSED):
        taken(SILICON)


def test_what_only_some_components_of_the_virial_hold_is_refused():
    """A tail correction is a pressure: the shear components agree with the sums over pairs."""
    with pytest.raises(MdbridgeError, match="forces that are not those of pairs and bonds"):
        taken(CRYSTAL, "pair_modify tail yes\nfix motion all nve", steps=1)


def test_forces_that_no_pairs_tell_of_are_refused_whenever_they_come():
    with simulation(CRYSTAL, "fix motion all nve") as session:
        material = Material()
        session.attach(material, every(1))
        session.attach(PairForces(CellGrid("x", (4,)), "quartic", 2.5, material), every(5))
        session.run(10)
        session.commands("pair_modify tail yes")
        with pytest.raises(MdbridgeError, match="forces that are not those of pairs and bonds"):
            session.run(10)


def test_rigid_bodies_act_by_a_fix_and_are_refused():
    pairs = CHAINS.replace("fix motion all nve", "fix motion all nve\n    fix stiff all shake 0.001 50 0 b 1")
    few = pairs.replace("create_bonds many all all 1 1.15 1.25", "create_bonds single/bond 1 1 2")
    with pytest.raises((InputError, MdbridgeError), match="a fix acts between the atoms"):
        taken(few)


def test_ids_with_gaps_are_found():
    with simulation(
        CRYSTAL, "group some id 5 17 40\ndelete_atoms group some compress no\nfix motion all nve"
    ) as session:
        material = Material()
        forces = PairForces(CellGrid("x", (8,)), "quartic", 2.0, material)
        session.attach(material, every(1))
        session.attach(forces, every(5))
        session.run(5)
        assert np.isfinite(forces.stress).all()
        assert session.comm.size == MPI.COMM_SELF.size
