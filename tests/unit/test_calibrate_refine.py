"""Gauss–Newton on sums of norms."""

import bench_calibrate_problems
import numpy as np
import pytest

from mdbridge.calibrate.refine import Groups, Options, best_step, refine
from mdbridge.calibrate.space import design


def descend(model, start, groups, limit=100, options=None):
    """Drive a refinement; returns the best value, its point, and the evaluations."""
    best, count = (groups.value(model(start)), start), 0
    search = refine(start, model(start), groups, options or Options())
    points = next(search)
    while count < limit:
        answers = [model(p) for p in points]
        count += len(points)
        for p, r in zip(points, answers, strict=True):
            if r is not None and groups.value(r) < best[0]:
                best = groups.value(r), p
        try:
            points = search.send(answers)
        except StopIteration:
            break
    return *best, count


def valley(u):
    """Rosenbrock's residuals, minimum at (0.6, 0.36)."""
    return np.array([10.0 * (u[1] - u[0] ** 2), 0.6 - u[0]])


@pytest.mark.parametrize("index", [[0, 0], [0, 1]])
def test_the_floor_of_a_narrow_valley(index):
    groups = Groups(np.array(index), np.ones(max(index) + 1))
    value, point, count = descend(valley, np.array([0.1, 0.9]), groups)
    assert value < 1e-5 and point == pytest.approx([0.6, 0.36], abs=1e-5) and count < 60


def test_a_sum_of_norms_is_minimised_not_a_sum_of_squares():
    # |u - 0.2| twice and |u - 0.8| once: the median, not the mean
    groups = Groups(np.arange(3), np.ones(3))
    value, point, _ = descend(
        lambda u: np.array([u[0] - 0.2, u[0] - 0.2, u[0] - 0.8]), np.array([0.9]), groups
    )
    assert point[0] == pytest.approx(0.2, abs=1e-3) and value == pytest.approx(0.6, abs=2e-3)


def test_points_stay_in_the_cube_and_a_bound_can_hold_the_minimum():
    seen = []

    def model(u):
        seen.append(u)
        return np.array([u[0] + 0.5, u[1] - 0.3])

    _, point, _ = descend(model, np.array([0.5, 0.99]), Groups(np.arange(2), np.ones(2)))
    assert point == pytest.approx([0.0, 0.3], abs=1e-4)
    assert min(map(np.min, seen)) >= 0.0 and max(map(np.max, seen)) <= 1.0


def test_differences_look_the_other_way_where_the_model_fails():
    def model(u):
        return None if 0.3 < u[0] < 0.31 else valley(u)

    value, point, _ = descend(model, np.array([0.3, 0.9]), Groups(np.zeros(2, int), np.ones(1)))
    assert value < 1e-4 and point == pytest.approx([0.6, 0.36], abs=1e-4)


def test_a_search_ends_where_every_neighbour_fails():
    search = refine(np.array([0.5]), np.array([1.0]), Groups(np.zeros(1, int), np.ones(1)), Options())
    assert len(next(search)) == 1 and len(search.send([None])) == 1
    with pytest.raises(StopIteration):
        search.send([None])


def test_the_step_respects_the_trust_region():
    groups = Groups(np.zeros(2, int), np.ones(1))
    step = best_step(np.array([0.5, 0.5]), np.array([-1.0, 0.01]), np.eye(2), groups, 0.1)
    assert step == pytest.approx([0.1, -0.01], abs=1e-6)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_step_ends_at_the_wall_that_is_nearer_than_the_trust_region(side):
    here, groups = np.array([0.5 + 0.45 * side, 0.5]), Groups(np.zeros(2, int), np.ones(1))
    # a hundred away in both: the wall holds one, the trust region the other
    step = best_step(here, np.array([-100.0 * side, -100.0]), np.eye(2), groups, 0.1)
    assert step == pytest.approx([0.05 * side, 0.1], abs=1e-9)


