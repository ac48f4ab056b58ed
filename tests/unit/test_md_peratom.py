"""Arrays of all atoms by IDs that have gaps, by positions that have crossed boundaries."""

import numpy as np
import pytest
from crystals import crystal, moving
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError
from mdbridge.md import peratom
from mdbridge.md.session import Session

SHIFT = np.array([0.3, 100.0, -7.0])
GAPS = "region hole block 1 2 1 2 INF INF\ndelete_atoms region hole compress no\n"


def test_rows_are_those_of_the_ids_that_there_are():
    with crystal(GAPS + "fix own all property/atom d_mine d2_ours 3") as session:
        ids = session.ids()
        assert (np.diff(ids) > 0).all()
        assert ids[-1] > session.natoms == len(ids)
        session.scatter("d_mine", 1.5 * ids)
        session.scatter("d2_ours", np.stack([ids, ids**2], axis=1))
        atoms = session.atoms()
        assert np.array_equal(atoms.array("d_mine"), 1.5 * atoms.ids)
        assert np.array_equal(atoms.array("d2_ours")[:, 1], atoms.ids**2)
        assert np.array_equal(session.gather("d_mine"), 1.5 * ids[:, None])
        assert np.array_equal(session.gather("d2_ours", 2)[:, 0], ids)
        assert np.array_equal(session.gather("id", 1)[:, 0], ids)


def test_masses_of_atoms_follow_the_ids_and_are_refused_where_there_are_none():
    """Those of atoms, as of spheres, where LAMMPS has such: types have none then."""
    sized = "set type * diameter 1.0 density 2.0\nset atom 3 density 4.0\n"
    with crystal(GAPS + sized, style="sphere", masses="") as session:
        masses = session.masses()
        assert masses.shape == (session.natoms,)
        heavy = session.ids() == 3
        assert np.allclose(masses, np.where(heavy, 4.0, 2.0) * np.pi / 6, rtol=1e-12)
    with Session(MPI.COMM_SELF) as session:
        session.commands("region b block 0 3 0 3 0 3\ncreate_box 1 b\ncreate_atoms 1 single 1 1 1")
        with pytest.raises(MDError, match="no masses yet"):
            session.masses()


def test_positions_come_unwrapped_if_wanted_and_go_back():
    more = "velocity all set 3.0 -2.0 0.0 sum yes\ncompute u all property/atom xu yu zu"
    with moving(more, tilt=2.0) as session:
        session.run(600)
        unwrapped, wrapped = session.gather("x", 3, unwrapped=True), session.gather("x", 3)
        order = np.argsort(session.atoms().ids)
        theirs = np.stack([session.atoms().values(f"c_u[{k}]") for k in (1, 2, 3)], axis=1)[order]
        assert np.abs(unwrapped - theirs).max() < 1e-12
        assert np.abs(unwrapped - wrapped).max() > 3 * session.box()[0, 0] / 2
        session.scatter("x", unwrapped + SHIFT, unwrapped=True)
        assert np.abs(session.gather("x", 3, unwrapped=True) - unwrapped - SHIFT).max() < 1e-12
        near = (session.atoms().x - session.corner()) @ np.linalg.inv(session.box())
        assert np.abs(near - 0.5).max() < 1.0 + 1e-9  # LAMMPS wraps by one box at most
        session.run(0)
        inside = (session.atoms().x - session.corner()) @ np.linalg.inv(session.box())
        assert inside.min() > -1e-9
        assert inside.max() < 1 + 1e-9
        assert np.abs(session.gather("x", 3, unwrapped=True) - unwrapped - SHIFT).max() < 1e-12
        # two of three columns: the third stays
        session.scatter("x", unwrapped[:, :2], unwrapped=True)
        back = session.gather("x", 3, unwrapped=True)
        assert np.abs(back - unwrapped - [0, 0, -7.0]).max() < 1e-12


def test_atoms_without_ids_are_refused_by_name():
    with moving() as session:
        session.commands("clear\natom_modify id no\nregion b block 0 4 0 4 0 4\ncreate_box 1 b")
        session.commands("create_atoms 1 single 1 1 1")
        for call in (
            session.ids,
            lambda: session.gather("x"),
            lambda: session.scatter("x", np.zeros((1, 3))),
        ):
            with pytest.raises(InputError, match="atom_modify id no"):
                call()


def test_what_does_not_fit_is_refused():
    with crystal("fix own all property/atom d_mine") as session:
        with pytest.raises(InputError, match=r"'d_mine': 3 rows for \d+ atoms"):
            session.scatter("d_mine", np.zeros(3))
        with pytest.raises(InputError, match="'d_mine' has 1 columns, not 2"):
            session.scatter("d_mine", np.zeros((session.natoms, 2)))
        with pytest.raises(MDError, match="no per-atom array 'd_yours'"):
            session.gather("d_yours")


