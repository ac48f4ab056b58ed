"""References of atoms that come later, and of those that have crossed a boundary."""

import numpy as np
import pytest
from crystals import moving
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.fields.grid import NodeGrid
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.displacement import SpatialAverage, TimeFilter
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session

GAS = """
    units lj
    atom_modify map yes
    region whole block 0 20 0 20 0 20 units box
    region top block 2 18 2 18 2 18 units box
    create_box 1 whole
    create_atoms 1 single 10 10 10
    mass 1 1.0
    pair_style zero 1.0
    pair_coeff * *
    timestep 0.01
    fix arrays all property/atom d2_reference {columns} d2_smoothed 2 d2_load 2
    fix motion all move linear 30.0 10.0 -5.0
    """


@pytest.mark.parametrize("columns", [2, 3])
def test_an_atom_that_comes_later_has_moved_since_it_came(columns):
    class Birth(Observer):
        """When each atom is seen first."""

        needs = ("d2_reference",)
        references = ("d2_reference",)

        def __init__(self):
            self.steps = {}

        def local(self, atoms):
            for atom_id in atoms.ids:
                self.steps.setdefault(int(atom_id), atoms.step)
            moved = atoms.unwrapped()[:, :columns] - atoms.array("d2_reference")
            age = np.array([atoms.step - self.steps[int(atom_id)] for atom_id in atoms.ids])
            expected = 0.01 * age[:, None] * np.array([30.0, 10.0, -5.0])[:columns]
            assert np.abs(moved - expected).max() < 1e-10

    with Session(MPI.COMM_SELF) as session:
        session.commands(GAS.format(columns=columns))
        session.scatter("d2_reference", session.gather("x", columns, unwrapped=True))
        birth = Birth()
        session.attach(birth, every(1))
        session.commands("fix come all deposit 6 1 10 4711 region top near 1.0 vz 0 0")
        session.run(80)
        session.commands("create_atoms 1 single 3 3 3\nrun 0")
        session.run(20)
        assert len(birth.steps) == session.natoms == 8
        assert len(set(birth.steps.values())) >= 6


def test_whoever_wants_to_know_of_new_atoms_is_told_once():
    class Follow(Observer):
        """Keeps an array of its own, whatever was left in its place."""

        moment = "forces"
        needs = ("d_mine",)

        def __init__(self):
            self.told = []

        def born(self, atoms, new):
            self.told += atoms.ids[new].tolist()
            atoms.array("d_mine")[new] = atoms.ids[new]

        def local(self, atoms):
            assert np.array_equal(atoms.array("d_mine"), atoms.ids)

    with Session(MPI.COMM_SELF) as session:
        session.commands(
            GAS.format(columns=2) + "fix own all property/atom d_mine\ncreate_atoms 1 single 3 3 3"
        )
        session.scatter("d_mine", session.ids())
        follow = Follow()
        session.attach(follow, every(1))
        session.commands("region all block INF INF INF INF INF INF\nfix go all evaporate 7 1 all 99")
        session.commands("fix come all deposit 9 1 7 4711 region top near 1.0 vz 0 0 id next")
        session.run(60)
        session.commands("delete_atoms group all compress no\ncreate_atoms 1 single 9 9 9")
        session.run(5)
        assert len(follow.told) == len(set(follow.told)) == 10


def test_the_filter_and_the_average_take_new_atoms_for_what_they_are():
    with Session(MPI.COMM_SELF) as session:
        session.commands(GAS.format(columns=2))
        session.scatter("d2_reference", session.gather("x", 2, unwrapped=True))
        average = SpatialAverage({"": NodeGrid.periodic_cells((20.0, 20.0), 5.0)}, 40.0, "cone")
        session.attach(TimeFilter(1.0), every(1))
        session.attach(average, every(10))
        # an atom that has gone leaves its displacement where the next one comes to lie
        session.commands("create_atoms 1 single 4 4 4")
        session.scatter("d2_load", np.ones((2, 2)))
        session.run(50)
        session.commands("group gone id 2\ndelete_atoms group gone compress no")
        session.scatter("d2_reference", session.gather("x", 2, unwrapped=True))
        session.commands("fix come all deposit 6 1 10 4711 region top near 1.0 vz 0 0")
        session.run(100)
        assert session.natoms == 7
        # weight 1: the filter is the displacement itself
        u = session.gather("x", 2, unwrapped=True) - session.gather("d2_reference", 2)
        assert np.abs(session.gather("d2_smoothed", 2) - u).max() < 1e-10
        assert u[:, 0].max() == pytest.approx(30.0)
        assert u[:, 0].min() < 20.0
        assert average.results[""].u[:, 0].max() < 30.0
        assert average.results[""].density.sum() == pytest.approx(session.natoms)
        assert np.allclose(average.results[""].load.sum(axis=0), 1.0)


def test_a_reference_from_wrapped_positions_is_carried_over():
    with moving(
        "velocity all set 3.0 -2.0 0.0 sum yes\nfix own all property/atom d2_reference 2 d2_smoothed 2"
    ) as session:
        session.run(600)
        session.scatter("d2_reference", session.gather("x", 2))
        session.attach(TimeFilter(1.0), every(1))
        session.run(10)
        u = session.gather("d2_smoothed", 2)
        assert (
            np.abs(session.gather("x", 2, unwrapped=True) - session.gather("d2_reference", 2) - u).max()
            < 1e-10
        )
        lattice = (4 / 0.85) ** (1 / 3)  # velocities are set in its units
        assert np.abs(u.mean(axis=0) - 10 * 0.003 * lattice * np.array([3.0, -2.0])).max() < 1e-6


def test_a_reference_that_is_elsewhere_is_left_as_it_is():
    with moving(
        "velocity all set 3.0 -2.0 0.0 sum yes\nfix own all property/atom d2_reference 2 d2_smoothed 2"
    ) as session:
        session.run(600)
        mine = session.gather("x", 2) + 1e-9
        session.scatter("d2_reference", mine)
        session.attach(TimeFilter(1.0), every(1))
        session.run(1)
        assert np.array_equal(session.gather("d2_reference", 2), mine)


def test_a_reference_has_two_or_three_columns():
    class Look(Observer):
        references = ("d2_odd",)

    with moving("fix own all property/atom d2_odd 4") as session:
        with pytest.raises(InputError, match=r"'d2_odd' holds reference positions: .* not 4"):
            session.attach(Look(), every(1))
        session.run(2)
