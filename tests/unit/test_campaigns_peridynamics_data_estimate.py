"""The dry run of learning from own data."""

import own_data
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import data_estimate, data_stages

COMM = MPI.COMM_SELF


def test_times_are_those_of_pairs_by_their_cost_and_of_fits_to_samples_drawn_anew(
    tmp_path, table_told, monkeypatch
):
    source = own_data.write(
        tmp_path, own_data.periodic(samples=4), learn="horizons = [12.5]\ndegrees = [1]\nreplicates = 4"
    )
    monkeypatch.setattr(data_estimate, "_measure", lambda comm, campaign: (0.0, 5.0))
    data_estimate.dry_run(COMM, source, tmp_path / "out", ())
    rows, _ = table_told()
    assert rows["models"][:3] == ["2", "0", "under 1 s"] and rows["learn"][:3] == ["1", "0", "20 s"]


@pytest.mark.slow
def test_own_data_are_learned_from_once_and_not_kept(tmp_path, table_told):
    source = own_data.write(
        tmp_path, own_data.periodic(samples=4), learn="horizons = [12.5]\ndegrees = [1, 2]\nreplicates = 4"
    )
    data_estimate.dry_run(COMM, source, tmp_path / "none", ())
    rows, words = table_told()
    assert rows["models"][:2] == ["3", "0"] and rows["learn"][:2] == ["1", "0"]
    assert rows["report"][2] == "not timed" and "in.toml: 4 samples" in words
    assert not (tmp_path / "none").exists()
    data_stages.run(COMM, source, tmp_path / "out", ())
    table_told()
    data_estimate.dry_run(COMM, source, tmp_path / "out", ())
    assert [cells[1] for cells in table_told()[0].values()][-4:] == ["3", "1", "1", "5"]
