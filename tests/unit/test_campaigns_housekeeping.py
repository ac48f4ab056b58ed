"""'mdbridge status' and 'mdbridge clean': what is told of a folder, and what is removed from it."""

import importlib
import os
import shutil
from contextlib import nullcontext

import pytest
from mpi4py import MPI

from mdbridge.campaigns import MODULES, housekeeping
from mdbridge.campaigns.shear import stages as shear
from mdbridge.core import stages
from mdbridge.core.errors import FileError, InputError
from mdbridge.core.identity import Identity
from mdbridge.core.stages import Link, Links, Product, Stage, Task, chain, make, share
from mdbridge.core.workspace import claim

COMM = MPI.COMM_SELF
CAMPAIGNS = sorted(MODULES)
TEXT = """
campaign = "shear"
[material]
s_y_GPa = 0.95
c0 = 0.3
chi_inf = 0.15
[initial]
formula = "uniform"
chi = 0.06
[shear]
frames = 2
max_strain = 0.002
[grid]
nx = 4
ny = 4
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the campaign with a strain of one's own; drawing is left out."""
    monkeypatch.setattr(shear.figures, "draw", lambda store, folder: None)
    source = tmp_path / "in.toml"

    def call(strain=0.002):
        source.write_text(TEXT.replace("0.002", f"{strain}"))
        shear.run(COMM, source, tmp_path / "out", [])
        return tmp_path / "out"

    return call


def told(root, capsys):
    capsys.readouterr()
    housekeeping.status(COMM, root)
    return " ".join(capsys.readouterr().err.split())


def test_done_to_do_and_made_from_another_input_with_both_values(run, tmp_path, capsys):
    root = run()
    assert "shear done" in told(root, capsys)
    source = tmp_path / "in.toml"
    source.write_text(TEXT.replace("0.002", "0.003"))
    words = told(root, capsys)
    assert "shear to do" in words
    assert "made from another input: shear.max_strain was 0.002, now 0.003" in words
    source.write_text(TEXT + "[output]\nvtk = true\n")
    words = told(root, capsys)
    assert "shear done" in words
    assert "vtk to do" in words


def test_of_several_inputs_it_is_the_latest_run_s_that_is_compared(run, tmp_path, capsys):
    seen = set()
    for hour, strain in enumerate((0.004, 0.002, 0.003)):
        root = run(strain)
        (new,) = set((root / "records" / "shear").iterdir()) - seen
        os.utime(new, (1e9 + hour, 1e9 + hour))
        seen.add(new)
    (tmp_path / "in.toml").write_text(TEXT.replace("0.002", "0.005"))
    assert "shear.max_strain was 0.003, now 0.005" in told(root, capsys)


def test_what_is_damaged_is_named(run, capsys):
    root = run()
    (root / "run.h5").write_bytes(b"no longer")
    assert "damaged or removed: run.h5" in told(root, capsys)


def test_what_is_set_aside_is_said_to_come_back(run, tmp_path, capsys):
    run()
    root = run(0.003)
    (tmp_path / "in.toml").write_text(TEXT)
    words = told(root, capsys)
    assert "done for this input, and set aside" in words
    assert "mdbridge clean" in words


def test_what_was_made_beside_the_plan_is_told_with_its_files(run, tmp_path, capsys):
    root = run()
    assert "problem" not in told(root, capsys)

    def write(staged):
        (staged / "solution.h5").write_text("u")

    with claim(COMM, root, "shear", tmp_path / "in.toml") as workspace:
        make(COMM, workspace, Product("problem", Identity("a problem"), ("solution.h5",), write))
    assert "problem done solution.h5" in told(root, capsys)
    (root / "solution.h5").write_text("another's")
    assert "problem" not in told(root, capsys)


def test_segments_are_told_as_such(capsys, monkeypatch, tmp_path):
    links = [Link(f"run-{n}", Identity(f"segment {n}"), lambda *_: {}, 1.0, "run") for n in range(3)]
    with claim(COMM, tmp_path / "out", "shear", tmp_path / "in.toml") as workspace:

        def work(folder, *_):
            (folder / "a").touch()
            return {}

        chain(COMM, workspace, "frames", [Link("run-0", links[0].identity, work, 1.0, "run")], "run")
    monkeypatch.setattr(
        housekeeping, "_planned", lambda root: (workspace, tmp_path / "in.toml", [Links("frames", links)])
    )
    assert "frames 1 of 3 segments done" in told(tmp_path / "out", capsys)
    # a segment of this input that was interrupted is no other input's
    mine, other = (
        tmp_path / "out" / f".making-frames-run-1-{key}" for key in (links[1].identity.key, "0" * 12)
    )
    mine.mkdir()
    (mine / "frame").write_text("1")
    assert "belong to other inputs" not in told(tmp_path / "out", capsys)
    other.mkdir()
    (other / "frame").write_text("1")
    assert "belong to other inputs" in told(tmp_path / "out", capsys)


