"""The dry run of the study of graphene."""

from pathlib import Path

from mpi4py import MPI

from mdbridge.campaigns.graphene_study import estimate
from mdbridge.campaigns.peridynamics import estimate as of_graphene
from mdbridge.campaigns.peridynamics.estimate import Measured

COMM = MPI.COMM_SELF
INPUTS = Path(__file__).parents[2] / "inputs"
KINDS = ("sheet", "disc", "elastic", "dynamics")


def test_a_study_adds_up_its_campaigns(tmp_path, table_told, monkeypatch):
    monkeypatch.setattr(
        of_graphene,
        "measure",
        lambda *_: Measured(3.0, dict.fromkeys(KINDS, 1.0), dict.fromkeys(KINDS, 1000.0), 0.01),
    )
    estimate.dry_run(COMM, INPUTS / "graphene_study.toml", tmp_path / "none", ())
    rows, words = table_told()
    samples = ["0K: samples", "0K-loud: samples", "300K: samples"]
    # the loud one has no run at finite temperature; those at 300 K have twins and levels of their own
    assert [rows[name][0] for name in samples[:2]] == ["86", "85"] and int(rows[samples[2]][0]) > 220
    # a further seed repeats the whole loads alone; without a twin there is one sign, and no unloaded run
    assert rows["300K-seed-2022: samples"][0] == rows["300K-seed-2023: samples"][0]
    assert int(rows["300K-seed-2022: samples"][0]) < int(rows[samples[2]][0])
    assert int(rows["300K-no-twin-seed-2023: samples"][0]) == int(rows["300K-no-twin: samples"][0]) > 84
    assert rows["0K: models of the sweep"][0] == rows["300K: models of the sweep"][0]
    assert rows["tables: manufactured"] == ["8", "0", "not timed"]
    assert "follow from the sweeps" in words
