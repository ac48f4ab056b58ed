"""Keys of the graphene campaign's stages, and which learned models are candidates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.lps import regression, spectral
from mdbridge.lps.model import InfluenceFunction, LinearPeridynamicSolid
from mdbridge.workflows import graphene_learning
from mdbridge.workflows.graphene import Campaign
from mdbridge.workflows.graphene_input import Dynamics, GrapheneInput, Learn, Parallel, Solve

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


def test_a_model_without_a_positive_modulus_is_no_candidate(monkeypatch):
    influence = InfluenceFunction(12.5, 1.0, np.ones(1))
    fit = regression.Fit(LinearPeridynamicSolid(influence, -0.7, 0.7), [], 0.0, [], 0)
    monkeypatch.setattr(regression, "learn", lambda *_: fit)
    field = np.random.default_rng(0).standard_normal((2, 100, 2))
    samples = {"train": spectral.transform(field, field, (10, 10), np.full(2, 50.0))}
    candidate = graphene_learning._learn(samples, None, 12.5, 0, Learn())
    assert candidate.fit is None and "not solvable" in candidate.failure
