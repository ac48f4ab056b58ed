"""Sensitivities and slices of a surrogate whose function is known."""

import numpy as np
import pytest

from mdbridge.calibrate import findings, uncertainty
from mdbridge.calibrate.discrepancy import posterior
from mdbridge.calibrate.findings import analyse
from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.slices import Slice
from mdbridge.calibrate.space import Parameter, Space, design
from mdbridge.calibrate.trials import Trial

SPACE = Space({"a": Parameter(0.0, 2.0), "b": Parameter(-1.0, 1.0), "idle": Parameter(0.0, 1.0)})
GROUPS = Groups(np.zeros(1, int), np.ones(1))


def trials(points):
    """log distance = 3 a + b - 2.5 in unit coordinates: shares 0.9 and 0.1, no interaction."""
    evaluated = []
    for k, u in enumerate(points):
        value = float(np.exp(3.0 * u[0] + u[1] - 2.5))
        evaluated.append(Trial(k, "initial", list(u), SPACE.physical(u), "ok", value, [], np.array([value])))
    return evaluated


def test_shares_of_an_additive_function():
    findings = analyse(SPACE, trials(design("sobol", 64, 3, 1)), GROUPS, None, 0)
    shares = findings["sensitivity"]
    assert list(shares)[:2] == ["a", "b"]
    for kind in ("first", "total"):
        assert shares["a"][kind] == pytest.approx(0.9, abs=0.05)
        assert shares["b"][kind] == pytest.approx(0.1, abs=0.03)
        assert shares["idle"][kind] < 0.01
    line = findings["slices"]["a"]
    assert np.polyfit(line["value"], line["mean"], 1)[0] == pytest.approx(1.5, rel=0.05)
    assert line["value"][0] == 0.0 and line["value"][-1] == 2.0


def test_a_cone_that_a_refinement_went_down_does_not_hide_the_rest():
    points = design("sobol", 64, 3, 1)
    evaluated = trials(points)
    for k, size in enumerate(10.0 ** -np.arange(0.5, 4.5, 0.1)):
        offset = 0.5 * size * np.random.default_rng(k).standard_normal(3)
        unit, value = np.clip(points[20] + offset, 0.0, 1.0), float(np.linalg.norm(offset))
        evaluated.append(Trial(len(evaluated), "refine", list(unit), {}, "ok", value, [], np.array([value])))
    shares = analyse(SPACE, evaluated, GROUPS, None, 0)["sensitivity"]
    assert shares["a"]["first"] > 0.8 and shares["idle"]["total"] < 0.05


def test_an_exact_match_has_finite_slices():
    evaluated = trials(design("sobol", 32, 3, 1))
    exact = Trial(32, "refine", [0.5, 0.5, 0.5], {}, "ok", 0.0, [], np.zeros(1))
    for line in analyse(SPACE, [*evaluated, exact], GROUPS, None, 0)["slices"].values():
        assert np.all(np.abs(line["mean"]) < 50) and np.all(np.array(line["deviation"]) < 50)


def test_too_few_trials_give_nothing():
    findings = analyse(SPACE, trials(design("sobol", 2, 3, 1)), GROUPS, None, 0)
    assert findings["sensitivity"] is None and findings["intervals"] is None


def test_a_band_holds_what_is_measured_next():
    """A straight line through noisy points: the prediction interval of the textbook."""
    from mdbridge.calibrate.findings import _bands
    from mdbridge.calibrate.likelihood import Likelihood, Noise
    from mdbridge.calibrate.linear import LinearModel
    from mdbridge.calibrate.uncertainty import infer

    t = np.linspace(-1.0, 1.0, 20)
    design_matrix = np.stack([np.ones(20), t], axis=1)
    residual = 0.1 * np.random.default_rng(3).standard_normal(20)
    likelihood = Likelihood([Noise("y", "gaussian", 20.0, np.ones(20), False, ordered=True)], [20])
    points = [np.array([0.5, 0.5]), *(0.5 + 0.05 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]))]
    evaluated = [
        Trial(k, "initial", list(u), {}, "ok", 1.0, [], residual + design_matrix @ (u - 0.5))
        for k, u in enumerate(points)
    ]
    inference = infer(evaluated, likelihood)
    assert isinstance(inference.model, LinearModel)
    band = _bands(inference)["y"]
    fit, rest, *_ = np.linalg.lstsq(design_matrix, residual, rcond=None)
    scale = np.sqrt(rest[0] / 18)
    hat = np.einsum(
        "ni,ij,nj->n", design_matrix, np.linalg.inv(design_matrix.T @ design_matrix), design_matrix
    )
    np.testing.assert_allclose(
        np.array(band["high"]) - np.array(band["low"]), 2 * 1.96 * scale * np.sqrt(1 + hat), rtol=0.02
    )
    np.testing.assert_allclose(
        (np.array(band["high"]) + band["low"]) / 2, residual - design_matrix @ fit, atol=2e-3
    )


def test_parameters_that_act_only_together_have_no_share_of_their_own():
    """log distance = 6 (a − ½)(b − ½): each tells nothing alone, and everything once the other is known."""
    answered = []
    for k, u in enumerate(design("sobol", 64, 3, 1)):
        value = float(np.exp(6.0 * (u[0] - 0.5) * (u[1] - 0.5)))
        answered.append(Trial(k, "initial", list(u), SPACE.physical(u), "ok", value, [], np.array([value])))
    shares = analyse(SPACE, answered, GROUPS, None, 0)["sensitivity"]
    for name in ("a", "b"):
        assert shares[name]["first"] < 0.05
        assert shares[name]["total"] == pytest.approx(1.0, abs=0.15)
    assert shares["idle"]["total"] < 0.02