def test_clean_shows_first_and_removes_what_the_last_input_does_not_use(run, capsys):
    run()
    root = run(0.003)
    before = {path for path in root.rglob("*") if path.is_file()}
    housekeeping.clean(COMM, root, sure=False)
    shown = capsys.readouterr().err
    assert "superseded/shear-" in shown
    assert "--yes" in shown
    paths = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert len(paths) > 1 and paths == sorted(paths)
    assert {path for path in root.rglob("*") if path.is_file()} == before
    housekeeping.clean(COMM, root, sure=True)
    left = {path for path in root.rglob("*") if path.is_file()}
    gone = {path.relative_to(root).parts[0] for path in before - left}
    assert gone == {"superseded", "records"}
    assert "shear done" in told(root, capsys)
    housekeeping.clean(COMM, root, sure=True)
    assert "nothing to remove" in capsys.readouterr().err.replace("\n", " ")
    assert {path for path in root.rglob("*") if path.is_file()} == left


def test_clean_leaves_what_the_input_shows_under_the_same_names_as_another_s(tmp_path):
    """Files for ParaView are at the top, in a folder that is named as their stage."""

    def shown(value):
        def work(folder):
            (folder / "vtk").mkdir()
            (folder / "vtk/run.pvd").write_text(value)

        return Product("vtk", Identity("vtk", values={"x": value}), ("vtk/run.pvd",), work)

    with claim(COMM, tmp_path / "out", "shear", tmp_path / "in.toml") as workspace:
        for value in ("former", "present"):
            make(COMM, workspace, shown(value))
        unused = set(housekeeping._unused_paths(workspace, [shown("present")]))
    assert workspace.root / "vtk/run.pvd" not in unused
    assert workspace.root / f"superseded/vtk-{shown('former').identity.key}" in unused


def test_of_a_plan_that_is_not_whole_clean_judges_what_it_names_alone(tmp_path):
    """A study's later tasks depend on what the first ones find: they are not in its plan."""

    def stage(**values):
        tasks = [
            Task(name, Identity("t", values={"x": x}), lambda *_: {}) for name, x in sorted(values.items())
        ]
        return Stage("tasks", tasks, whole=False)

    with claim(COMM, tmp_path / "out", "graphene-study", tmp_path / "in.toml") as workspace:
        for current in (stage(first=1, later=1), stage(first=2)):
            share(COMM, workspace, current, "tasks", nullcontext)
        unused = [path.name for path in housekeeping._unused_paths(workspace, [stage(first=2)])]
    assert unused == [f"first-{Identity('t', values={'x': 1}).key}.json"]


def test_what_was_damaged_and_made_again_is_not_kept_for_ever(tmp_path):
    def link(value):
        def work(folder, before, tell):
            (folder / "state").write_text(f"{value}")
            return {}

        return Link("sheared", Identity("t", values={"x": value}), work, 1.0, "shear")

    with claim(COMM, tmp_path / "out", "glass", tmp_path / "in.toml") as workspace:
        links = [link(1)]
        chain(COMM, workspace, "glass", links, "glass")
        (stages.link_folder(workspace, "glass", links[0]) / "state").write_text("damaged")
        chain(COMM, workspace, "glass", links, "glass")
        (unused,) = housekeeping._unused_paths(workspace, [Links("glass", links)])
    assert (unused / "state").read_text() == "damaged"


def test_names_with_brackets_and_blanks_are_told_as_they_are(run, tmp_path, capsys):
    run()
    root = tmp_path / "my [bold]results"
    run(0.003).rename(root)
    words = told(root, capsys)
    assert f"mdbridge clean '{root}'" in words, "as a shell takes it"
    housekeeping.clean(COMM, root, sure=False)
    assert f"mdbridge clean '{root}' --yes" in " ".join(capsys.readouterr().err.split())


def test_a_file_of_somebody_else_s_stays(run):
    run()
    root = run(0.003)
    (root / "notes.txt").write_text("mine")
    housekeeping.clean(COMM, root, sure=True)
    assert (root / "notes.txt").read_text() == "mine"


def test_nothing_is_removed_while_a_process_works_there(run, tmp_path):
    run()
    root = run(0.003)
    with claim(COMM, root, "shear", tmp_path / "in.toml"), pytest.raises(FileError, match="another process"):
        housekeeping.clean(COMM, root, sure=True)
    assert (root / "superseded").is_dir()


def test_a_folder_of_something_else_and_a_lost_input_are_named(run, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"no folder of mdbridge's results"):
        housekeeping.status(COMM, tmp_path / "other")
    root = run()
    (tmp_path / "in.toml").unlink()
    with pytest.raises(InputError, match=r"in\.toml is not there any more; a copy as it was used"):
        housekeeping.status(COMM, root)
    shutil.copy(root / "input.toml", tmp_path / "in.toml")
    housekeeping.status(COMM, root)


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_every_campaign_that_a_command_takes_can_be_asked_for_its_plan(campaign):
    module = importlib.import_module(f"mdbridge.campaigns.{housekeeping.MODULES[campaign]}")
    assert callable(module.plan_of)
    assert campaign == module.CAMPAIGN
