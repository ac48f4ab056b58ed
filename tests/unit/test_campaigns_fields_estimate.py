"""The dry run: what it says of a trajectory, and of durations."""

from types import SimpleNamespace

import pytest
from field_runs import PULLED, SCRIPT, observe, write
from mpi4py import MPI

from mdbridge.campaigns.fields import estimate
from mdbridge.campaigns.fields.input import FieldsInput
from mdbridge.core.config import load


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(12.0, "12 s"), (150.0, "2.5 min"), (9000.0, "2.5 h"), (2e5, "2.3 d"), (0.03, "0.03 s")],
)
def test_durations_in_words(seconds, words):
    assert estimate.spell(seconds) == words


def test_of_a_trajectory_it_tells_the_frames(tmp_path, monkeypatch, capfd):
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
    assert "3 frames in my.lammpstrj, steps 0 … 40" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()
    assert (tmp_path / "my.lammpstrj").read_bytes() == before
    assert not list((tmp_path / "here").iterdir())


def test_times_are_those_of_the_steps_and_of_the_frames_that_a_run_has(tmp_path, monkeypatch, capfd):
    """A step takes 1 ms, a frame 30 ms more: of 1000 steps and 50 frames it tells both, and their sum."""
    config = load(write(tmp_path, steps=1000, more="average_over = 4\naverage_every = 5"), FieldsInput)
    session = SimpleNamespace(natoms=1234, step=0, run=lambda *_: None, memory=lambda: 2.5e9)
    watch = SimpleNamespace(attach=lambda _: None)
    timed = []

    def passed(comm, session, steps):
        timed.append(steps)
        return 1e-3 * steps + (0.06 if len(timed) > 1 else 0.0)  # two spans of a frame each

    monkeypatch.setattr(estimate, "_timed", passed)
    monkeypatch.setattr(estimate, "Watch", lambda *_: watch)
    estimate._time(MPI.COMM_SELF, config, session, tmp_path)
    words = " ".join(capfd.readouterr().err.replace("│", " ").split())
    for said in ("1,234 atoms on 1 rank(s)", "steps 1,000 1 s", "frames 50 1.5 s", "all, but figures 2.5 s"):
        assert said in words
    assert "1 ms a step, 30 ms a frame (150.0 % of the MD)" in words
    assert "memory of LAMMPS 2.5 GB; 51 frames of 20 nodes" in words
    assert timed == [50, 100]