def test_intervals_of_numbers_and_choices_are_those_that_trials_leave_open(monkeypatch):
    from mdbridge.calibrate.likelihood import Likelihood, Noise, Smooth

    space = Space(
        {"n": Parameter(1, 4, integer=True), "a": Parameter(0.0, 2.0), "kind": Parameter(choices=("x", "y"))},
        {"held": 7.0},
    )
    likelihood = Likelihood([Noise("y", "gaussian", 6.0, np.ones(6), True)], [6])
    evaluated = []
    for n, shift in ((1, 9.0), (2, 0.3), (3, 0.0), (4, 9.0)):
        for a in (0.9, 1.0, 1.1):
            for kind, more in (("x", 0.0), ("y", 5.0)):
                unit = space.unit({"n": n, "a": a, "kind": kind})
                residual = np.array([3 * (a - 1.0), -3 * (a - 1.0), shift, more, 0.4, -0.4])
                values = (space.physical(unit), "ok", float(np.linalg.norm(residual)), [], residual)
                evaluated.append(Trial(len(evaluated), "initial", unit.tolist(), *values))
    findings = analyse(space, evaluated, Groups(np.zeros(6, int), np.ones(1)), likelihood, 0)
    assert findings["intervals"]["n"] == [2, 3] and findings["intervals"]["kind"] == ["x"]
    half = 1.96 / np.sqrt(18)
    assert findings["intervals"]["a"] == pytest.approx([1 - half, 1 + half], rel=1e-3)
    told = "; those of the others hold with n = 3, kind = x, and say nothing of more"
    assert findings["intervals_from"].endswith(told)
    # with a discrepancy of the model others would be possible, too
    smooth = Smooth(np.arange(6.0), np.ones(6), few=True)
    wrong = Likelihood([Noise("y", "gaussian", 6.0, np.ones(6), False, smooth=smooth)], [6])
    monkeypatch.setattr(uncertainty, "posterior", lambda model, steps=0: posterior(model, 300))
    doubts = analyse(space, evaluated, Groups(np.zeros(6, int), np.ones(1)), wrong, 0)["doubts"]
    assert any("as if the model were right" in doubt for doubt in doubts) and not findings["doubts"]
    norms = analyse(space, evaluated, Groups(np.zeros(6, int), np.ones(1)), None, 0)
    assert set(norms["intervals"]) == {"a"} and norms["intervals_from"].endswith(told)
    assert findings["estimate"]["held"] == 7.0 and findings["estimate"]["n"] == 3
    assert set(findings["slices"]) == {"n", "a"} and set(findings["sensitivity"]) == {"n", "a", "kind"}


def test_where_constraints_leave_a_line_the_way_out_is_told():
    """Trials along a line tell no slope across it, however many there are."""
    from mdbridge.calibrate.constraints import Constraint
    from mdbridge.calibrate.likelihood import Likelihood, Noise

    parameters = {name: Parameter(0.0, 1.0) for name in "ab"}
    space = Space(parameters, constraints=[Constraint.read("abs(a - b) < 1e-6", "ab")])
    likelihood = Likelihood([Noise("y", "gaussian", 3.0, np.ones(3), True)], [3])
    evaluated = []
    for k, u in enumerate(np.linspace(0.2, 0.8, 9)):
        residual = np.array([u - 0.5, 0.1, -0.1])
        evaluated.append(Trial(k, "initial", [u, u], {}, "ok", float(np.linalg.norm(residual)), [], residual))
    findings = analyse(space, evaluated, Groups(np.zeros(3, int), np.ones(1)), likelihood, 0)
    assert findings["intervals"] is None
    assert "compute one of its parameters in the model" in findings["intervals_from"]


def test_no_share_of_a_variance_exceeds_all_of_it():
    """A distance that all but one parameter leave alone, far beyond the levels that are looked at."""
    points = np.random.default_rng(3).random((30, len(SPACE.names)))
    answered = [
        Trial(k, "initial", list(u), SPACE.physical(u), "ok", float(np.exp(12.0 * u[0] ** 4)))
        for k, u in enumerate(points)
    ]
    shares = analyse(SPACE, answered, None, None, 0)["sensitivity"]
    for share in shares.values():
        assert 0.0 <= share["first"] <= share["total"] + 1e-12 <= 1.0 + 1e-9
    assert next(iter(shares.values()))["total"] > 0.9


def test_trials_that_refute_an_interval_are_told_in_the_parameter_s_own_values(monkeypatch):
    space = Space({"a": Parameter(0.0, 2.0), "k": Parameter(1e-8, 1.0, "loguniform")})
    here = Slice(space, np.array([0.5, 0.5]))
    two = [Trial(k, "ego", [0.5, unit], {}, "ok", 1.0) for k, unit in enumerate((0.75, 1.0))]
    monkeypatch.setattr(uncertainty, "refuting", lambda trials, inference: {1: two, 0: two[:1]})
    several, single = findings._refuted(here, two, None)
    assert several.startswith("k: the record holds 2 trials between 0.01 and 1, far worse")
    assert single.startswith("a: the record holds a trial at 1, far worse than the interval allows")
