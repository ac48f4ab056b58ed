"""Ask and tell: known minima, restoring, stopping, failures."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mdbridge.calibrate.ego import Calibration, SearchSettings, offset
from mdbridge.calibrate.likelihood import Likelihood, Noise
from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.trials import Trial
from mdbridge.core.errors import FileError, InputError

PLANE = Space({"x": Parameter(-5.0, 10.0), "y": Parameter(0.0, 15.0)})
CUBE = Space({f"x{k}": Parameter(0.0, 1.0) for k in range(6)})
BOWL = Space({"x": Parameter(0.0, 1.0), "y": Parameter(0.0, 1.0)})
ONE_NORM = Groups(np.zeros(2, dtype=int), np.ones(1))


def branin(p):
    x, y = p["x"], p["y"]
    return (
        (y - 5.1 * x**2 / (4 * np.pi**2) + 5 * x / np.pi - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x)
        + 10
    )


def hartmann(p):
    x = np.array(list(p.values()))
    a = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    c = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return -np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(a * (x - c) ** 2).sum(axis=1))


def bowl(p):
    """Two residuals; the minimum is at (0.3, 0.7)."""
    return np.array([p["x"] - 0.3 + (p["y"] - 0.7) ** 2, 3.0 * (p["y"] - 0.7)])


def answer(space, proposal, residuals):
    parameters = space.physical(proposal.unit)
    common = (proposal.index, proposal.phase, list(map(float, proposal.unit)), parameters)
    residual = residuals(parameters)
    if residual is None:
        return Trial(*common, "failed", state=proposal.state)
    residual = np.atleast_1d(residual)
    return Trial(*common, "ok", float(np.linalg.norm(residual)), [], residual, state=proposal.state)


def drive(search, space, residuals, stop=math.inf):
    """Answer until done or until ``stop`` trials."""
    while not search.done and len(search.trials) < stop:
        for proposal in search.ask():
            search.tell(answer(space, proposal, residuals))
            if len(search.trials) >= stop:
                break
    return search


def units(search):
    return [search.trials[k].unit for k in sorted(search.trials)]


@pytest.mark.slow
def test_expected_improvement_finds_a_minimum_of_branin():
    settings = SearchSettings("ego", initial=10, evaluations=35, target=0.02)
    search = drive(Calibration(PLANE, settings), PLANE, lambda p: branin(p) - 0.397887)
    assert search.done and search.reason == "the target is reached"


@pytest.mark.slow
def test_expected_improvement_finds_the_minimum_of_hartmann_6():
    """Begun again at most three times: some starts end in the second-best basin, 0.119 above the minimum.

    Of the seeds 0, 1, 3, 4 and 5 four come within 0.05 of the minimum, three of them within 60 trials.
    """
    best = np.inf
    for seed in (4, 5, 3, 1):
        settings = SearchSettings("ego", initial=20, evaluations=80, target=0.05, seed=seed)
        best = drive(Calibration(CUBE, settings), CUBE, lambda p: hartmann(p) + 3.32237).best.value
        if best <= settings.target:
            break
    assert best <= 0.05


def test_refinement_goes_to_the_floor():
    settings = SearchSettings(initial=5, explore=2, evaluations=40, target=1e-6)
    search = drive(Calibration(BOWL, settings, ONE_NORM), BOWL, bowl)
    assert search.best.value <= 1e-6 and len(search.trials) < 30
    assert list(search.best.parameters.values()) == pytest.approx([0.3, 0.7], abs=1e-5)


def test_several_basins_are_tried():
    def two_valleys(p):  # the local one, about 0.2, is wide, the global one narrow
        x = p["x"]
        here = x - 0.2 if x < 0.75 else 6.0 * (x - 0.9)
        return np.array([here, (p["y"] - 0.5) * 0.3, 0.1 if x < 0.75 else 0.0])

    groups = Groups(np.zeros(3, dtype=int), np.ones(1))
    settings = SearchSettings(initial=12, explore=3, evaluations=120, target=1e-6)
    search = drive(Calibration(BOWL, settings, groups), BOWL, two_valleys)
    assert search.best.parameters["x"] == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_restored_at_any_trial_it_goes_on_as_if_never_stopped(batch):
    settings = SearchSettings(initial=5, explore=2, evaluations=14, batch=batch, seed=7)
    whole = drive(Calibration(BOWL, settings, ONE_NORM), BOWL, bowl)
    assert {trial.phase for trial in whole.trials.values()} == {"initial", "ego", "refine", "slopes"}
    for stop in (2, 6, 9):  # before the surrogate, between its proposals, while refining
        known = list(whole.trials.values())[:stop]
        again = drive(Calibration(BOWL, settings, ONE_NORM, known), BOWL, bowl)
        assert units(again) == units(whole), stop


@pytest.mark.slow
def test_a_record_may_go_on_to_a_smaller_target_or_end_at_a_larger():
    def ended(target, known=()):
        settings = SearchSettings(initial=5, explore=2, evaluations=60, target=target)
        return drive(Calibration(BOWL, settings, ONE_NORM, known), BOWL, bowl)

    fine = ended(1e-5)
    for target in (0.1, 0.05):  # reached by expected improvement, by refinement
        coarse = ended(target)
        assert [trial.phase for trial in coarse.trials.values()][-2:] == ["slopes"] * 2
        assert len(coarse.trials) < len(fine.trials)
        # what is paid for keeps its number, and is gone on from
        further = ended(1e-5, coarse.trials.values())
        assert units(further)[: len(coarse.trials)] == units(coarse) and further.best.value <= 1e-5
        assert units(ended(1e-5, further.trials.values())) == units(further)
        again = ended(target, fine.trials.values())
        assert units(again) == units(fine) and again.best == fine.best


def decay(p):
    """Residuals of a curve, with noise that the same points always have."""
    x = np.linspace(0.1, 3.0, 20)
    noise = np.random.default_rng(1).normal(0.0, 0.05, 20)
    return np.exp(-2.0 * p["x"] * x) + p["y"] * np.sin(3.0 * p["x"] * x) - np.exp(-x) - noise


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("first", "then"), [(15, 16), (16, 18), (17, 27)])
def test_a_larger_budget_costs_what_it_is_larger_by_and_never_gives_a_worse_best(first, then, seed):
    groups, asked = Groups(np.zeros(20, dtype=int), np.ones(1)), []
    sample = Likelihood([Noise("y", "gaussian", 20.0, np.ones(20), False)], [20])

    def counted(p):
        asked.append(p)
        return decay(p)

    def ended(evaluations, known=()):
        asked.clear()
        settings = SearchSettings(initial=4, explore=1, evaluations=evaluations, seed=seed)
        return drive(Calibration(BOWL, settings, groups, known, sample), BOWL, counted)

    before = ended(first)
    assert [trial.phase for trial in before.trials.values()].count("slopes") >= 3
    after = ended(then, before.trials.values())
    assert len(asked) <= then - first and after.best.value <= before.best.value
    # as it was killed in the midst of what is new, and as it is shown again
    half = [after.trials[k] for k in range((first + len(after.trials)) // 2)]
    assert units(ended(then, half)) == units(after)
    assert units(ended(then, after.trials.values())) == units(after) and not asked


def test_trials_may_be_told_in_any_order_and_some_be_lost():
    settings = SearchSettings("ego", initial=4, evaluations=8, batch=4)
    whole = drive(Calibration(BOWL, settings), BOWL, bowl)
    search = Calibration(BOWL, settings, trials=[whole.trials[k] for k in (0, 1, 2, 3, 5, 6)])
    while not search.done:
        for proposal in reversed(search.ask()):
            search.tell(answer(BOWL, proposal, bowl))
    assert units(search) == units(whole)
    assert search.ask() == []
    with pytest.raises(KeyError):
        search.tell(whole.trials[0])


def test_pending_points_are_kept_away_from():
    search = Calibration(BOWL, SearchSettings("ego", initial=6, evaluations=9, batch=3))
    drive(search, BOWL, bowl)
    points = np.array(units(search)[6:])
    gaps = [np.linalg.norm(points[i] - points[j]) for i in range(3) for j in range(i)]
    assert min(gaps) > 1e-3


def test_failures_are_kept_and_avoided():
    def half(p):
        return (
            None if p["x"] < 0.5 else np.array([p["x"] - 0.4, p["y"] - 0.7])
        )  # best at the edge of the failures

    search = drive(Calibration(BOWL, SearchSettings("ego", initial=10, evaluations=22)), BOWL, half)
    later = [trial for trial in search.trials.values() if trial.phase == "ego"]
    assert search.best.value < 0.12
    assert sum(trial.distance is None for trial in later) <= len(later) // 2
    nothing = drive(Calibration(BOWL, SearchSettings("ego", initial=3, evaluations=6)), BOWL, lambda p: None)
    assert nothing.best is None and len(nothing.trials) == 6


def test_stall_and_patience_end_a_search():
    flat = drive(
        Calibration(BOWL, SearchSettings("ego", initial=4, evaluations=50, stall=3)),
        BOWL,
        lambda p: np.ones(2),
    )
    assert flat.reason == "3 trials without improvement" and len(flat.trials) == 7
    settings = SearchSettings(initial=6, explore=1, evaluations=300, patience=2)
    groups = Groups(np.array([0, 0, 1]), np.ones(2))
    patient = drive(Calibration(BOWL, settings, groups), BOWL, lambda p: np.append(bowl(p), 0.1))
    assert "without improvement" in patient.reason and len(patient.trials) < 150


@pytest.mark.parametrize(
    ("improving", "tried"),
    [
        pytest.param((), 2, id="none"),
        pytest.param((1, 3), 6, id="every other", marks=pytest.mark.slow),
        pytest.param((0, 1), 4, id="the first two", marks=pytest.mark.slow),
    ],
)
def test_patience_counts_refinements_without_improvement_since_the_last_one_with(improving, tried):
    """A refinement halves the least distance so far, or finds nothing."""
    space = Space({name: Parameter(0.0, 1.0) for name in "abc"})
    settings = SearchSettings(initial=8, explore=1, evaluations=400, patience=2)
    search = Calibration(space, settings, Groups(np.zeros(1, dtype=int), np.ones(1)))
    begun, last = -1, "initial"
    while not search.done:
        for proposal in search.ask():
            begun += proposal.phase == "refine" and last != "refine"
            last = proposal.phase
            value = 1.0 + 1e-4 * proposal.index
            if last == "refine" and begun in improving:
                value = 0.5 ** (1 + improving.index(begun))
            search.tell(answer(space, proposal, lambda _, value=value: np.array([value])))
    assert begun + 1 == tried
    assert search.reason == "2 refinements without improvement"


def test_between_refinements_a_trial_at_least_looks_for_another_basin():
    """A third of those that explored at first, which of one or two would be none."""
    settings = SearchSettings(initial=4, explore=2, evaluations=60, patience=3)
    search = drive(Calibration(BOWL, settings, ONE_NORM), BOWL, lambda p: bowl(p) + 0.1)
    phases = [search.trials[k].phase for k in sorted(search.trials)]
    first = phases.index("refine")
    assert phases[:first].count("ego") == 2 and "ego" in phases[first:]
    assert search.reason == "3 refinements without improvement"


def test_another_seed_goes_elsewhere_and_a_foreign_record_is_refused():
    first, second = (
        drive(Calibration(BOWL, SearchSettings("ego", initial=4, evaluations=6, seed=s)), BOWL, bowl)
        for s in (1, 2)
    )
    assert units(first) != units(second)
    with pytest.raises(FileError, match="trial 0 of the record"):
        Calibration(
            BOWL, SearchSettings("ego", initial=4, evaluations=6, seed=1), trials=second.trials.values()
        )


def test_reports_are_trials():
    def ask_and(tell):
        search = Calibration(BOWL, SearchSettings(initial=4, explore=2, evaluations=9), ONE_NORM)
        while not search.done:
            for proposal in search.ask():
                tell(search, proposal)
        return search

    def report(search, proposal):
        residual = bowl(BOWL.physical(proposal.unit))
        if proposal.index == 2:
            search.report(proposal, None)
        else:
            search.report(proposal, float(np.linalg.norm(residual)), residual)

    def told(search, proposal):
        search.tell(answer(BOWL, proposal, lambda p: None if proposal.index == 2 else bowl(p)))

    ours, theirs = ask_and(report), ask_and(told)
    assert [trial.unit for trial in ours.trials.values()] == [trial.unit for trial in theirs.trials.values()]
    assert ours.best.parameters == theirs.best.parameters
    assert ours.trials[2].status == "failed"


@pytest.mark.parametrize(
    ("distance", "residual", "words"),
    [
        (-1.0, np.ones(2), "distance = -1.0 of trial 0"),
        (math.nan, np.ones(2), "distance = nan"),
        (math.inf, np.ones(2), "distance = inf"),
        (1.0, None, "trial 0 has no residuals"),
    ],
)
def test_reports_that_mean_nothing_are_refused(distance, residual, words):
    search = Calibration(BOWL, SearchSettings(initial=4), ONE_NORM)
    with pytest.raises(InputError, match=words):
        search.report(search.ask()[0], distance, residual)


def test_a_distance_told_without_residuals_is_refined_by_itself():
    search = Calibration(BOWL, SearchSettings(initial=5, explore=2, evaluations=40), ONE_NORM)
    while not search.done:
        for proposal in search.ask():
            parameters = BOWL.physical(proposal.unit)
            value = float(np.linalg.norm(bowl(parameters)))
            unit = [float(u) for u in proposal.unit]
            search.tell(Trial(proposal.index, proposal.phase, unit, parameters, "ok", value))
    assert search.best.phase == "refine" and search.best.value < 0.02


@pytest.mark.slow
def test_what_may_be_negative_is_minimised_as_it_is():
    """A bowl whose least value is -3, at (0.3, 0.6): neither 0 nor the smallest size is the aim."""
    space = Space({"x": Parameter(0.0, 1.0), "y": Parameter(0.0, 1.0)})
    settings = SearchSettings("ego", initial=8, evaluations=30, target=-np.inf, signed=True)
    search = Calibration(space, settings)
    while not search.done:
        for proposal in search.ask():
            p = space.physical(proposal.unit)
            search.report(proposal, 20.0 * ((p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2) - 3.0)
    assert search.reason == "the budget is spent" and search.best.value < -2.99
    assert search.best.parameters == pytest.approx({"x": 0.3, "y": 0.6}, abs=0.03)
    with pytest.raises(InputError, match="must be finite and >= 0"):
        fresh = Calibration(space, SearchSettings("ego", initial=4))
        fresh.report(fresh.ask()[0], -1.0)


@pytest.mark.parametrize("values", [[-3.0, -1.0, 4.0], [0.0, 0.0, 0.0], [-2.0, -2.0]])
def test_values_above_their_offset_have_logarithms(values):
    assert np.all(np.array(values) - offset(np.array(values)) > 0.0)


@pytest.fixture(scope="module")
def finished():
    """A search that has spent its budget."""
    return drive(Calibration(BOWL, MORE, ONE_NORM), BOWL, bowl)


MORE = SearchSettings(initial=5, explore=2, evaluations=25)


@pytest.mark.parametrize("evaluations", [3, 6, 20])
def test_a_record_that_holds_more_than_the_budget_keeps_its_best(evaluations, finished):
    search, settings = finished, MORE
    again = Calibration(BOWL, replace(settings, evaluations=evaluations), ONE_NORM, search.trials.values())
    assert again.done and again.best.index == search.best.index
    assert sorted(again.trials) == sorted(search.trials)


def test_at_the_target_a_search_spends_no_more_than_the_slopes_take():
    """Of two parameters two differences, three moves of the centre, and two axes; no matter what is left."""
    sample = Likelihood([Noise("y", "gaussian", 4.0, np.full(4, 0.1), True)], [4])
    settings = SearchSettings(initial=6, evaluations=60, target=1.0)
    search = Calibration(BOWL, settings, Groups(np.zeros(4, dtype=int), np.ones(1)), likelihood=sample)
    drive(search, BOWL, lambda p: [p["x"] - 0.3, 2 * (p["y"] - 0.7), 0.05, p["x"] + p["y"] - 1.0])
    assert "target" in search.reason
    assert 2 <= sum(trial.phase == "slopes" for trial in search.trials.values()) <= 2 + 3 + 2


def test_a_search_over_numbers_choices_and_constraints_keeps_to_them():
    """The model is never asked beyond a constraint, and the optimum on one is reached."""
    from mdbridge.calibrate.constraints import Constraint

    parameters = {
        "a": Parameter(0.0, 2.0),
        "b": Parameter(0.0, 2.0),
        "n": Parameter(1, 3, integer=True),
        "kind": Parameter(choices=("x", "y")),
    }
    space = Space(parameters, constraints=[Constraint.read("a + b <= 1", ["a", "b", "n"])])
    settings = SearchSettings(initial=16, explore=4, evaluations=60, patience=2)
    search = Calibration(space, settings, Groups(np.zeros(3, int), np.ones(1)))
    while not search.done:
        for proposal in search.ask():
            p = space.physical(proposal.unit)
            assert p["a"] + p["b"] <= 1.0 + 1e-12
            shift = {"x": 0.3, "y": 0.0}[p["kind"]] + abs(p["n"] - 2)
            residual = np.array([p["a"] - 0.9, p["b"] - 0.5, shift + 0.05])
            search.report(proposal, float(np.linalg.norm(residual)), residual)
    best = search.best.parameters
    assert (best["n"], best["kind"]) == (2, "y")
    assert [best["a"], best["b"]] == pytest.approx([0.7, 0.3], abs=5e-3)


def test_when_every_combination_has_been_tried_it_ends():
    space = Space({"n": Parameter(1, 4, integer=True), "kind": Parameter(choices=("x", "y"))})
    search = Calibration(space, SearchSettings("ego", initial=3, evaluations=50))
    while not search.done:
        for proposal in search.ask():
            p = space.physical(proposal.unit)
            search.report(proposal, abs(p["n"] - 3) + (0.5 if p["kind"] == "x" else 0.0) + 0.1)
    assert len(search.trials) == 8 and search.reason == "every combination has been tried"
    assert search.best.parameters == {"n": 3, "kind": "y"}
