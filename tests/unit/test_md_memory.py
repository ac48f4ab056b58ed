"""Views into LAMMPS's memory: of every type, as long as it lies where it lay, and never longer than it is."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import MDError
from mdbridge.md.memory import Memory
from mdbridge.md.session import Session


@pytest.fixture
def session():
    """Nine atoms of two types with arrays of their own; atom n lies near (n, n/2, 0)."""
    with Session(MPI.COMM_SELF) as opened:
        opened.commands("""
            units lj
            atom_modify map array sort 0 0
            region box block 0 10 0 10 -5 5
            create_box 2 box
            mass * 1.0
            pair_style zero 1.0
            pair_coeff * *
        """)
        for n in range(1, 10):
            opened.commands(f"create_atoms {1 + n % 2} single {n} {n / 2} 0")
        opened.commands("""
            fix mine all property/atom i_count d_size d2_pair 3 i2_marks 2
            set group all d_size 0.5
            run 0
        """)
        yield opened


def test_views_have_lammps_s_types_and_shapes(session):
    memory = Memory(session.lmp)
    for name, dtype, shape in (
        ("x", np.float64, (9, 3)),
        ("f", np.float64, (9, 3)),
        ("id", (np.int32, np.int64), (9,)),
        ("type", np.int32, (9,)),
        ("i_count", np.int32, (9,)),
        ("d_size", np.float64, (9,)),
        ("d2_pair", np.float64, (9, 3)),
        ("i2_marks", np.int32, (9, 2)),
    ):
        view = memory.view(name, 9)
        assert view.shape == shape, name
        assert view.dtype in np.atleast_1d(dtype), name
    assert memory.view("x", 9)[:, 0] == pytest.approx(np.arange(1, 10))
    assert memory.view("type", 9).tolist() == [1 + n % 2 for n in range(1, 10)]


def test_the_box_and_the_number_of_atoms_are_those_of_this_moment(session):
    memory = Memory(session.lmp)
    corner, edges = memory.box()
    assert memory.natoms() == 9 and edges.tolist() == np.diag([10.0, 10.0, 10.0]).tolist()
    assert corner.tolist() == [0.0, 0.0, -5.0]
    assert memory.box()[1] is edges  # nothing has changed
    session.commands("change_box all triclinic\nchange_box all x final -1 11 xy final 2.5 units box")
    session.commands("create_atoms 1 single 5 5 1")
    now = memory.box()
    assert now[1].tolist() == [[12, 0, 0], [2.5, 10, 0], [0, 0, 10]] and now[0].tolist() == [-1, 0, -5]
    assert edges[0, 0] == 10.0  # who kept it keeps that of its moment
    assert memory.natoms() == 10
    memory.forget()
    assert memory.natoms() == 10


def test_in_the_middle_of_a_run_views_are_asked_for_anew_when_lammps_has_made_room(session, monkeypatch):
    memory, asked = Memory(session.lmp), []
    extract = memory._extract_atom
    monkeypatch.setattr(memory, "_extract_atom", lambda *a: (asked.append(a[1]), extract(*a))[1])
    for _ in range(3):
        memory.enter()
        memory.view("x", 9)
    assert len(asked) == 2  # whether there is such an array, and where it is
    session.commands("create_atoms 1 random 40000 7 NULL")
    memory.enter()
    count = session.lmp.extract_setting("nlocal")
    after = memory.view("x", count)
    assert len(after) == 40009 and len(asked) == 3
    np.testing.assert_array_equal(after, session.lmp.numpy.extract_atom("x")[:count])
    memory.leave()
    memory.view("x", 9)
    assert len(asked) == 4


def test_they_are_the_memory_itself(session):
    memory = Memory(session.lmp)
    memory.view("d2_pair", 9)[2] = [1.0, 2.0, 3.0]
    assert session.lmp.numpy.extract_atom("d2_pair")[2].tolist() == [1.0, 2.0, 3.0]
    session.commands("set atom 1 x 7.5")
    assert memory.view("x", 9)[0, 0] == 7.5


def test_fewer_rows_are_the_first_of_them(session):
    memory = Memory(session.lmp)
    whole = memory.view("x", 9)
    assert np.array_equal(memory.view("x", 4), whole[:4])
    assert memory.view("x", 0).shape == (0, 3) and memory.view("d_size", 0).shape == (0,)
    assert np.array_equal(memory.view("x", 9), whole)


def test_a_view_is_kept_while_lammps_does_not_move_it(session, monkeypatch):
    """This is called at every step."""
    memory, mapped = Memory(session.lmp), []
    remap = Memory._remap
    monkeypatch.setattr(Memory, "_remap", lambda self, *a: (mapped.append(a[0].name), remap(self, *a)))
    for _ in range(5):
        memory.view("x", 9)
        memory.view("d_size", 9)
    assert mapped == [b"x", b"d_size"]


def test_arrays_that_grow_are_found_where_they_have_moved_to(session):
    memory = Memory(session.lmp)
    memory.view("x", 9)
    session.commands("create_atoms 1 random 40000 7 NULL")
    session.commands("run 0")
    count = session.lmp.extract_global("nlocal")
    assert count == 40009
    assert np.array_equal(memory.view("x", count), session.lmp.numpy.extract_atom("x")[:count])
    assert memory.view("x", count)[:9, 0] == pytest.approx(np.arange(1, 10))


def test_an_array_defined_anew_has_its_new_shape_once_the_old_is_forgotten(session):
    memory = Memory(session.lmp)
    assert memory.view("d2_pair", 9).shape == (9, 3)
    session.commands("unfix mine\nfix mine all property/atom d2_pair 2")
    memory.forget()
    assert memory.view("d2_pair", 9).shape == (9, 2)


@pytest.mark.parametrize("name", ["d_none", "nothing", "q"])
def test_what_is_not_there_is_named(session, name):
    with pytest.raises(MDError, match=f"no per-atom array '{name}'"):
        Memory(session.lmp).view(name, 9)


def test_arrays_that_have_moved_are_found_although_they_are_no_longer(session):
    """Atoms come and go between two looks: what was freed must not be read."""
    memory = Memory(session.lmp)
    memory.view("x", 9)
    session.commands("create_atoms 1 random 40000 7 NULL\ngroup new id > 9\ndelete_atoms group new")
    session.commands("displace_atoms all move 0.25 0 0\nrun 0")
    assert session.natoms == 9
    assert memory.view("x", 9)[:, 0] == pytest.approx(np.arange(1, 10) + 0.25)