BOX = 10.0


@pytest.fixture
def session():
    """IDs 1, 2, 4, 5, 7 in an order of LAMMPS's own; atom n lies at (n, 2, 3)."""
    with Session(MPI.COMM_SELF) as opened:
        opened.commands("""
            units lj
            atom_modify map array
            region box block 0 10 0 10 0 10
            create_box 1 box
            mass 1 1.0
            pair_style zero 1.0
            pair_coeff * *
            fix mine all property/atom d_size d2_pair 3 i_count
        """)
        for n in (7, 3, 5, 1, 2, 6, 4):
            opened.commands(f"create_atoms 1 single {n} 2 3")
        opened.commands("set group all d_size 0.5\nrun 0")
        x = opened.lmp.numpy.extract_atom("x")
        tags = opened.lmp.numpy.extract_atom("id")
        tags[:7] = np.rint(x[:7, 0]).astype(tags.dtype)  # the ID is the place
        opened.commands("group gone id 3 6\ndelete_atoms group gone compress no")
        opened.commands("run 0")
        yield opened


IDS = [1, 2, 4, 5, 7]


def test_ids_ascend_whatever_order_the_atoms_have(session):
    assert peratom.ids(session).tolist() == IDS


def test_rows_are_in_the_order_of_the_ids(session):
    x = peratom.gather(session, "x", None, unwrapped=False)
    assert x.tolist() == [[float(n), 2.0, 3.0] for n in IDS]
    assert peratom.gather(session, "x", 2, unwrapped=False).shape == (5, 2)
    assert peratom.gather(session, "d_size", None, unwrapped=False).tolist() == [[0.5]] * 5


def test_what_is_scattered_is_gathered_and_reaches_its_own_atom(session):
    values = np.arange(15.0).reshape(5, 3)
    peratom.scatter(session, "d2_pair", values, unwrapped=False)
    assert np.array_equal(peratom.gather(session, "d2_pair", None, unwrapped=False), values)
    own = session.lmp.numpy.extract_atom("id")[:5]
    raw = session.lmp.numpy.extract_atom("d2_pair")[:5]
    for tag, row in zip(own, raw, strict=True):
        assert row.tolist() == values[IDS.index(tag)].tolist()


def test_fewer_columns_leave_the_others_as_they_are(session):
    peratom.scatter(session, "d2_pair", np.full((5, 3), 9.0), unwrapped=False)
    peratom.scatter(session, "d2_pair", np.zeros((5, 2)), unwrapped=False)
    assert peratom.gather(session, "d2_pair", None, unwrapped=False).tolist() == [[0.0, 0.0, 9.0]] * 5
    peratom.scatter(session, "d_size", np.arange(5.0), unwrapped=False)  # a vector
    assert peratom.gather(session, "d_size", None, unwrapped=False)[:, 0].tolist() == list(range(5))


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("d2_pair", (4, 3), "'d2_pair': 4 rows for 5 atoms"),
        ("d2_pair", (5, 4), "'d2_pair' has 3 columns, not 4"),
        ("d_size", (5, 2), "'d_size' has 1 columns, not 2"),
    ],
)
def test_tables_that_do_not_fit_are_refused(session, name, shape, words):
    before = peratom.gather(session, name, None, unwrapped=False)
    with pytest.raises(InputError, match=words):
        peratom.scatter(session, name, np.ones(shape), unwrapped=False)
    assert np.array_equal(peratom.gather(session, name, None, unwrapped=False), before)


def test_unwrapped_positions_go_beyond_the_box_and_come_back(session):
    """Also by several boxes, and after LAMMPS has wrapped them."""
    place = np.array([[1.0, 2, 3], [12.5, 2, 3], [-13.0, 25.0, 3], [5.0, 2.0, -0.5], [37.0, 2, 3]])
    peratom.scatter(session, "x", place, unwrapped=True)
    np.testing.assert_allclose(peratom.gather(session, "x", None, unwrapped=True), place, atol=1e-12)
    session.commands("run 0")
    np.testing.assert_allclose(peratom.gather(session, "x", None, unwrapped=True), place, atol=1e-12)
    inside = peratom.gather(session, "x", None, unwrapped=False)
    assert ((inside >= 0) & (inside < BOX)).all()
    np.testing.assert_allclose(inside, place % BOX, atol=1e-12)


def test_two_columns_of_positions_leave_the_third(session):
    peratom.scatter(session, "x", np.full((5, 2), 4.0), unwrapped=True)
    assert peratom.gather(session, "x", None, unwrapped=True).tolist() == [[4.0, 4.0, 3.0]] * 5
