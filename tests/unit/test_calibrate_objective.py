"""Terms by hand, residuals that make up the distance, and what is refused."""

import numpy as np
import pytest

from mdbridge.calibrate.objective import CurveTerm, GrassmannTerm, InvalidResponse, Objective, UserTerm
from mdbridge.core.errors import InputError

RANDOM = np.random.default_rng(0)
FIELDS, CURVE = RANDOM.standard_normal((3, 6, 5)), np.array([1.0, 2.0, 3.0, 4.0])
REFERENCE = {"f": FIELDS, "c": CURVE}


def other(size=0.1):
    random = np.random.default_rng(1)
    return {
        "f": FIELDS + size * random.standard_normal(FIELDS.shape),
        "c": CURVE + size * np.array([1, -1, 2, 0]),
    }


def test_curves_by_hand():
    assert CurveTerm("c", REFERENCE, "l1").distance(other()) == pytest.approx(0.1)
    assert CurveTerm("c", REFERENCE, "l2").distance(other()) == pytest.approx(np.sqrt(0.06 / 4))


def test_the_snapshots_are_averaged():
    term = GrassmannTerm("f", REFERENCE, 2)
    turned = {"f": FIELDS.copy(), "c": CURVE}
    turned["f"][1] = other()["f"][1]
    alone = GrassmannTerm("f", {"f": FIELDS[1:2]}, 2).distance({"f": turned["f"][1:2]})
    assert alone > 1e-3 and term.distance(turned) == pytest.approx(alone / 3)


def test_a_rank_for_each_snapshot():
    alone = [
        GrassmannTerm("f", {"f": FIELDS[k : k + 1]}, k + 1).distance({"f": other()["f"][k : k + 1]})
        for k in range(3)
    ]
    term = GrassmannTerm("f", REFERENCE, [1, 2, 3])
    assert term.distance(other()) == pytest.approx(np.mean(alone), rel=1e-12)
    norms = [np.linalg.norm(r) for r in term.residual(other())]
    assert norms == pytest.approx(alone, rel=1e-12)


def test_rows_and_columns_are_different_spaces():
    flat = {"f": FIELDS[:, :, :3] @ RANDOM.standard_normal((3, 5))}
    reference = {"f": flat["f"]}
    moved = {"f": RANDOM.standard_normal((6, 6)) @ flat["f"]}
    assert GrassmannTerm("f", reference, 3, space="row").distance(moved) < 1e-10
    assert GrassmannTerm("f", reference, 3).distance(moved) > 0.1


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_weighted_norms_of_the_residuals_are_the_distance(norm):
    terms = [
        GrassmannTerm("f", REFERENCE, 2),
        CurveTerm("c", REFERENCE, norm),
        UserTerm(lambda a, b: a["c"][:2] - b["c"][:2], REFERENCE),
    ]
    objective = Objective(terms, [0.25, 0.75, 0.3])
    score, groups = objective.score(other()), objective.groups(REFERENCE)
    assert score.distance == pytest.approx(np.dot([0.25, 0.75, 0.3], score.terms))
    assert groups.value(score.residual) == pytest.approx(score.distance, rel=1e-12)
    assert objective.score(REFERENCE).distance == pytest.approx(0.0, abs=1e-12)


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


def test_references_that_cannot_serve():
    with pytest.raises(InputError, match="no 'g'; it has c, f"):
        GrassmannTerm("g", REFERENCE)
    with pytest.raises(InputError, match=r"expected \(points,\)"):
        CurveTerm("f", REFERENCE)
    with pytest.raises(InputError, match="snapshot 1 of 'f'"):
        GrassmannTerm("f", {"f": FIELDS * np.array([1, 0, 1])[:, None, None]})
    with pytest.raises(InputError, match="all spans are then equal"):
        GrassmannTerm("f", {"f": np.swapaxes(FIELDS, 1, 2)}, 5)
    with pytest.raises(InputError, match=r"keeps the rank 4, its shape is \(6, 3\)"):
        GrassmannTerm("f", {"f": FIELDS[:, :, :3]}, 4)
