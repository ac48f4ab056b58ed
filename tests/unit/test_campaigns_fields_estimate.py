"""The dry run: what it says of a script, of a trajectory, and of what is done."""

from types import SimpleNamespace

import pytest
from field_runs import PULLED, RESUMABLE, SCRIPT, observe, write
from mpi4py import MPI

from mdbridge.campaigns.fields import estimate, stages
from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.core.config import load
from mdbridge.core.errors import InputError
from mdbridge.core.records import Record
from mdbridge.core.stages import pieces_of_work
from mdbridge.core.workspace import Workspace
from mdbridge.md import goingon


def test_of_a_trajectory_it_tells_the_frames(tmp_path, monkeypatch, table_told):
    """With the script of the run that wrote it, whose dump would write over it, or into this folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    observe(tmp_path, SCRIPT + PULLED + "dump out all custom 20 my.lammpstrj id type x y z\n")
    source = tmp_path / "replay.toml"
    text = (tmp_path / "input.toml").read_text()
    text = text.replace("steps = 40", 'trajectory = "my.lammpstrj"').replace(
        '"velocity", "stress"', '"number_density"'
    )
    source.write_text(text)
    before = (tmp_path / "my.lammpstrj").read_bytes()
    estimate.dry_run(MPI.COMM_SELF, source, tmp_path / "none", ())
    told, words = table_told()
    assert "3 frames in my.lammpstrj, steps 0 … 40" in words
    assert told["replay: 3 frames"][:2] == ["1", "0"] and told["observe"] == ["1", "0", "not timed"]
    assert not (tmp_path / "none").exists()
    assert (tmp_path / "my.lammpstrj").read_bytes() == before
    assert not list((tmp_path / "here").iterdir())


def test_times_are_those_of_the_steps_and_of_the_frames_that_a_run_has(tmp_path, monkeypatch):
    """A step takes 1 ms, a frame 30 ms more: of 1000 steps and 50 frames it tells the sum."""
    config = load(write(tmp_path, steps=1000, more="average_over = 4\naverage_every = 5"), FieldsInput)
    session = SimpleNamespace(natoms=1234, step=0, run=lambda *_: None, memory=lambda: 2.5e9)
    watch = SimpleNamespace(attach=lambda _: None)
    timed = []

    def passed(comm, session, steps):
        timed.append(steps)
        return 1e-3 * steps + (0.06 if len(timed) > 1 else 0.0)  # two spans of a frame each

    monkeypatch.setattr(estimate, "_timed", passed)
    monkeypatch.setattr(estimate, "Watch", lambda *_: watch)
    tried = estimate._time(MPI.COMM_SELF, config, session, tmp_path)
    assert tried.title == "1,234 atoms on 1 rank(s)"
    assert (tried.work, tried.seconds) == ("run: 1,000 steps, 50 frames", pytest.approx(1.0 + 1.5))
    assert "1 ms a step, 30 ms a frame (150.0 % of the MD); 51 frames of 20 nodes" in tried.note
    assert timed == [50, 100]


@pytest.mark.parametrize(
    ("behind", "words"),
    [
        # of the lines before the label nothing is left but what a restart file holds
        (
            "fix pull all deform 1 x erate ${rate} remap x",
            "does not go on from a restart file.*every_frames = 1 frames.*rate",
        ),
        ("velocity all create 0.5 4712 loop geom", "does again what is done once: the velocities are not"),
    ],
)
def test_a_script_that_would_fail_in_its_second_segment_is_refused(tmp_path, behind, words):
    text = RESUMABLE.replace("mass ", "variable rate equal 0.5\nmass ").replace(
        "fix             pull all deform 1 x erate 0.5 remap x", behind
    )
    source = write(tmp_path, text, steps=40, more="[checkpoint]\nevery_frames = 1")
    with pytest.raises(InputError, match=words):
        estimate.dry_run(MPI.COMM_SELF, source, tmp_path / "none", ())
    whole = write(tmp_path, text, steps=40)
    estimate.dry_run(MPI.COMM_SELF, whole, tmp_path / "none", ())  # of a single segment


def test_a_script_that_goes_on_is_tried_and_its_dumps_are_left_alone(tmp_path, monkeypatch, table_told):
    tried = []
    go_on = goingon.require_going_on
    monkeypatch.setattr(goingon, "require_going_on", lambda *a: tried.append(go_on(*a)))
    source = write(
        tmp_path,
        RESUMABLE + "dump all all atom 1 all.dump\n",
        steps=40,
        more="[checkpoint]\nevery_frames = 1",
    )
    estimate.dry_run(MPI.COMM_SELF, source, tmp_path / "none", ())
    assert tried == [None] and "ms a frame" in table_told()[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input.toml", "my.in"]


def test_what_is_done_is_told_and_takes_no_time(tmp_path):
    """Of 48 frames two segments of ten are there, and 28 frames are left."""
    source = write(tmp_path, RESUMABLE, steps=960, more="[checkpoint]\nevery_frames = 10")
    config, files = stages.read(source, ())
    work = stages.Campaign(MPI.COMM_SELF, config, source, Workspace(tmp_path / "out", "fields"), files)
    tried = estimate.Tried("atoms", "run", 100.0, 0.0)

    def told():
        return [(row.what, row.tasks, row.done, row.seconds) for row in estimate.rows(work, tried)]

    products = [("observe", 1, 0, None), ("report", 1, 0, None)]
    assert told() == [("run", 5, 0, 100.0), *products]
    links = work.plan()[0]
    for task, identity in list(pieces_of_work(links))[:2]:
        work.workspace.keep(Record(links.name, task, identity))
    assert told() == [("run", 5, 2, pytest.approx(100.0 * 28 / 48)), *products]
    for piece in work.plan():
        for task, identity in pieces_of_work(piece):
            work.workspace.keep(Record(piece.name, task, identity))
    assert told() == [("run", 5, 5, 0.0), ("observe", 1, 1, None), ("report", 1, 1, None)]
