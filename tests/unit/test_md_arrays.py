"""Arrays of all atoms by IDs that have gaps, by positions that have crossed boundaries."""

import numpy as np
import pytest
from crystals import crystal, moving

from mdbridge.core.errors import InputError, MDError

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
