"""As many trials at once as there are workers, by simulation: the clock is a number."""

import heapq

import numpy as np
import pytest

from mdbridge.calibrate.crowd import Crowd
from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.settings import Proposal, SearchSettings
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.trials import Trial

SPACE = Space({"a": Parameter(0.0, 2.0), "b": Parameter(-1.0, 1.0)})
GROUPS = Groups(np.zeros(5, int), np.ones(1))
T = np.linspace(0.0, 1.0, 5)


def answered(proposal):
    p = SPACE.physical(proposal.unit)
    residual = p["a"] * T + np.exp(p["b"] * T) - (1.2 * T + np.exp(0.3 * T))
    return Trial(
        proposal.index,
        proposal.phase,
        list(map(float, proposal.unit)),
        p,
        "ok",
        float(np.linalg.norm(residual)),
        residual=residual,
        state=proposal.state,
    )


def simulated(crowd, workers, evaluations, seconds):
    """The clock at the end, and the time that workers had nothing to do while trials were left.

    Args:
        seconds: of each trial, by its number.
    """
    clock, idle, begun, running = 0.0, 0.0, len(crowd.trials), []
    while not crowd.done:
        for proposal in crowd.ask(workers - len(running)):
            heapq.heappush(running, (clock + seconds(proposal.index), proposal.index, answered(proposal)))
            begun += 1
        assert len(running) <= workers and begun <= evaluations
        until, _, trial = heapq.heappop(running)
        # d + 3 are kept for the slopes, which ask for each other
        if begun < evaluations - 5 and not crowd.reason:
            idle += (until - clock) * (workers - len(running) - 1)
        clock = until
        crowd.tell(trial)
    return clock, idle


def searched(workers, evaluations=36, initial=10, trials=()):
    more = {"evaluations": evaluations, "patience": 99, "asynchronous": True}
    settings = SearchSettings(initial=initial, explore=4, **more)
    return Crowd(SPACE, settings, GROUPS, trials)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 8, 16])
def test_no_worker_is_idle_while_trials_are_left_and_a_straggler_stops_nobody(workers):
    random = np.random.default_rng(0)
    times = random.lognormal(0.0, 0.5, 100)
    times[3] = 25.0  # in the start design, which a search alone would wait for
    crowd = searched(workers)
    clock, idle = simulated(crowd, workers, 36, lambda k: times[k])
    assert idle == 0.0
    assert sorted(crowd.trials) == list(range(len(crowd.trials))) and len(crowd.trials) <= 36
    assert clock < 25.0 + times[:36].sum() / (workers - 1)
    assert crowd.best.value < 0.05 and crowd.trials[3].distance is not None
    phases = [trial.phase for trial in crowd.trials.values()]
    assert phases.count("initial") == 10
    # with sixteen at work there are two rounds in all, too few for a descent
    assert phases.count("refine") > 0 or workers == 16


@pytest.mark.slow
def test_a_record_is_gone_on_with_and_nothing_is_evaluated_twice():
    first = searched(4)
    known = []
    while len(known) < 17:
        for proposal in first.ask(4 - len(first._open)):
            known.append(answered(proposal))
            first.tell(known[-1])
    again = searched(4, trials=known)
    assert again.best.value == min(trial.value for trial in known)
    _, idle = simulated(again, 4, 36, lambda k: 1.0 + 0.1 * (k % 3))
    units = np.array([trial.unit for trial in again.trials.values()])
    gaps = np.abs(units[:, None] - units).max(axis=2) + np.eye(len(units))
    assert idle == 0.0 and len(units) <= 36 and gaps.min() > 1e-9


def test_workers_stay_idle_rather_than_spend_more_than_the_budget():
    """The start design is all of it: with one trial under way and one to be given there is none beside."""
    settings = SearchSettings(initial=5, explore=4, evaluations=5, asynchronous=True)
    crowd = Crowd(SPACE, settings, GROUPS)
    for proposal in crowd.ask(4)[:3]:
        crowd.tell(answered(proposal))
    assert [proposal.phase for proposal in crowd.ask(2)] == ["initial"]


def test_one_worker_is_a_search_that_ends_at_its_target():
    settings = SearchSettings(initial=6, explore=3, evaluations=60, target=1e-3, asynchronous=True)
    crowd = Crowd(SPACE, settings, GROUPS)
    simulated(crowd, 1, 60, lambda k: 1.0)
    assert crowd.reason == "the target is reached" and len(crowd.trials) < 40
    with pytest.raises(KeyError):
        crowd.tell(Trial(999, "ego", [0.1, 0.2], {}, "failed"))


@pytest.mark.parametrize(("known", "kept"), [(40, True), (41, True), (42, False), (60, False)])
def test_a_surrogate_is_fitted_anew_once_one_in_twenty_trials_is_new(known, kept):
    crowd = searched(2)
    crowd._fitted, crowd.trials = (40, [0.5]), dict.fromkeys(range(known))
    assert crowd._hyperparameters == ([0.5] if kept else None)


def test_what_is_tried_beside_has_a_number_of_its_own_and_keeps_away_from_all_under_way(monkeypatch):
    crowd, seen = searched(4), []
    design = crowd.ask(2)

    def beside(index, pending, state):
        seen.append([p.index for p in pending])
        return Proposal(index, "ego", np.array([index / 99, 0.5]), [1.0])

    monkeypatch.setattr(crowd, "_take", lambda: crowd._own.clear())
    monkeypatch.setattr(crowd._search, "beside", beside)
    extra = crowd.ask(3)
    # each knows of those that were given before it
    numbers = [proposal.index for proposal in (*design, *extra)]
    assert len(set(numbers)) == 5 and seen == [numbers[:2], numbers[:3], numbers[:4]]
    assert list(crowd._open) == numbers and crowd._search.under_way == 3
