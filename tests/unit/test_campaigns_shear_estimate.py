"""The dry run of a shear."""

from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.campaigns.shear import estimate, stages

COMM = MPI.COMM_SELF
INPUTS = Path(__file__).parents[2] / "inputs"


# also where the first, which compiles, takes longer than anybody waits
@pytest.mark.parametrize("patience", [37.0, 20.0])
def test_frames_of_a_shear_are_timed_until_patience_is_over(monkeypatch, patience):
    """Each frame takes 2 s of a clock of our own, and the first one 30 s more."""
    clock = iter([0.0, 32.0, 34.0, 36.0, 38.0, 40.0])
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(clock))

    def forward(case, domain, projection, note):
        for frame in range(1, case.frames + 1):
            note(frame)

    monkeypatch.setattr(estimate, "forward", forward)
    settings, case = stages.prepare(INPUTS / "stz_bump.toml", ["shear.frames=50"])
    assert estimate.time_frames(COMM, settings, case, patience) == pytest.approx(50 * 2.0)
    assert next(clock) == (40.0 if patience > 32.0 else 36.0)  # not a frame more than that


def test_a_shear_is_told_with_what_it_draws_and_leaves_no_folder(tmp_path, table_told):
    out = tmp_path / "none"
    small = ["grid.nx=8", "grid.ny=10", "shear.max_strain=0.1", "shear.frames=4"]
    estimate.dry_run(COMM, INPUTS / "stz_bump.toml", out, [*small, "output.vtk=true"])
    rows, words = table_told()
    assert rows["shear"][:2] == ["1", "0"] and rows["vtk"] == ["1", "0", "not timed"]
    assert "8 × 10 cells to a strain of 0.1" in words
    # five frames of eight doubles a cell, twice
    assert f"disk: about {2 * 5 * 8 * 8 * 80 / 1e3:.3g} kB" in words
    assert not out.exists()
