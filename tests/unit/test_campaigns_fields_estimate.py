"""The dry run: what it says of a trajectory, and of durations."""

import pytest
from field_runs import PULLED, SCRIPT, observe
from mpi4py import MPI

from mdbridge.campaigns.fields import estimate, stages


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(12.0, "12 s"), (150.0, "2.5 min"), (9000.0, "2.5 h"), (2e5, "2.3 d"), (0.03, "0.03 s")],
)
def test_durations_in_words(seconds, words):
    assert estimate.spell(seconds) == words


def test_of_a_trajectory_it_tells_the_frames(tmp_path, capfd):
    observe(tmp_path, SCRIPT + PULLED + "dump out all custom 20 my.lammpstrj id type x y z\n")
    source = tmp_path / "replay.toml"
    text = (tmp_path / "input.toml").read_text()
    text = text.replace("steps = 40", 'trajectory = "my.lammpstrj"').replace(
        '"velocity", "stress"', '"number_density"'
    )
    source.write_text(text)
    stages.observe(MPI.COMM_SELF, source, tmp_path / "none", (), True)
    assert "3 frames in my.lammpstrj, steps 0 … 40" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()
