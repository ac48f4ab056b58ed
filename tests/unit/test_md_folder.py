"""Scripts with their files beside them, whatever the working directory is."""

import os
from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.core.errors import MDError, ObserverError
from mdbridge.md.folder import Folder
from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.schedule import every
from mdbridge.md.session import Session

SCRIPT = """
units lj
read_data crystal.data
include parts/force.in
fix 1 all nve
velocity all create 0.1 4711 loop geom
dump late all custom 5 late.dump id
run 5
"""
DATA = """data

2 atoms
1 atom types
0 9 xlo xhi
0 9 ylo yhi
0 9 zlo zhi

Masses

1 1.0

Atoms # atomic

1 1 1 1 1
2 1 2 2 2
"""


@pytest.fixture(params=["plain", "a b", "grün"])
def folder(tmp_path, request, monkeypatch):
    place = tmp_path / request.param
    (place / "parts").mkdir(parents=True)
    (place / "my script.in").write_text(SCRIPT)
    (place / "crystal.data").write_text(DATA)
    (place / "parts" / "force.in").write_text("pair_style lj/cut 2.5\npair_coeff * * 1 1\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return place


class Look(Observer):
    def __init__(self):
        self.places = []

    def local(self, atoms):
        self.places.append(Path.cwd())


@pytest.mark.parametrize("moment", ["end", "forces"])
def test_files_are_relative_to_the_script_and_nothing_else_moves(folder, moment):
    home = Path.cwd()
    with Session(MPI.COMM_SELF) as session:
        session.file(folder / "my script.in")
        assert Path.cwd() == home
        look = Look()
        look.moment = moment
        session.attach(look, every(1))
        session.run(5)
        assert session.natoms == 2
        assert look.places == [home] * 6
        session.commands("write_data here.data")
        assert Path.cwd() == home
    assert (folder / "late.dump").exists()
    assert sorted(path.name for path in home.iterdir()) == ["here.data"]


def test_a_relative_path_of_a_script_is_relative_to_the_process(folder):
    with Session(MPI.COMM_SELF) as session:
        session.file(Path(os.path.relpath(folder / "my script.in")))
        assert session.step == 5


def test_after_an_error_the_process_is_where_it_was(folder):
    home = Path.cwd()
    (folder / "my script.in").write_text(SCRIPT + "nonsense\n")
    with Session(MPI.COMM_SELF) as session:
        with pytest.raises(MDError, match=r"my script\.in: LAMMPS refused 'nonsense'"):
            session.file(folder / "my script.in")
        assert Path.cwd() == home


def test_after_an_observers_error_too(folder):
    class Bad(Observer):
        moment = "forces"

        def local(self, atoms):
            raise ValueError("no good")

    home = Path.cwd()
    with Session(MPI.COMM_SELF) as session:
        session.file(folder / "my script.in")
        session.attach(Bad(), every(1))
        with pytest.raises(ObserverError, match="no good"):
            session.run(5)
        assert Path.cwd() == home


def test_a_folder_is_entered_left_and_entered_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    folder = Folder()
    with folder.entered():
        assert Path.cwd() == tmp_path
    folder.path = tmp_path / "in"
    with folder.left():
        assert Path.cwd() == tmp_path
    with folder.entered():
        assert Path.cwd() == tmp_path / "in"
        with folder.left():
            assert Path.cwd() == tmp_path
        with folder.entered():
            assert Path.cwd() == tmp_path / "in"
    assert Path.cwd() == tmp_path
