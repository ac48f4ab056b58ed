"""The dry run of a planar crystal."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import estimate, sampling
from mdbridge.campaigns.peridynamics.estimate import Measured

COMM = MPI.COMM_SELF
INPUTS = Path(__file__).parents[2] / "inputs"
KINDS = ("sheet", "disc", "elastic", "dynamics")


def test_samples_take_what_their_costs_say_and_groups_share_them(tmp_path, table_told, monkeypatch):
    monkeypatch.setattr(
        estimate,
        "measure",
        lambda *_: Measured(3.0, dict.fromkeys(KINDS, 1.0), dict.fromkeys(KINDS, 1000.0), 0.5),
    )
    estimate.dry_run(COMM, INPUTS / "graphene_0K.toml", tmp_path / "none", ())
    rows, words = table_told()
    stage = sampling.tasks(estimate.read(INPUTS / "graphene_0K.toml", ()))
    sheet = sum(task.cost for task in stage.tasks if estimate.kind_of(task.name) == "sheet")
    assert rows["samples: sheet"] == ["80", "0", f"{sheet:.0f} s"]
    assert rows["samples: disc"][:2] == ["4", "0"] and rows["samples: dynamics"][:2] == ["1", "0"]
    assert rows["samples: crystals at rest, and waiting"] == ["0", "0", "3 s"]
    # (4 + M) / 2 of M = 0, 16, 24, 16, 24
    assert rows["models"] == ["5", "0", "50 s"]
    assert "disk: about 172 kB" in words  # 86 samples, and the dataset of them
    assert not (tmp_path / "none").exists()


def test_the_model_that_is_timed_learns_from_each_crystal_on_its_own_nodes():
    """A sheet and a disc that follow their loads: in each split are its loads, on its nodes."""
    config = estimate.read(INPUTS / "graphene_0K.toml", ["md.cells=[24,14]"])
    box = config.md.planar.box(config.md.cells, 2.46)

    def grids(disc):
        return sampling.node_grids(config, box, disc)

    def follow(load, crystal):
        single = {"parameters": np.array(list(load.parameters.values()))}
        single |= dict.fromkeys(("amplitude", "bond_strain"), np.array(1.0))
        for suffix, grid in grids(crystal == "disc").items():
            single |= dict.fromkeys((f"u{suffix}", f"b{suffix}"), load.on(grid.points()))
        return single

    crystals = SimpleNamespace(
        planar=config.md.planar, lattice=2.46, sheet="sheet", disc="disc", node_grids=grids, static=follow
    )
    fields = estimate._fields(config, crystals)
    for split, loads in sampling.all_loads(config, box).items():
        assert (fields[split].shape is None) == (split == "test")
        assert len(fields[split].names) == len(loads)
        np.testing.assert_array_equal(fields[split].u[0], loads[0].on(fields[split].nodes))


@pytest.mark.parametrize("name", ["graphene_0K", "graphene_300K"])
def test_what_is_timed_is_the_campaign_with_short_runs(name):
    config = estimate.read(INPUTS / f"{name}.toml", ())
    brief = estimate._shortened(config)
    runs = [brief.dynamics.duration_ps]
    if config.thermal is not None:
        runs += [brief.thermal.duration_ps, brief.thermal.disc_duration_ps, brief.thermal.elastic_ps]
        # but for how long it lasts it is the same
        told = {key: getattr(brief.thermal, key) for key in ("duration_ps", "disc_duration_ps", "elastic_ps")}
        assert config.thermal.model_copy(update=told) == brief.thermal != config.thermal
    assert set(runs) == {estimate._SHORT_PS} and config.dynamics.duration_ps > estimate._SHORT_PS
    unchanged = {"dynamics": config.dynamics, "thermal": config.thermal}
    assert brief.model_copy(update=unchanged) == config


@pytest.mark.slow
def test_a_small_crystal_is_sampled_learned_from_and_not_kept(tmp_path, table_told):
    """The real thing: every kind of sample and a model, in a few seconds."""
    small = ["md.cells=[24,14]", "md.disc_radius_A=40", "md.disc_inner_A=15", "learn.horizons_A=[12.5]"]
    small += ["learn.degrees=[4]", "dynamics.duration_ps=1.0"]
    config = estimate.read(INPUTS / "graphene_0K.toml", small)
    measured = estimate.measure(COMM, config)
    assert measured.rates.keys() == {"sheet", "disc", "elastic", "dynamics"}
    assert all(0 < rate < 100 for rate in measured.rates.values()) and 0 < measured.learn < 10
    # u and b on 8-byte nodes of both spacings, a few numbers beside them
    assert 1e3 < measured.bytes["sheet"] < 1e5
    campaign = SimpleNamespace(samples=sampling.tasks(config))
    assert estimate.disk(campaign, measured) > 2 * 84 * measured.bytes["sheet"]
