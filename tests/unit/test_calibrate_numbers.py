"""Descent of numbers without residuals: bowls, cones, constraints, failures, threads."""

import threading

import numpy as np
import pytest

from mdbridge.calibrate.ego import Calibration
from mdbridge.calibrate.numbers import descend
from mdbridge.calibrate.refine import Options
from mdbridge.calibrate.settings import SearchSettings
from mdbridge.calibrate.space import Parameter, Space

TIME = np.linspace(0.0, 1.0, 20)


def descended(function, start, limits=None, power=1, most=200):
    """The points that were asked for, and their values."""
    search = descend(np.array(start), function(np.array(start)), Options(), limits, power)
    points, values = list(next(search)), []
    while len(points) < most:
        values.append(function(points[-1]))
        try:
            points.append(search.send([values[-1]])[0])
        except StopIteration:
            break
    search.close()
    return np.array(points[: len(values)]), values


def test_a_bowl_ends_at_its_minimum_whatever_its_sign():
    centre = np.array([0.4, 0.7, 0.2])
    points, values = descended(lambda u: float(((u - centre) ** 2 * [1, 5, 20]).sum()) - 3.0, [0.8, 0.3, 0.6])
    assert len(values) < 60 and min(values) == pytest.approx(-3.0, abs=1e-6)
    assert points[np.argmin(values)] == pytest.approx(centre, abs=1e-3)


def test_the_square_of_a_cone_is_smooth():
    def cone(u):
        return float(np.linalg.norm((u - [0.4, 0.7]) * [1.0, 30.0]))

    (_, plain), (_, squared) = (descended(cone, [0.8, 0.3], power=power, most=60) for power in (1, 2))
    assert min(squared) < 1e-3 and min(squared) < 0.1 * min(plain)


def test_points_without_a_value_and_beyond_a_constraint_are_left():
    def bowl(u):
        return None if u[1] > 0.9 else float(((u - [0.2, 0.5]) ** 2).sum())

    points, values = descended(bowl, [0.7, 0.8], limits=lambda u: np.array([u[0] - 0.4]))
    inside = [v for p, v in zip(points, values, strict=True) if v is not None and p[0] >= 0.4 - 1e-9]
    assert min(inside) == pytest.approx(0.04, abs=1e-3)


def test_nothing_is_left_running_when_it_is_given_up():
    before = threading.active_count()
    search = descend(np.array([0.5, 0.5]), 1.0, Options())
    next(search)
    search.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(timeout=5.0)
    assert threading.active_count() <= before


def test_a_coefficient_of_determination_ends_at_minus_one():
    """Expected improvement alone ended at −0.9993 with the same 40 trials."""
    space = Space({"a": Parameter(0.0, 4.0), "b": Parameter(-1.0, 1.0)})
    settings = SearchSettings(initial=8, explore=4, evaluations=40, target=-np.inf, signed=True)

    def objective(a, b):
        return float(-1.0 + ((a * TIME + b - 2 * TIME) ** 2).sum() / ((2 * TIME - 1.0) ** 2).sum())

    def search(known=()):
        calibration, count = Calibration(space, settings, trials=known), 0
        while not calibration.done:
            for proposal in calibration.ask():
                calibration.report(proposal, objective(**space.physical(proposal.unit)))
                count += 1
        return calibration, count

    whole, count = search()
    assert count == 40 and whole.best.distance == pytest.approx(-1.0, abs=1e-7)
    assert whole.best.parameters == pytest.approx({"a": 2.0, "b": 0.0}, abs=1e-3)
    # restored in the midst of a descent it goes on to the same trials
    again, more = search([whole.trials[k] for k in range(25)])
    assert more == 15 and all(again.trials[k].unit == whole.trials[k].unit for k in range(40))
