"""The box through flips, the reference state, and the guard against what is no number and no atom."""

import numpy as np
import pytest
from glass_systems import crystal, motion
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError, ObserverError
from mdbridge.md.observe.cell import REFERENCE, Cell, Guard, mark_reference
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session

COMM = MPI.COMM_SELF


class Look:
    """Notes what the cell and LAMMPS say at each step."""

    needs = ()

    def __init__(self, cell):
        self.cell, self.rows = cell, []

    def local(self, atoms):
        self.rows.append(
            (atoms.step, self.cell.shear, self.cell.turns, atoms.box()[1, 0], self.cell.rate[0, 1])
        )


def test_the_shear_is_followed_through_flips():
    rate, steps = 0.8, 600
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        look = Look(cell)
        session.commands(motion(rate))
        session.attach(cell, every(1))
        session.attach(look, every(1))
        session.run(steps)
        length, height = np.diag(cell.edges)
    step, shear, turns, lean, speed = np.array(look.rows).T
    assert turns[-1] >= 2
    assert np.abs(lean).max() < 0.65 * 5 * 4.05  # LAMMPS's own box was replaced
    # what a restarted run is told: the whole edges between the box that leans on and LAMMPS's
    assert np.allclose(lean + turns * length, shear * height, rtol=0, atol=1e-9)
    # the box that the forces see is that of the step before
    assert np.allclose(shear, rate * 0.004 * np.maximum(step - 1, 0), rtol=0, atol=1e-12)
    assert np.allclose(speed[2:], rate * height, rtol=1e-9)


def test_displacements_do_not_jump_at_flips_or_boundaries():
    with crystal(COMM) as session:
        cell = Cell(mark_reference(session))
        session.commands("velocity all set 3.0 5.0 -2.0 units box")
        session.commands("fix deform all deform 1 xy erate 0.8 remap v\nfix motion all nve")
        session.commands("pair_coeff * * 0.0 2.5")  # they fly straight, in boxes that flip
        session.attach(cell, every(1))
        session.run(500)
        atoms = session.atoms()
        _, u = cell.place(atoms, atoms.array(REFERENCE))
    time = 500 * 0.004
    assert cell.turns >= 1
    assert np.allclose(u[:, 1:], [5.0 * time, -2.0 * time], rtol=0, atol=1e-9)
    # along x the frame itself moves; what is left is one number for atoms of one height
    assert len(np.unique(np.round(u[:, 0], 6))) <= 12 + 1


def test_a_box_that_leans_along_z_is_refused():
    box = np.diag([10.0, 10.0, 10.0])
    box[2, 0] = 1.0
    with pytest.raises(InputError, match="xz or yz"):
        Cell(box)


def test_a_force_that_is_no_number_stops_the_run_at_its_step():
    with crystal(COMM) as session:
        session.commands(
            "fix motion all nve\nvariable bad equal step>6\nvariable push equal exp(1000*v_bad)-1"
        )
        session.commands("fix push all addforce v_push 0 0")
        session.attach(Guard(session.natoms), every(1))
        session.attach(Cell(session.atoms().box()), every(1))
        with pytest.raises(MDError, match=r"step 7 .* not a finite number"):
            session.run(20)
        assert session.step == 7


def test_nan_positions_stop_the_run():
    with crystal(COMM) as session:
        session.commands("fix motion all nve")
        session.run(1)
        session.attach(Guard(session.natoms), every(1))
        session.atoms().array("v")[5] = np.nan
        with pytest.raises(ObserverError, match="not a finite number") as caught:
            session.run(20)
        assert caught.value.step == session.step
        assert session.step <= 2


def test_lost_atoms_stop_the_run():
    with Session(COMM) as session:
        session.commands("""
            units metal
            region whole block 0 20 0 20 0 20 units box
            boundary p p f
            create_box 1 whole
            create_atoms 1 single 5 5 10 units box
            create_atoms 1 single 15 5 19.5 units box
            mass 1 30
            pair_style zero 3.0
            pair_coeff * *
            thermo_modify lost ignore
            neigh_modify every 1 delay 0 check no
            velocity all set 0 0 50.0
            fix motion all nve
            """)
        session.attach(Guard(session.natoms), every(1))
        with pytest.raises(ObserverError, match=r"1 of 2 atoms lost at step (\d+)") as caught:
            session.run(200)
        # 0.5 Å at 50 Å/ps in steps of 1 fs
        assert 10 <= caught.value.step <= 13
