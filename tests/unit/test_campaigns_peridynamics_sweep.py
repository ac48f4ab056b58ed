"""Algorithm 2's table: what a selection keeps for its file."""

import numpy as np
import pytest

from mdbridge.campaigns.peridynamics import learning
from mdbridge.campaigns.peridynamics.learning import Candidate
from mdbridge.campaigns.peridynamics.sweep import select
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid


def candidate(horizon, degree, residual, rest, failure="", mu=0.7):
    influence = Bernstein(horizon, np.ones(degree + 1), (0.5,))
    material = None if failure else LinearPeridynamicSolid(influence, -0.2, mu)
    errors = dict.fromkeys(learning.ERRORS, rest) | {"E_res_train": residual}
    return Candidate(horizon, degree, material, errors=errors, failure=failure, wall_s=1.0 + degree)


CANDIDATES = [
    candidate(10.0, 0, 0.4, 0.4),
    candidate(20.0, 0, 0.5, 0.1),
    candidate(10.0, 4, 0.3, 0.2),
    candidate(20.0, 4, 0.2, 0.3, mu=0.6),
    candidate(30.0, 4, 0.1, 0.1, failure="too wide"),
]


def test_the_file_lists_every_pair_and_the_constants_of_each_row():
    record = select(CANDIDATES).as_dict()
    assert [(pair["delta_A"], pair["M"], pair["failure"]) for pair in record["candidates"]] == [
        (10.0, 0, ""),
        (20.0, 0, ""),
        (10.0, 4, ""),
        (20.0, 4, ""),
        (30.0, 4, "too wide"),
    ]
    assert [pair["wall_s"] for pair in record["candidates"]] == [1.0, 1.0, 5.0, 5.0, 5.0]
    assert [(row["delta_A"], row["M"]) for row in record["rows"]] == [(10.0, 0), (20.0, 4)]
    chosen = CANDIDATES[3].material
    assert (record["rows"][1]["E_TPa"], record["rows"][1]["nu"]) == (chosen.young, chosen.poisson)
    # the mean of the four errors over those of M = 0: 0.2/0.4 and three of 0.3/0.4
    assert [row["AvgE"] for row in record["rows"]] == pytest.approx([1.0, (0.5 + 3 * 0.75) / 4])
    assert (record["best"]["horizon"], record["best"]["degree"]) == (20.0, 4)
    assert Candidate.from_dict(record["best"], "file").material.lame_mu == 0.6


def test_without_the_smallest_degree_the_next_is_the_baseline():
    selection = select(CANDIDATES[2:])
    assert [row.errors["AvgE"] for row in selection.rows] == [1.0]