def steps_of(promises):
    """Steps of a search down a slope of −1 where such a part of each promise comes true; None: it fails."""
    here, residual, left, steps = 0.1, 1.0, list(promises), []
    search = refine(np.array([here]), np.array([residual]), Groups(np.zeros(1, int), np.ones(1)), Options())
    (point,) = next(search)
    while True:
        move = float(point[0]) - here
        if abs(move) <= 1.01 * Options().difference:  # the slope is asked for
            (point,) = search.send([np.array([residual - move])])
            continue
        steps.append(move)
        if not left:
            return steps
        part = left.pop(0)
        answer = None if part is None else np.array([residual - part * move])
        if part is not None and part > 0.0:
            here, residual = float(point[0]), float(answer[0])
        (point,) = search.send([answer])


@pytest.mark.parametrize(
    ("promises", "steps"),
    [
        # what comes true doubles the region, up to the wall at 1
        ([1.0, 1.0, 1.0], [0.1, 0.2, 0.4, 0.2]),
        ([0.5], [0.1, 0.1]),
        ([None], [0.1, 0.03]),
        ([-1.0], [0.1, -0.03]),  # the slope along the step is as it was seen
        # slopes of another place are measured again before a region shrinks for good
        ([1.0, None], [0.1, 0.2, 0.1]),
        ([1.0, -0.5], [0.1, 0.2, 0.1]),
        ([1.0, 0.1], [0.1, 0.2, 0.2]),
    ],
)
def test_the_trust_region_follows_how_much_of_a_promise_comes_true(promises, steps):
    assert steps_of(promises) == pytest.approx(steps, rel=1e-6)


def slid(start, target, limits):
    """The best point of a descent to ``target`` within ``limits``, and how many were asked for."""
    search = refine(start, start - target, Groups(np.zeros(2, int), np.ones(1)), Options(), limits)
    points, best, asked = next(search), start, 0
    try:
        while True:
            answers = [u - target if np.all(limits(u) >= 0.0) else None for u in points]
            asked += len(points)
            allowed = [u for u, r in zip(points, answers, strict=True) if r is not None]
            best = min([best, *allowed], key=lambda u: np.linalg.norm(u - target))
            points = search.send(answers)
    except StopIteration:
        return best, asked


def test_a_constraint_is_slid_along_to_the_best_point_on_it():
    """‖u − (0.8, 0.7)‖ with u₀ + u₁ ≤ 1: the foot of the perpendicular, (0.55, 0.45)."""
    best, asked = slid(np.array([0.2, 0.3]), np.array([0.8, 0.7]), lambda u: np.array([1.0 - u[0] - u[1]]))
    assert best == pytest.approx([0.55, 0.45], abs=1e-3) and asked < 40


BOTH_SIDES = np.array([1.0, -1.0])


@pytest.mark.parametrize("width", [1e-3, 1e-4, 1e-6])
def test_within_a_band_narrower_than_a_difference_the_search_goes_along_it(width):
    """On the line u₀ + u₁ = 1 the point next to (0.9, 0.3) is (0.8, 0.2)."""
    start, target = np.array([0.2, 0.8]), np.array([0.9, 0.3])
    best, _ = slid(start, target, lambda u: BOTH_SIDES * (u.sum() - 1.0) + width)
    assert best == pytest.approx([0.8, 0.2], abs=2e-3)


@pytest.mark.parametrize("width", [1e-3, 1e-4])
def test_a_thin_band_may_be_curved(width):
    """On a circle the point next to another is on its ray."""
    start, target = np.array([0.5, 0.1]), np.array([0.8, 0.8])
    best, _ = slid(start, target, lambda u: BOTH_SIDES * (u @ u - 0.26) + width)
    assert best == pytest.approx(np.sqrt([0.13, 0.13]), abs=5e-3)


@pytest.mark.slow
def test_of_twenty_parameters_a_jacobian_is_not_measured_after_each_poor_step():
    """Each costs 20 evaluations: measured so, these nine descents end at 0.029 in the median."""
    problem = bench_calibrate_problems.maxwell()

    def model(unit):
        return problem.respond(unit)[1]

    ends = []
    for seed in range(9):
        start = min(design("lhs", 40, 20, seed), key=lambda unit: problem.respond(unit)[0])
        ends.append(descend(model, start, problem.groups, limit=95)[0])
    assert np.median(ends) < 0.02
