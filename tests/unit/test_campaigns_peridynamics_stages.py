"""Keys of the graphene campaign's stages, and where a potential is looked for."""

from dataclasses import replace
from pathlib import Path

import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import stages as graphene
from mdbridge.campaigns.peridynamics.input import Dynamics, GrapheneInput, Learn, Parallel, Solve, Thermal
from mdbridge.campaigns.peridynamics.stages import Campaign, open_campaign

BASE = Campaign(MPI.COMM_SELF, GrapheneInput(campaign="graphene"), Path("a.toml"), Path("out"), "potential")


def keys(campaign):
    return campaign.data_key, campaign.model_key, campaign.solution_key


def changed(**sections):
    return replace(BASE, config=BASE.config.model_copy(update=sections))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(BASE, potential="another file of that name"), 0),
        (changed(dynamics=Dynamics(seed=7)), 0),
        (changed(thermal=Thermal(), dynamics=Dynamics(enabled=False)), 0),
        (changed(learn=Learn(seed=7)), 1),
        (changed(solve=Solve(max_iterations=7)), 2),
        (changed(parallel=Parallel(ranks_per_sample=2)), 3),
        (replace(BASE, out=Path("elsewhere"), source=Path("b.toml")), 3),
    ],
)
def test_a_key_changes_with_what_its_stage_is_made_from_and_with_nothing_else(other, same):
    assert [a == b for a, b in zip(keys(BASE), keys(other), strict=True)] == [True] * same + [False] * (
        3 - same
    )


def test_a_list_of_pairs_does_not_change_what_a_pair_is_learned_from():
    other = changed(learn=Learn(horizons_A=[20.0], degrees=[3]))
    assert other.pair_key == BASE.pair_key
    assert other.model_key != BASE.model_key
    assert changed(learn=Learn(seed=7)).pair_key != BASE.pair_key


def test_a_relative_potential_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "mine.tersoff").write_text("# a potential")
    (folder / "a.toml").write_text('campaign = "graphene"\n[md]\npotential = "mine.tersoff"\n')
    opened = open_campaign(MPI.COMM_SELF, Path("inputs/a.toml"), tmp_path / "out", [])
    assert opened.config.md.potential == str(folder / "mine.tersoff")


def test_a_damaged_model_is_mentioned(tmp_path, capsys):
    (tmp_path / "model.json").write_text("{")
    assert graphene._json_key(tmp_path / "model.json") is None
    assert "model.json" in capsys.readouterr().err
