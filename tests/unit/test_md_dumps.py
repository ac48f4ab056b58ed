"""LAMMPS's binary dumps, read here, beside the same in text."""

import os
import subprocess
import sys

import numpy as np
import pytest
from crystals import crystal, moving
from mpi4py import MPI

from mdbridge.core.errors import MDError
from mdbridge.md import dumps
from mdbridge.md.dumps import Dump
from mdbridge.md.session import Session


def test_the_corner_of_a_box_that_leans_in_all_directions_is_found(tmp_path):
    for xy, xz, yz in ((1.5, -1.0, -0.5), (-1.5, -1.0, 0.5), (-1.0, 1.5, 1.0), (1.0, 1.5, -1.0)):
        with crystal(f"change_box all xy final {xy} xz final {xz} yz final {yz} units box") as session:
            session.run(0)
            session.commands(f"write_dump all custom {tmp_path}/one.bin id modify time yes")
            snapshot = dumps.read(tmp_path / "one.bin")
            assert np.allclose(snapshot.box, session.box(), rtol=0, atol=1e-14)
            assert np.allclose(snapshot.corner, session.corner(), rtol=0, atol=1e-14)


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


COLUMNS = ("id", "type", "x", "vx", "fz", "ix", "mass")
CRYSTAL = """
    units {units}
    boundary p {middle} p
    lattice fcc 0.9
    region whole prism 0 4 0 3 0 3 {tilt}
    create_box 2 whole
    create_atoms 1 box
    set group all type/fraction 2 0.4 99
    mass 1 1.0
    mass 2 3.5
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    velocity all create 1.5 4711 loop geom
    fix motion all nve
    timestep 0.002
    """


@pytest.fixture(params=["0 0 0", "1 -0.5 0.25", "-1 0 0"])
def written(request, tmp_path):
    """The file of a step as LAMMPS writes it, and what LAMMPS itself says of that step."""
    with Session(MPI.COMM_SELF) as session:
        session.commands(CRYSTAL.format(units="lj", tilt=request.param, middle="f"))
        session.commands(f"dump mine all custom 7 {tmp_path}/step.*.bin {' '.join(COLUMNS)}")
        session.commands("dump_modify mine time yes first no")
        session.run(7)
        ids = session.gather("id", 1)[:, 0].astype(int)
        tables = {name: session.gather(name, 3) for name in ("x", "v", "f")}
        raw = session.lmp.numpy.extract_atom("x")[: session.natoms].copy()
        order = session.lmp.numpy.extract_atom("id")[: session.natoms]
        tables["x"] = raw[np.argsort(order)]
        atoms = session.atoms()
        images = session.gather("image", 1)
        return {
            "path": tmp_path / "step.7.bin",
            "box": atoms.box().copy(),
            "corner": atoms.corner().copy(),
            "ids": ids,
            "types": session.gather("type", 1)[:, 0],
            "masses": session.masses(),
            "images": images,
            **tables,
        }


def test_everything_is_as_lammps_has_it_to_the_last_bit(written):
    snapshot = dumps.read(written["path"])
    assert (snapshot.step, snapshot.columns) == (7, COLUMNS)
    assert snapshot.time == pytest.approx(0.014)
    rows = snapshot.rows[np.argsort(snapshot.rows[:, 0])]
    assert np.array_equal(rows[:, 0], written["ids"])
    assert np.array_equal(rows[:, 1], written["types"])
    assert np.array_equal(rows[:, 2], written["x"][:, 0])
    assert np.array_equal(rows[:, 3], written["v"][:, 0])
    assert np.array_equal(rows[:, 4], written["f"][:, 2])
    assert np.array_equal(rows[:, 6], written["masses"])
    assert snapshot.periodic == (True, False, True)


def test_a_leaning_box_has_its_own_edges_and_not_those_that_bound_it(written):
    snapshot = dumps.read(written["path"])
    np.testing.assert_allclose(snapshot.box, written["box"], atol=1e-12)
    np.testing.assert_allclose(snapshot.corner, written["corner"], atol=1e-12)


def test_a_file_cut_short_anywhere_is_refused(written, tmp_path):
    data = written["path"].read_bytes()
    cut = tmp_path / "cut.bin"
    for length in (0, 3, 20, 60, 120, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(MDError, match=r"cut\.bin: the dump of a step is not whole"):
            dumps.read(cut)


def test_another_format_is_refused(written, tmp_path):
    data = bytearray(written["path"].read_bytes())
    other = tmp_path / "other.bin"
    for place, name in ((8, b"dumpcustom"), (22, (9).to_bytes(4, "little"))):
        changed = bytes(data[:place]) + name + bytes(data[place + len(name) :])
        other.write_bytes(changed)
        with pytest.raises(MDError, match="not a known format"):
            dumps.read(other)


def test_a_dump_is_aimed_at_steps_one_ahead_and_taken_once(tmp_path):
    with Session(MPI.COMM_SELF) as session:
        session.commands(CRYSTAL.format(units="lj", tilt="0 0 0", middle="p"))
        dump = dumps.Dump(session, "mine")
        assert dump.steps() == [] and not dump.has(3)
        dump.start(["id", "x"], due=3, first=False, divisor=1, stride="step+5", keep="")
        session.commands("run 13 post no")
        assert dump.steps() == [3, 8, 13]  # nobody aimed again: every five steps from there
        snapshot = dump.take(8)
        assert snapshot.step == 8 and snapshot.columns == ("id", "x")
        assert dump.steps() == [3, 13]
        dump.drop(3)
        dump.stop()
        session.commands("run 10 post no")
        assert dump.steps() == [13] and not dump.open
        folder = dump.path(13).parent
        dump.close()
        assert not folder.exists() and dump.steps() == []


def test_the_step_at_which_a_run_is_set_up_is_dumped_if_asked(tmp_path):
    with Session(MPI.COMM_SELF) as session:
        session.commands(CRYSTAL.format(units="lj", tilt="0 0 0", middle="p"))
        dump = dumps.Dump(session, "mine")
        dump.start(["id"], due=None, first=True, divisor=1, stride=str(2**52), keep="")
        session.commands("run 3 post no")
        assert dump.steps() == [0]
        dump.close()


def test_a_session_that_is_never_closed_leaves_no_folder_behind(tmp_path):
    """An instance of someone else, a program that just ends."""
    program = """
from mpi4py import MPI
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session
session = Session(MPI.COMM_SELF)
session.commands("units lj\\nregion b block 0 5 0 5 0 5\\ncreate_box 1 b\\ncreate_atoms 1 single 1 1 1")
session.commands("mass 1 1.0\\npair_style zero 1.0\\npair_coeff * *")
session.attach(Observer(), every(1))
session.run(3)
"""
    own = os.environ | {"TMPDIR": str(tmp_path)}
    job = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True, timeout=60)
    assert job.returncode == 0, job.stderr
    assert not list(tmp_path.glob("mdbridge-*"))
