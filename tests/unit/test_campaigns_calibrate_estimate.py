"""The dry run of a calibration."""

from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.campaigns import forecast
from mdbridge.campaigns.calibrate import estimate

COMM = MPI.COMM_SELF
INPUTS = Path(__file__).parents[2] / "inputs"


def test_a_search_that_ends_is_told_whole_and_one_that_does_not_is_extrapolated(
    tmp_path, table_told, monkeypatch
):
    source = INPUTS / "examples" / "spring.toml"
    monkeypatch.setattr(estimate, "begin", lambda *_: begun)
    begun = estimate.Beginning(10, 20.0, 1.5, 1000, "")
    estimate.dry_run(COMM, source, tmp_path / "none", ["ego.evaluations=60"])
    rows, words = table_told()
    assert rows["trials"] == ["60", "0", "2 min"]
    assert "an evaluation takes 1.5 s" in words and "disk: about 6 kB" in words
    begun = estimate.Beginning(12, 6.0, 0.1, 1200, "the target is reached")
    estimate.dry_run(COMM, source, tmp_path / "none", ["ego.evaluations=60"])
    rows, words = table_told()
    assert rows["trials"] == ["12", "0", "6 s"] and "after 12 evaluations: the target is reached" in words
    begun = estimate.Beginning(0, 10.0, 0.0, 500, "")
    estimate.dry_run(COMM, source, tmp_path / "none", ["ego.evaluations=60"])
    rows, words = table_told()
    assert rows["trials"] == ["60", "0", "not timed"] and "no evaluation ended" in words
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_the_model_is_called_until_patience_is_over(tmp_path, table_told, monkeypatch):
    (tmp_path / "slow.py").write_text(
        "import time\n\ndef respond(a):\n    time.sleep(0.1)\n    return {'y': [a, 2 * a]}\n"
    )
    (tmp_path / "data.csv").write_text("y\n1.0\n2.0\n")
    source = tmp_path / "in.toml"
    source.write_text(
        'campaign = "calibrate"\nmodel = "slow:respond"\n[parameters]\na = { low = 0.0, high = 3.0 }\n'
        '[reference]\nfile = "data.csv"\n[[objective]]\nterm = "l2"\ncurve = "y"\n'
        "[ego]\ninitial = 200\nevaluations = 300\n"
    )
    monkeypatch.setattr(forecast, "PATIENCE", 1.0)
    estimate.dry_run(COMM, source, tmp_path / "none", ())
    rows, words = table_told()
    tasks, done, time_told = rows["trials"]
    assert (tasks, done) == ("300", "0") and 25 <= int(time_told.removesuffix(" s")) <= 99
    assert "an evaluation takes 0.1" in words
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "data.csv", "in.toml", "slow.py",
    ]  # fmt: skip
