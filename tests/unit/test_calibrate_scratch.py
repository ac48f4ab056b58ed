"""A working folder of its own: what is in it, what is shared, and what is left behind."""

import os
import tempfile

import pytest

from mdbridge.calibrate import scratch
from mdbridge.calibrate.scratch import Shared, filled, removed, vacate
from mdbridge.core import leftovers


@pytest.fixture
def source(tmp_path):
    (tmp_path / "table.txt").write_text("1\n")
    (tmp_path / "solve").write_text("#!/bin/sh\n")
    (tmp_path / "solve").chmod(0o755)
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "plate.msh").write_text("nodes\n")
    for name in (".git", "__pycache__", "out", "older"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").write_text("x")
    (tmp_path / "out" / "mdbridge.json").write_text("{}")
    (tmp_path / "older" / "trials.jsonl").write_text("{}")
    (tmp_path / "link").symlink_to("table.txt")
    return tmp_path


@pytest.fixture
def make(source):
    folders = []

    def fill():
        folders.append(filled(source))
        return folders[-1]

    yield fill
    for folder in folders:
        removed(folder)


def test_what_a_model_needs_is_there_and_is_its_own(source, make):
    own, other = make(), make()
    assert own != other and sorted(p.name for p in own.iterdir()) == ["link", "mesh", "solve", "table.txt"]
    assert os.access(own / "solve", os.X_OK) and (own / "mesh" / "plate.msh").read_text() == "nodes\n"
    (own / "table.txt").write_text("2\n")
    (own / "link").write_text("3\n")
    (own / "mesh" / "plate.msh").write_text("others\n")
    (own / "new.txt").write_text("4\n")
    for folder in (source, other):
        assert (folder / "table.txt").read_text() == "1\n"
        assert (folder / "mesh" / "plate.msh").read_text() == "nodes\n" and not (folder / "new.txt").exists()


def test_large_files_are_shared_and_a_change_is_seen(source, make, monkeypatch):
    monkeypatch.setattr(scratch, "COPIED_FILE", 3)
    folder = make()
    assert (folder / "solve").is_symlink() and not (folder / "table.txt").is_symlink()
    shared = Shared(folder)
    (folder / "solve").read_text()
    assert shared.written() == []
    (folder / "solve").write_text("#!/bin/sh\necho\n")
    assert shared.written() == [str(source / "solve")] and shared.written() == []
    (folder / "solve").unlink()  # a file of its own is nobody else's
    (folder / "solve").write_text("own")
    assert shared.written() == []


@pytest.mark.parametrize("linked", ["by the user", "as the tree is large"])
def test_what_is_written_below_a_linked_folder_is_seen(source, make, monkeypatch, linked):
    if linked == "by the user":
        (source / "mesh").rename(source / ".store")
        (source / "mesh").symlink_to(".store")
        (source / "mesh" / "round").symlink_to("..")  # a circle
    else:
        monkeypatch.setattr(scratch, "ENTRIES", 0)
    folder = make()
    mesh = (folder / "mesh").resolve()
    shared = Shared(folder)
    (folder / "mesh" / "plate.msh").read_text()
    (folder / "mesh" / "__pycache__").mkdir()  # Python's own doing
    assert shared.written() == []
    (folder / "mesh" / "plate.msh").write_text("others' nodes\n")
    (folder / "mesh" / "new").write_text("")
    assert shared.written() == [str(mesh / "new"), str(mesh / "plate.msh")] and shared.written() == []
    (folder / "mesh" / "new").unlink()
    assert shared.written() == [str(mesh / "new")]


def test_a_file_is_written_through_no_link(source, make, monkeypatch):
    (source / "deep").mkdir()
    (source / "deep" / "in").symlink_to("../mesh")
    (source / "deep" / "gone").symlink_to("nowhere")
    folder = make()
    for name in ("deep/in/plate.msh", "deep/gone/plate.msh", "new/plate.msh"):
        assert not vacate(folder, name).exists()
        (folder / name).write_text("own\n")
    assert (source / "mesh" / "plate.msh").read_text() == "nodes\n"
    monkeypatch.setattr(scratch, "COPIED_FILE", 0)  # beside it everything is as it was
    folder = make()
    vacate(folder, "deep/in/new")
    assert (folder / "deep" / "in" / "plate.msh").read_text() == "nodes\n"
    assert Shared(folder).written() == []


def test_thousands_of_files_leave_no_folder_beside_them_linked(source, make, monkeypatch):
    monkeypatch.setattr(scratch, "ENTRIES", 2)
    for number in range(3):
        (source / f"a{number}").write_text("")
    assert not (make() / "mesh").is_symlink()


def test_all_together_have_a_limit_and_a_large_tree_is_linked(source, make, monkeypatch):
    monkeypatch.setattr(scratch, "COPIED_ALL", 2)
    assert sum(p.is_symlink() for p in make().rglob("*") if p.is_file()) >= 2
    monkeypatch.setattr(scratch, "ENTRIES", 0)
    assert (make() / "mesh").is_symlink()


def test_it_is_removed_but_not_what_it_leads_to(source, monkeypatch):
    monkeypatch.setattr(scratch, "ENTRIES", 0)
    monkeypatch.setattr(scratch, "COPIED_FILE", 0)
    folder = filled(source)
    removed(folder)
    assert not folder.exists() and (source / "mesh" / "plate.msh").exists() and (source / "solve").exists()


def test_what_a_killed_process_has_left_goes_when_the_next_folder_is_made(source, tmp_path, monkeypatch):
    temporary = tmp_path / "out" / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    old, held = filled(source), filled(source)
    # what a keeper does, and what the end of a process does to it
    leftovers.hold(held)
    (old / ".lock").touch()
    for folder in (old, held):
        os.utime(folder, (1.0, 1.0))
    filled(source)
    assert held.exists() and not old.exists()
