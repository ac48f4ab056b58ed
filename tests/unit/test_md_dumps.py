"""LAMMPS's binary dumps, read here, beside the same in text."""

import numpy as np
import pytest
from crystals import crystal, moving

from mdbridge.core.errors import MDError
from mdbridge.md import dumps
from mdbridge.md.dumps import Dump


@pytest.mark.parametrize("tilt", [0.0, 1.5, -1.5])
def test_a_binary_dump_is_read_as_it_was_written(tmp_path, tilt):
    with moving("change_box all y final -3 9 boundary p f p units box\n", tilt=tilt) as session:
        session.run(7)
        session.commands(f"write_dump all custom {tmp_path}/one.bin id x vy modify time yes sort id")
        session.commands(
            f"write_dump all custom {tmp_path}/one.txt id x vy modify sort id format float %.17g"
        )
        snapshot = dumps.read(tmp_path / "one.bin")
        text = np.loadtxt(tmp_path / "one.txt", skiprows=9)
        assert snapshot.columns == ("id", "x", "vy")
        assert np.array_equal(snapshot.rows, text)
        assert (snapshot.step, snapshot.time) == (7, pytest.approx(0.021))
        assert snapshot.periodic == (True, False, True)
        assert np.allclose(snapshot.box, session.box(), rtol=0, atol=1e-14)
        assert np.allclose(snapshot.corner, session.corner(), rtol=0, atol=1e-14)


def test_a_file_that_is_not_whole_or_something_else_is_refused(tmp_path):
    with moving() as session:
        session.commands(f"write_dump all custom {tmp_path}/one.bin id x modify time yes")
    whole = (tmp_path / "one.bin").read_bytes()
    for data in (b"", whole[:100], whole[:-8], b"ITEM: TIMESTEP" + whole, whole.replace(b"DUMP", b"JUMP")):
        (tmp_path / "bad.bin").write_bytes(data)
        with pytest.raises(MDError, match=r"bad\.bin: the dump of a step is not whole"):
            dumps.read(tmp_path / "bad.bin")


def test_steps_are_chosen_one_ahead():
    with moving() as session:
        dump = Dump(session, "mine")
        dump.start(["id", "x"], due=3, first=False, divisor=1, stride="step+100", keep="")
        session.commands("run 5")  # nobody aims: the formula says what is next
        assert dump.steps() == [3]
        dump.aim(8)
        session.commands("undump mine")
        dump.open = False
        dump.start(["id", "x"], due=8, first=True, divisor=1, stride="step+2", keep="")
        session.commands("run 10")
        assert dump.steps() == [3, 5, 8, 10, 12, 14]
        assert dump.has(8)
        assert len(dump.take(8).rows) == session.natoms
        assert not dump.has(8)
        dump.drop(10)
        assert dump.steps() == [3, 5, 12, 14]
        dump.close()
        assert dump.steps() == []


def test_a_column_that_lammps_does_not_have_is_refused():
    with crystal() as session:
        dump = Dump(session, "mine")
        with pytest.raises(MDError, match="c_pe"):
            dump.start(["id", "c_pe[4]"], due=3, first=False, divisor=1, stride="step+1", keep="")
        dump.close()
        session.commands("fix 1 all nve\nrun 3")
