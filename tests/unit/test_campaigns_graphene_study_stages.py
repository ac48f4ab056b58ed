"""The study: its input, what it refuses, fields between nodes, and the tables of its report."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from mdbridge.campaigns.graphene_study import checks, stages
from mdbridge.campaigns.graphene_study.input import StudyInput
from mdbridge.campaigns.peridynamics import published
from mdbridge.campaigns.peridynamics.input import Coarse, GrapheneInput
from mdbridge.core.config import load
from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

INPUTS = Path(__file__).parents[2] / "inputs"
GRID = NodeGrid.periodic_cells((50.0, 66.0), 5.0)  # an even and an odd number of nodes


def waves(x, box):
    k = 2 * np.pi / box
    standing = np.cos(2 * k[0] * x[:, 0] + 0.3) * np.sin(3 * k[1] * x[:, 1])
    return np.stack([standing, np.cos(k[1] * x[:, 1]) + 0.2], axis=1)[None]


def fields():
    u = waves(GRID.points(), GRID.box)
    return FieldSet(
        GRID.points(), u, 2 * u, np.zeros((1, 0)), [], ["a"], GRID.box, np.array(GRID.spacing), GRID.shape
    )


def test_the_files_that_ship_are_valid_and_belong_together():
    config = load(INPUTS / "graphene_study.toml", StudyInput)
    zero = load(INPUTS / config.campaigns.zero, GrapheneInput)
    warm = load(INPUTS / config.campaigns.warm, GrapheneInput)
    checks.check_campaigns(zero, warm, Path("study.toml"))
    assert len(zero.sweep.horizons_A) * len(zero.sweep.degrees) >= 40
    assert {row["M"] for row in published.TABLE_3["0K"]} <= set(zero.sweep.degrees)


def test_campaigns_that_do_not_fit_are_refused():
    zero = load(INPUTS / "graphene_0K.toml", GrapheneInput)
    warm = load(INPUTS / "graphene_300K.toml", GrapheneInput)
    source = Path("study.toml")
    with pytest.raises(InputError, match=r"'campaigns\.zero' has a section"):
        checks.check_campaigns(warm, warm, source)
    with pytest.raises(InputError, match=r"'campaigns\.warm' has no section"):
        checks.check_campaigns(zero, zero, source)
    alone = warm.model_copy(update={"thermal": warm.thermal.model_copy(update={"noise": "each"})})
    with pytest.raises(InputError, match=r"'thermal\.noise' = 'each'"):
        checks.check_campaigns(zero, alone, source)
    other = warm.model_copy(update={"coarse": Coarse(radius_A=12.0)})
    with pytest.raises(InputError, match=r"'coarse.radius_A' is 10.0 .* and 12.0"):
        checks.check_campaigns(zero, other, source)
    nitride = warm.model_copy(update={"md": warm.md.model_copy(update={"crystal": "boron-nitride"})})
    with pytest.raises(InputError, match=r"'campaigns\.warm' is not of the paper's system.* at 300 K"):
        checks.check_campaigns(zero, nitride, source)
    carbon = zero.model_copy(update={"md": zero.md.model_copy(update={"potential": "BNC.tersoff"})})
    with pytest.raises(InputError, match=r"'campaigns\.zero' is not of the paper's system.* at 0 K"):
        checks.check_campaigns(carbon, warm, source)


def test_a_campaign_without_a_twin_is_of_the_same_sheet_and_has_none():
    warm = load(INPUTS / "graphene_300K.toml", GrapheneInput)
    alone = load(INPUTS / "graphene_300K_no_twin.toml", GrapheneInput)
    source = Path("study.toml")
    checks.check_no_twin(warm, alone, source)
    with pytest.raises(InputError, match=r"no_twin' has 'thermal\.noise' = 'shared'.*campaigns\.no_twin"):
        checks.check_no_twin(warm, warm, source)
    for part, key, value in (("md", "cells", (10, 10)), ("thermal", "temperature_K", 77.0)):
        changed = getattr(alone, part).model_copy(update={key: value})
        with pytest.raises(InputError, match=rf"'{part}\.{key}' is .* 'campaigns\.no_twin'"):
            checks.check_no_twin(warm, alone.model_copy(update={part: changed}), source)


@pytest.mark.parametrize(
    ("compare", "words"),
    [
        ({"hybrid": [[12.5, 3.5]]}, "3.5 is no degree"),
        ({"own_dilatation": [[12.5, -1]]}, "-1 is no degree"),
        ({"algorithm_1": [[12.5, 3]]}, "must hold two pairs"),
        ({"steps": [[12.5, 3]]}, "must hold two pairs, the paper's and ours"),
        ({"hybrid": [[12.5]]}, "at least 2 items"),
    ],
)
def test_pairs_that_are_none_are_refused(compare, words):
    with pytest.raises(ValidationError, match=words):
        StudyInput.model_validate({"campaign": "graphene-study", "compare": compare})


def test_a_field_between_nodes_is_its_fourier_series():
    samples = fields()
    np.testing.assert_allclose(checks.at_points(samples, samples.nodes, "u"), samples.u, atol=1e-14)
    points = np.random.default_rng(0).uniform(-100, 100, (40, 2))
    np.testing.assert_allclose(
        checks.at_points(samples, points, "b"), 2 * waves(points, samples.box), atol=1e-13
    )


def test_a_real_field_stays_real_with_waves_at_the_edge_of_the_zone():
    noise = np.random.default_rng(1).standard_normal((1, len(GRID.points()), 2))
    samples = replace(fields(), u=noise)
    np.testing.assert_allclose(checks.at_points(samples, samples.nodes, "u"), noise, atol=1e-13)


def test_the_published_moduli_belong_together():
    for row in [*published.TABLE_4.values(), *published.TABLE_5]:
        lam, mu = row["lambda_TPa"], row["mu_TPa"]
        assert row["nu"] == pytest.approx(lam / (lam + 2 * mu), abs=2e-3)
        assert row["E_TPa"] == pytest.approx(4 * mu * (lam + mu) / (lam + 2 * mu), abs=0.012)


def test_the_published_averages_are_those_of_their_rows():
    keys = ("E_res_train", "E_u_train", "E_res_val", "E_u_val")
    for rows in published.TABLE_3.values():
        for row in rows:
            average = np.mean([row[key] / rows[0][key] for key in keys])
            # the paper's own row of M = 5 at 300 K is off by 0.0105
            assert row["AvgE"] == pytest.approx(average, abs=0.011)


def replicates(monkeypatch, drawn, loads=7):
    """Weights of the loads in each replicate that is drawn, and what its task returns."""
    weights = []

    def learned(settings, fields, horizon, degree, start, times):
        assert (horizon, degree, start) == (12.5, 2, "the model")
        weights.append(times)
        return SimpleNamespace(material=None if len(weights) == 1 else MATERIAL)

    monkeypatch.setattr(stages, "learn_pair", learned)
    fields = {"train": SimpleNamespace(u=np.zeros((loads, 3, 2)))}
    data = SimpleNamespace(fields=fields, campaign=SimpleNamespace(config=SimpleNamespace(learn=None)))
    model = SimpleNamespace(horizon=12.5, degree=2, material="the model")
    result = stages._bootstrap(data, model, 5, drawn)()
    return result, np.array(weights)


MATERIAL = LinearPeridynamicSolid(Bernstein(12.5, np.ones(3), (1.0,)), -0.2, 0.7)


def test_a_bootstrap_draws_as_many_loads_as_there_are_with_replacement(monkeypatch):
    result, times = replicates(monkeypatch, range(300))
    assert (times.sum(axis=1) == 7).all() and (times == times.round()).all() and times.min() == 0
    # the number of times that a load is drawn is binomial: its mean 1, its variance 1 − 1/7
    assert times.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert times.var() == pytest.approx(6 / 7, rel=0.1)
    assert result["failed"] == 1 and len(result["constants"]) == 299
    assert result["constants"][0] == [-0.2, 0.7, MATERIAL.young, MATERIAL.poisson]


def test_a_replicate_is_the_same_in_any_batch(monkeypatch):
    whole = replicates(monkeypatch, range(6))[1]
    parts = [*replicates(monkeypatch, range(2))[1], *replicates(monkeypatch, range(2, 6))[1]]
    assert np.array_equal(whole, parts)
    assert not np.array_equal(whole[0], whole[1])
