"""Intervals from trials: scipy's curve_fit, coverage where the truth is known, and why there are none."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit, minimize

from mdbridge.calibrate import uncertainty
from mdbridge.calibrate.likelihood import Likelihood, Noise
from mdbridge.calibrate.linear import LinearModel
from mdbridge.calibrate.objective import Objective
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.terms import CurveTerm, GrassmannTerm, UserTerm
from mdbridge.calibrate.trials import Trial
from mdbridge.calibrate.uncertainty import _chosen, _inside, around, infer, needed

TIME = np.linspace(0.1, 2.0, 40)
SPACE = Space({"a": Parameter(0.5, 3.0), "k": Parameter(0.2, 3.0)})
TRUTH = {"a": 1.6, "k": 1.1}
ROWS, COLUMNS = np.mgrid[0:1:12j, 0:1:15j]


def decay(t, a, k):
    return a * np.exp(-k * t)


def respond(a, k):
    """Two curves, and two snapshots of a field whose columns turn with the parameters."""
    shift = 0.3 * a + 0.1 * np.arange(2)[:, None, None]
    field = np.exp(-((ROWS - shift) ** 2) / 0.1) * (1 + COLUMNS) + np.cos(3 * k * ROWS) * np.sin(2 * COLUMNS)
    return {"y": decay(TIME, a, k), "z": a * TIME[:20] ** k, "f": field}


def noisy(seed, laplace=False):
    random = np.random.default_rng(seed)
    draw = random.laplace(size=40) / np.sqrt(2) if laplace else random.standard_normal(40)
    clean = respond(**TRUTH)
    return {
        "y": clean["y"] + 0.05 * draw,
        "z": clean["z"] + 0.1 * random.standard_normal(20),
        "f": clean["f"] + 0.03 * random.standard_normal(clean["f"].shape),
    }


class Trials:
    """Of an objective, beginning at its least distance."""

    def __init__(self, *terms, weights=None):
        self.objective = Objective(terms, weights or [1.0] * len(terms))
        self.likelihood = self.objective.likelihood(respond(**TRUTH))
        self.known = []

        def distance(unit):
            return self.objective.score(respond(**SPACE.physical(np.clip(unit, 0, 1)))).distance

        options = {"xatol": 1e-6, "fatol": 1e-12, "maxiter": 400}
        best = minimize(distance, SPACE.unit(TRUTH), method="Nelder-Mead", options=options).x
        self.evaluate([np.clip(best, 0, 1)])

    def evaluate(self, points):
        for unit in points:
            parameters = SPACE.physical(unit)
            score = self.objective.score(respond(**parameters))
            number, unit = len(self.known), [float(u) for u in unit]
            self.known.append(Trial(number, "x", unit, parameters, "ok", score.distance, [], score.residual))

    def infer(self):
        for points in needed(lambda: self.known, self.likelihood):
            self.evaluate(points)
        return infer(self.known, self.likelihood)


@pytest.mark.parametrize("sigma", [None, 0.05, np.linspace(0.02, 0.1, 40)])
def test_intervals_are_those_of_curve_fit(sigma):
    data = noisy(7)
    trials = Trials(CurveTerm("y", data, "l2", sigma))
    inferred = trials.infer()
    each = None if sigma is None else np.broadcast_to(sigma, 40)
    best, covariance = curve_fit(
        decay, TIME, data["y"], [1.5, 1.0], sigma=each, absolute_sigma=sigma is not None
    )
    quantile = stats.norm.ppf(0.975) if sigma is not None else stats.t.ppf(0.975, 38)
    low, high = (SPACE.physical(u) for u in (inferred.low, inferred.high))
    estimate = SPACE.physical(inferred.estimate)
    for k, name in enumerate(SPACE.names):
        half = quantile * np.sqrt(covariance[k, k])
        assert (high[name] - low[name]) / 2 == pytest.approx(half, rel=0.05)
        assert estimate[name] == pytest.approx(best[k], abs=0.05 * half)
    assert len(trials.known) <= 7 and not inferred.doubts
    assert ("known sigma" in inferred.said) == (sigma is not None)


CASES = {
    "l2": lambda data: [CurveTerm("y", data, "l2")],
    "l2 with sigma": lambda data: [CurveTerm("y", data, "l2", 0.05)],
    "l1": lambda data: [CurveTerm("y", data, "l1")],
    "two curves": lambda data: [CurveTerm("y", data, "l2"), CurveTerm("z", data, "l2")],
    "two with sigma": lambda data: [CurveTerm("y", data, "l2", 0.05), CurveTerm("z", data, "l2", 0.1)],
    "field": lambda data: [GrassmannTerm("f", data, 2)],
    "field with sigma": lambda data: [GrassmannTerm("f", data, 2, sigma=0.03)],
    "field and curve": lambda data: [GrassmannTerm("f", data, 2), CurveTerm("y", data, "l2")],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_the_truth_as_often_as_they_say(case):
    """Of 100 intervals, 90 to 99 hold the truth: within 2.3 standard errors of 95."""
    truth, inside, widths = SPACE.unit(TRUTH), [], []
    for seed in range(100):
        inferred = Trials(*CASES[case](noisy(seed, laplace=case == "l1"))).infer()
        inside.append((inferred.low <= truth) & (truth <= inferred.high))
        widths.append(inferred.high - inferred.low)
    for held in np.sum(inside, axis=0):
        assert 90 <= held <= 99
    assert np.all(np.mean(widths, axis=0) < 0.2)


def test_what_is_added_narrows():
    data = noisy(3)
    alone, both = Trials(CurveTerm("y", data, "l2")).infer(), Trials(*CASES["two curves"](data)).infer()
    assert np.all(both.high - both.low < alone.high - alone.low)


def wrong(seed):
    """A field and a curve with something in them that no parameters make."""
    random, data = np.random.default_rng(seed), noisy(seed)
    waves, phase = random.uniform(3.0, 7.0), random.uniform(0.0, 6.3)
    growing = 0.15 * np.array([0.5, 1.0])[:, None, None]
    data["f"] = data["f"] + growing * np.cos(waves * ROWS + phase) * (1 + 0.3 * COLUMNS)
    data["y"] = data["y"] + 0.15 * np.sin(waves * TIME + phase)
    return data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("term", "kind"), [(GrassmannTerm, {"rule": 2}), (CurveTerm, {"norm": "l2"}), (CurveTerm, {"norm": "l1"})]
)
def test_intervals_of_a_wrong_model_hold_the_truth(term, kind):
    """Where little is known of how it is wrong; they are wider than those of a model taken to be right."""
    truth, name, held, widths = SPACE.unit(TRUTH), "f" if term is GrassmannTerm else "y", [], []
    for seed in range(5):
        few, none = (
            Trials(term(name, wrong(seed), discrepancy=how, **kind)).infer() for how in ("few", "none")
        )
        held.append((few.low <= truth) & (truth <= few.high))
        widths.append((few.high - few.low) / (none.high - none.low))
    assert np.mean(held) >= 0.9 and np.median(widths) > 1.5


def test_with_a_discrepancy_the_residuals_are_linearised_about_the_best_trial():
    """About where a wrong curve alone would have the parameters, the slopes are those of another place."""
    data = noisy(3)
    data["z"] = 1.3 * respond(**TRUTH)["z"] + 0.05 * (data["z"] - respond(**TRUTH)["z"])
    terms = [CurveTerm("y", data, "l2"), CurveTerm("z", data, "l2", discrepancy="few")]
    trials = Trials(*terms, weights=[1.0, 0.01])
    best = trials.known[0]
    # that of the least deviance without a discrepancy
    trials.evaluate([SPACE.unit({**TRUTH, "a": 1.3 * TRUTH["a"]})])
    deviances = [trials.likelihood.deviance(trial.residual) for trial in trials.known]
    assert deviances[1] < deviances[0] - 20.0
    inferred = trials.infer()
    assert inferred.model.at == pytest.approx(best.unit, abs=0.01)
    truth = SPACE.unit(TRUTH)
    assert np.all((inferred.low <= truth) & (truth <= inferred.high)) and inferred.high[0] < 0.5
    assert np.linalg.norm(inferred.estimate - best.unit) < 0.02


def test_of_normal_draws_the_valley_is_the_long_axis_of_the_region(monkeypatch):
    """From its mean to 1.96 standard deviations on either side, and never out of the cube."""
    mean, axis = np.array([0.5, 0.4]), np.array([0.8, 0.6])
    covariance = 0.1**2 * np.outer(axis, axis) + 0.01**2 * np.outer([-0.6, 0.8], [-0.6, 0.8])
    draws = np.random.default_rng(0).multivariate_normal(mean, covariance, 20_000)
    drawn = SimpleNamespace(mean=mean, covariance=covariance, inside=draws, terms=["y"])
    monkeypatch.setattr(uncertainty, "posterior", lambda model: drawn)
    known = [Trial(0, "x", [0.5, 0.4], {}, "ok", 1.0)]
    inferred = uncertainty._wrong_somewhere(known, None)
    ends = mean + 1.96 * 0.1 * np.array([-axis, axis])
    np.testing.assert_allclose(sorted(inferred.valley.tolist()), ends)
    widths = 1.96 * np.sqrt(np.diag(covariance))
    np.testing.assert_allclose([inferred.low, inferred.high], [mean - widths, mean + widths], atol=0.006)
    drawn.mean = np.array([0.95, 0.4])
    assert uncertainty._wrong_somewhere(known, None).valley.max() == 1.0


def test_a_perfect_fit_leaves_nothing_open():
    trials = Trials(CurveTerm("y", respond(**TRUTH), "l2"))
    trials.known.clear()
    trials.evaluate([SPACE.unit(TRUTH)])
    inferred = trials.infer()
    assert "exactly" in inferred.said and np.all(inferred.low == inferred.high)
    assert inferred.estimate == pytest.approx(SPACE.unit(TRUTH), abs=1e-6)
    known = Trials(CurveTerm("y", respond(**TRUTH), "l2", 0.05)).infer()  # the noise is there all the same
    assert np.all(known.high - known.low > 0.01)


def test_a_wrong_model_is_doubted():
    data = noisy(1)
    data["y"] = data["y"] + 0.2 * np.sin(6 * TIME)
    assert "neighbouring residuals of y are alike" in Trials(CurveTerm("y", data, "l2")).infer().doubts[0]
    assert "times their sigma" in Trials(CurveTerm("y", data, "l2", 0.05)).infer().doubts[0]
    assert "sigma is too large" in Trials(CurveTerm("y", noisy(1), "l2", 0.5)).infer().doubts[0]


def test_noise_that_turns_a_singular_vector_is_doubted():
    data = noisy(1)
    data["f"] = data["f"] + 0.6 * np.random.default_rng(9).standard_normal(data["f"].shape)
    inferred = Trials(GrassmannTerm("f", data, 2)).infer()
    assert "keep a smaller rank" in inferred.doubts[0]


def test_a_parameter_that_the_data_do_not_tell_has_its_bounds():
    def blind(response, reference):
        return response["y"] * 0 + np.linspace(0.9, 1.0, 40) * (response["y"][0] - reference["y"][0]) + 0.01

    inferred = Trials(UserTerm(blind, noisy(2))).infer()
    assert np.max(inferred.high - inferred.low) > 0.5


def test_without_intervals_it_says_why_there_are_none():
    data = noisy(0)
    trials = Trials(CurveTerm("y", data, "l2"))
    assert infer(trials.known, trials.likelihood) == uncertainty.UNTOLD
    number = Trials(
        UserTerm(lambda response, reference: float(np.abs(response["y"] - reference["y"]).max()), data)
    )
    assert "return the vector of residuals" in infer(number.known, number.likelihood)
    few = Trials(CurveTerm("y", {"y": np.where(np.arange(40) < 2, data["y"], np.nan)}, "l2"))
    assert "residuals of y (2) are too few to tell the scale" in few.infer()
    bare = [Trial(0, "x", [0.5, 0.5], {}, "ok", 1.0)]
    assert "no trial has residuals" in infer(bare, Likelihood([], []))


def test_points_about_the_best_stay_in_the_cube():
    trials = Trials(CurveTerm("y", noisy(0), "l2"))
    trials.infer()
    corner = Trial(99, "x", [0.0, 1.0], {}, "ok", 0.0, [], 0.0 * trials.known[0].residual)
    for factor in (1.0, -1.0):
        for point in around([*trials.known, corner], trials.likelihood, factor):
            assert np.all(point >= 0.0) and np.all(point <= 1.0)


def test_slopes_are_told_by_no_more_trials_than_tell_them_all():
    """A line search leaves many trials on one line: the next ones count until there is another direction."""
    line = [[0.01 * k, 0.0] for k in range(1, 9)]
    assert _chosen(np.array([*line, [0.0, 0.01], [0.01, 0.01]]), range(10)) == list(range(9))
    assert _chosen(np.array([line[0], [0.0, 0.02], *line[1:]]), range(9)) == list(range(6))
    assert _chosen(np.array(line), range(8)) == list(range(8))


@pytest.mark.parametrize(
    ("at", "step", "expected"),
    [
        ([0.5, 0.5], [0.1, -0.2], [0.6, 0.3]),
        # the other way where there is more room, and the whole step there
        ([0.95, 0.5], [0.1, 0.2], [0.85, 0.3]),
        # cut short, along its direction, where neither way has room for all of it
        ([0.9, 0.5], [0.5, 1.0], [0.65, 0.0]),
        ([0.0, 1.0], [0.2, -0.3], [0.2, 0.7]),
    ],
)
def test_steps_turn_round_at_a_face_of_the_cube(at, step, expected):
    assert _inside(np.array(at), np.array(step)) == pytest.approx(expected)


def test_trials_for_slopes_lie_on_the_axes_of_what_is_open_at_half_a_deviation_more_than_one():
    """Two residuals a + b and 3 (a − b) of known scale: their axes are the diagonals."""
    jacobian = np.array([[1.0, 1.0], [3.0, -3.0]]) / 0.05
    likelihood = Likelihood([Noise("y", "gaussian", 2, np.ones(2), True)], [2])
    centre = np.array([0.5, 0.5])
    points = [centre, *(centre + 0.01 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [1, -1]]))]
    evaluated = [
        Trial(k, "x", list(point), {}, "ok", 1.0, [], jacobian @ (point - centre))
        for k, point in enumerate(points)
    ]
    information = jacobian.T @ jacobian + 12.0 * np.eye(2)
    for factor in (1.0, -1.0):
        offsets = np.array(around(evaluated, likelihood, factor)) - centre
        assert np.abs(offsets @ np.array([1.0, -1.0])).min() < 1e-9 > np.abs(offsets @ np.ones(2)).min()
        assert np.einsum("ni,ij,nj->n", offsets, information, offsets) == pytest.approx([1.5**2] * 2)
    first, other = (np.array(around(evaluated, likelihood, sign)) - centre for sign in (1.0, -1.0))
    assert first == pytest.approx(-other)


@pytest.mark.parametrize("sigma", [0.05, None])
def test_a_descent_that_was_not_at_its_end_is_told(sigma):
    trials = Trials(CurveTerm("y", noisy(0), "l2", sigma=sigma))
    assert not trials.infer().unsettled  # it begins at the least distance
    trials.known = []
    start = np.array([0.8, 0.3])
    trials.evaluate([start, *(start + 0.02 * np.eye(2))])
    assert infer(trials.known, trials.likelihood).unsettled


def test_a_best_trial_that_the_intervals_leave_out_is_told():
    """A curve that tells another scale hardly counts in the distance, and in the likelihood more than all."""
    data = noisy(3)
    right = Trials(*CASES["two curves"](data)).infer()
    assert not right.outside and not right.doubts
    data["z"] = 1.3 * respond(**TRUTH)["z"] + 0.05 * (data["z"] - respond(**TRUTH)["z"])
    trials = Trials(*CASES["two curves"](data), weights=[1.0, 0.01])
    trials.evaluate([SPACE.unit({**TRUTH, "a": 1.3 * TRUTH["a"]})])
    inferred = trials.infer()
    best = np.array(min(trials.known, key=lambda trial: trial.value).unit)
    assert np.any((best < inferred.low) | (inferred.high < best))
    assert inferred.outside and uncertainty.OUTSIDE in inferred.doubts and not inferred.unsettled
    # of another choice, where the trials that are inferred from are those of the most likely one
    single = Trials(CurveTerm("y", data, "l2"))
    assert not single.infer().outside
    worse = Trial(99, "x", [0.5, 0.5], {}, "ok", 0.0, [], 3.0 * single.known[0].residual)
    assert infer(single.known, single.likelihood, worse).outside


def trials_of(residual, points, first=0):
    return [
        Trial(first + k, "x", list(unit), {}, "ok", float(np.linalg.norm(residual(unit))), [], residual(unit))
        for k, unit in enumerate(np.asarray(points, dtype=float))
    ]


def test_fewer_residuals_than_parameters_ask_for_no_slopes():
    def residual(unit):
        return np.array([unit[0] + unit[1] - 1.0])

    likelihood = Likelihood([Noise("modulus", "gaussian", 1.0, np.ones(1), False)], [1])
    known = trials_of(residual, [*np.random.default_rng(0).uniform(size=(12, 2)).tolist(), [0.4, 0.6]])
    assert list(needed(lambda: known, likelihood)) == []
    assert "modulus (1) are too few to tell the scale of their noise beside 2" in infer(known, likelihood)


def beside(points):
    """A line of 20 points, and another term with a scale of its own, linear in two parameters."""
    random = np.random.default_rng(0)
    slope = 5.0 * random.standard_normal((20 + points, 2))
    noise = 0.1 * random.standard_normal(20 + points)
    counts = (20, points)
    likelihood = Likelihood(
        [Noise(name, "gaussian", n, np.ones(n), False) for name, n in zip("yz", counts, strict=True)], counts
    )
    steps = 0.02 * np.vstack([np.zeros(2), np.eye(2), -np.eye(2)])
    return trials_of(lambda unit: slope @ (unit - 0.5) + noise, 0.5 + steps), likelihood


def test_a_term_of_few_points_beside_a_curve_needs_its_sigma():
    """A point that is met makes an estimated scale zero: the intervals would be those of round-off."""
    known, likelihood = beside(1)
    assert "residuals of z (1) are too few to tell the scale" in infer(known, likelihood)
    assert list(needed(lambda: known, likelihood)) == [] and around(known, likelihood) == []
    inference = infer(*beside(4))
    assert "4 residuals of z tell the scale of their noise poorly" in inference.doubts[0]
    assert not infer(*beside(8)).doubts


def test_a_direction_that_is_known_to_round_off_makes_no_proposal_that_is_no_number(monkeypatch):
    """Of a covariance that spans sixteen decades an eigenvalue may come out negative."""
    known, likelihood = beside(8)
    covariance = np.diag([-1e-20, 1e-4])
    monkeypatch.setattr(uncertainty, "_open", lambda model: (np.full(2, 0.5), covariance))
    assert np.all(np.isfinite(around(known, likelihood)))


@pytest.mark.slow
@pytest.mark.parametrize(("count", "least"), [(2, 0.0), (6, 0.88), (12, 0.9)])
def test_a_second_scale_is_told_well_from_twice_as_many_residuals_as_parameters(count, least):
    """Coverage with exact slopes of two parameters, 400 draws."""
    random, held = np.random.default_rng(1), 0
    likelihood = Likelihood(
        [
            Noise("y", "gaussian", 20.0, np.ones(20), False),
            Noise("z", "gaussian", count, np.ones(count), False),
        ],
        [20, count],
    )
    fixed = np.array([[0.5, 0.0], [0.5, 1.0]])
    for _ in range(400):
        slope = 20.0 * random.standard_normal((20 + count, 2))
        model = LinearModel(np.full(2, 0.5), random.standard_normal(20 + count), slope, likelihood)
        level = model.deviance(model.optimum()) + likelihood.threshold(2)
        held += model.deviance(model.optimum(*fixed)) <= level
    assert held / 400 >= least and (count > 2 or held / 400 < 0.85)


@pytest.mark.parametrize("sigma", [None, 0.1])
def test_parameters_that_only_count_together_are_left_open_by_an_exact_fit(sigma):
    """y = (a + b) t fits itself exactly, all along a line of parameters."""

    def residual(unit):
        return (unit[0] + unit[1] - 1.0) * TIME / (sigma or 1.0)

    likelihood = Likelihood([Noise("y", "gaussian", 40.0, np.ones(40), sigma is not None)], [40])
    known = trials_of(residual, [*np.random.default_rng(0).uniform(size=(12, 2)).tolist(), [0.4, 0.6]])
    for points in needed(lambda: known, likelihood):
        known.extend(trials_of(residual, points, len(known)))
    inference = infer(known, likelihood)
    values, axes = np.linalg.eigh(inference.covariance)
    assert abs(axes[:, -1].sum()) < 1e-3 and values[-1] > 0.05 and abs(values[0]) < 1e-3
    assert np.all(inference.high - inference.low > 0.5)
    assert sigma is not None or "1 of 2 combinations of parameters change nothing" in inference.doubts[-1]


@pytest.mark.parametrize("known", [True, False])
def test_a_trial_that_the_record_holds_refutes_an_interval_that_is_flat_at_a_bound(known):
    """y = a + k t, k searched by its logarithm from 1e-8 on: at the bound nothing changes with it."""
    random = np.random.default_rng(0)
    noise = 0.02 * random.standard_normal(40)

    def residual(unit):
        return (unit[0] - 0.5 + 10.0 ** (8.0 * (unit[1] - 1.0)) * TIME - noise) / (0.02 if known else 1.0)

    likelihood = Likelihood([Noise("y", "gaussian", 40.0, np.ones(40), known)], [40])
    at = 0.5 + noise.mean()
    points = [[at, 0.0], [at + 0.004, 0.0], [at, 0.01], [at + 0.004, 0.02]]
    inferred = infer(trials_of(residual, points), likelihood)
    assert inferred.low[1] == 0.0 and inferred.high[1] == 1.0
    # as good as the interval says, out of reach of what it says, and neither
    beside, apart, refuting = trials_of(residual, [[at + 0.001, 0.4], [at + 0.3, 0.95], [at + 0.01, 0.95]], 5)
    known_trials = [*trials_of(residual, points), beside, apart, refuting]
    inferred = infer(known_trials, likelihood)
    assert inferred.high[1] == 1.0
    assert uncertainty.refuting(known_trials, inferred) == {1: [refuting]}
    assert uncertainty.refuting(known_trials[:-1], inferred) == {}
