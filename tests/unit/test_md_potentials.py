"""Where potential files are found: what is nearer to the user comes first."""

import os
from pathlib import Path

import pytest

from mdbridge.core.errors import InputError
from mdbridge.md import potentials
from mdbridge.md.potentials import find_potentials, potential


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An empty working folder, and two folders that the user names."""
    folders = [tmp_path / name for name in ("here", "first", "second")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[0])
    monkeypatch.setenv("LAMMPS_POTENTIALS", os.pathsep.join(map(str, folders[1:])))
    return folders


def test_the_working_folder_comes_before_the_user_s_and_these_before_lammps_s(places):
    shipped = potential("SiC.tersoff")
    assert shipped.parent.name == "potentials" and shipped.is_absolute()
    for folder in reversed(places):
        (folder / "SiC.tersoff").write_text(folder.name)
        assert potential("SiC.tersoff") == (folder / "SiC.tersoff").resolve()


def test_a_path_is_taken_as_it_is(places):
    (places[2] / "deep").mkdir()
    mine = places[2] / "deep" / "my.eam"
    mine.write_text("")
    assert potential(str(mine)) == mine.resolve()
    assert potential("deep/my.eam") == mine.resolve()


def test_a_folder_is_no_potential(places):
    (places[0] / "my.eam").mkdir()
    with pytest.raises(
        InputError, match=r"'my\.eam' not found in \., .*first, .*second, .*LAMMPS_POTENTIALS"
    ):
        potential("my.eam")


def test_lammps_is_told_unless_the_user_has_said(places, monkeypatch):
    before = os.environ["LAMMPS_POTENTIALS"]
    find_potentials()
    assert os.environ["LAMMPS_POTENTIALS"] == before
    monkeypatch.delenv("LAMMPS_POTENTIALS")
    find_potentials()
    try:
        assert (Path(os.environ["LAMMPS_POTENTIALS"]) / "SiC.tersoff").is_file()
    finally:
        os.environ.pop("LAMMPS_POTENTIALS", None)


def test_where_nothing_ships_nothing_is_told(places, monkeypatch):
    monkeypatch.delenv("LAMMPS_POTENTIALS")
    monkeypatch.setattr(potentials, "folders", lambda: iter([Path(), places[0] / "absent"]))
    find_potentials()
    assert "LAMMPS_POTENTIALS" not in os.environ
