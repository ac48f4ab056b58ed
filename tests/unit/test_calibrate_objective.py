"""Several terms: residuals that make up the distance, sigma, and what cannot be compared."""

import numpy as np
import pytest

from mdbridge.calibrate.objective import Objective
from mdbridge.calibrate.response import InvalidResponse
from mdbridge.calibrate.terms import CurveTerm, GrassmannTerm, UserTerm

RANDOM = np.random.default_rng(0)
FIELDS, CURVE = RANDOM.standard_normal((3, 6, 5)), np.array([1.0, 2.0, 3.0, 4.0])
REFERENCE = {"f": FIELDS, "c": CURVE}


def other(size=0.1):
    random = np.random.default_rng(1)
    return {
        "f": FIELDS + size * random.standard_normal(FIELDS.shape),
        "c": CURVE + size * np.array([1, -1, 2, 0]),
    }


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_weighted_norms_of_the_residuals_are_the_distance(norm):
    terms = [
        GrassmannTerm("f", REFERENCE, 2),
        CurveTerm("c", REFERENCE, norm),
        UserTerm(lambda response, reference: response["c"][:2] - reference["c"][:2], REFERENCE),
    ]
    objective = Objective(terms, [0.25, 0.75, 0.3])
    score, groups = objective.score(other()), objective.groups(REFERENCE)
    assert score.distance == pytest.approx(np.dot([0.25, 0.75, 0.3], score.terms))
    assert groups.value(score.residual) == pytest.approx(score.distance, rel=1e-12)
    told = objective.distances(score.residual, groups, objective.likelihood(REFERENCE).sizes)
    assert told == pytest.approx(score.terms, rel=1e-12)
    assert objective.score(REFERENCE).distance == pytest.approx(0.0, abs=1e-12)


def test_differences_over_sigma_are_one_term_together():
    """The root mean square of all, whatever their number: least where χ² is."""
    longer = {"c": CURVE, "d": np.arange(10.0)}
    moved = {"c": other()["c"], "d": longer["d"] + 0.3}
    sigma = np.array([0.1, 0.2, 0.3, 0.4])
    terms = [CurveTerm("c", longer, "l2", sigma), CurveTerm("d", longer, "l2", 0.5)]
    objective = Objective(terms, [1.0, 1.0])
    score, groups = objective.score(moved), objective.groups(longer)
    z = np.append((moved["c"] - CURVE) / sigma, np.full(10, 0.6))
    assert score.residual == pytest.approx(z) and len(groups.weight) == 1
    assert score.distance == pytest.approx(np.sqrt((z**2).mean()))
    assert groups.value(score.residual) == pytest.approx(score.distance, rel=1e-12)
    likelihood = objective.likelihood(longer)
    assert likelihood.deviance(score.residual) == pytest.approx(z @ z) and likelihood.known
    apart = Objective([*terms, CurveTerm("d", longer, "l1")], [1.0, 1.0, 0.5])
    assert apart.score(moved).distance == pytest.approx(score.distance + 0.5 * 0.3)
    assert apart.groups(longer).value(apart.score(moved).residual) == pytest.approx(score.distance + 0.15)
    told = apart.distances(apart.score(moved).residual, apart.groups(longer), [4, 10, 10])
    assert told == pytest.approx(apart.score(moved).terms, rel=1e-12)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({"c": CURVE}, "no 'f'"),
        ({"f": FIELDS[:2], "c": CURVE}, r"shape \(2, 6, 5\)"),
        ({"f": FIELDS * np.nan, "c": CURVE}, "not finite"),
        ({"f": FIELDS * 0.0, "c": CURVE}, "'f'.*not zero"),
        ({"f": FIELDS, "c": CURVE * np.inf}, "'c' is not finite"),
    ],
)
def test_responses_that_cannot_be_compared(response, message):
    objective = Objective([GrassmannTerm("f", REFERENCE), CurveTerm("c", REFERENCE)], [1.0, 1.0])
    with pytest.raises(InvalidResponse, match=message):
        objective.score(response)


def test_an_objective_learns_which_numbers_may_be_negative():
    def correlation(response, reference):
        return -float(np.corrcoef(response["c"], reference["c"])[0, 1])

    plain = Objective([UserTerm(correlation, REFERENCE), CurveTerm("c", REFERENCE)], [1.0, 0.5])
    assert not plain.signed
    informed = plain.knowing_signs(REFERENCE)
    assert informed.signed and informed.weights == plain.weights
    assert informed.score(REFERENCE).distance == pytest.approx(-1.0)
    size = Objective(
        [UserTerm(lambda response, reference: abs(response["c"][0] - reference["c"][0]), REFERENCE)], [1.0]
    )
    assert not size.knowing_signs(REFERENCE).signed


def test_residuals_whose_number_changes_are_no_distance():
    """A model that leaves nothing to compare would be the best of all."""

    def overlap(response, reference):
        return (response["c"] - reference["c"])[response["c"] < 0.5]

    here = {"c": np.array([0.1, 0.2, 0.3, 0.9])}
    objective = Objective([UserTerm(overlap, here)], [1.0]).knowing_signs(here)
    assert objective.score({"c": np.array([0.9, 0.1, 0.1, 0.1])}).residual.shape == (3,)
    for inside in (0, 1, 4):
        other = {"c": np.where(np.arange(4) < inside, 0.1, 0.9)}
        with pytest.raises(InvalidResponse, match=f"returned {inside} residuals, 3 where the reference is"):
            objective.score(other)
