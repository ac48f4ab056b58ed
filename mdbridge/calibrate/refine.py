"""Refinement of a point by Gauss–Newton steps on the vector of residuals.

The objective of [Kontolati2021, eqs. 24, 41] is a sum of norms,
``Σ_g a_g ‖r_g(u)‖``: a cone at its minimum, with a narrow valley, whose floor
a surrogate of the sum does not see.  The residuals themselves are smooth.  A
step minimises ``Σ_g a_g ‖r_g + J_g s‖`` over a trust region, a convex problem
that is solved by reweighting; Broyden's update saves evaluations between the
finite-difference Jacobians.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Which residuals belong together.

    Attributes:
        index: the group of each residual, ``(m,)``.
        weight: a_g, ``(groups,)``.
    """

    index: NDArray[np.int64]
    weight: Array

    def norms(self, residual: Array) -> Array:
        """‖r_g‖ of every group."""
        return np.sqrt(np.bincount(self.index, residual**2, minlength=len(self.weight)))

    def value(self, residual: Array) -> float:
        """Σ_g a_g ‖r_g‖."""
        return float(self.weight @ self.norms(residual))


@dataclass(frozen=True)
class Options:
    """Of the refinement; lengths in the unit cube.

    Attributes:
        radius: of the first trust region.
        smallest: radius at which the refinement ends.
        difference: step of the finite differences, at most.
        smallest_difference: and at least.
    """

    radius: float = 0.1
    smallest: float = 1e-4
    difference: float = 5e-3
    smallest_difference: float = 5e-5


_WORTH = 8
"""Parameters whose differences are worth one more poor step, from which Broyden's update learns as well."""

Search = Generator[list[Array], list[Array | None], None]
"""Yields points ``(d,)`` of the unit cube, is sent their residuals ``(m,)``, None where the model failed."""


Limits = Callable[[Array], Array]
"""Margins of constraints at a point ``(d,)``: what must not be negative."""


def refine(
    start: Array, residual: Array, groups: Groups, options: Options, limits: Limits | None = None
) -> Search:
    """Search from ``start`` ``(d,)`` with its ``residual`` ``(m,)`` until the trust region is small.

    Steps respect ``limits``; a difference may not, and is asked for on the other side where it has no answer.
    Where neither side of an axis is allowed, as within a thin band, differences go along the band and across.

    The caller keeps the outcomes; the generator itself returns nothing.  It is
    a function of what it is sent alone, so that replaying it restores it.
    """
    here, radius, value = np.array(start), options.radius, groups.value(residual)
    steps = np.full(len(here), options.difference)
    while radius > options.smallest and value > 0.0:
        band = None if limits is None else _band(here, steps, limits, options.smallest_difference)
        jacobian = yield from _differences(here, residual, np.diag(steps) if band is None else band)
        if jacobian is None:
            return
        steps = _difference_steps(jacobian, groups, value, options)
        moved, poor = False, 0
        while radius > options.smallest and value > 0.0:
            step = best_step(here, residual, jacobian, groups, radius)
            if limits is not None and np.any(limits(here + step) < 0.0):
                step = _limited_step(here, residual, jacobian, groups, radius, limits)
            # what the linear model promises: the trust region follows how much of it comes true
            predicted = value - groups.value(residual + jacobian @ step)
            # nothing left within this region
            if predicted <= 1e-9 * value:
                radius = radius if moved else 0.0
                break
            (answer,) = yield [here + step]
            ratio = -1.0 if answer is None else (value - groups.value(answer)) / predicted
            length = float(np.abs(step).max())
            poor = poor + 1 if ratio < 0.2 else 0
            stale = moved and poor >= max(1, len(here) // _WORTH)
            if stale:  # the Jacobian is of another place: measure it here
                radius = max(0.5 * radius, length) if ratio > 0.0 else 0.5 * length
            elif ratio < 0.2:
                radius = 0.3 * length
            elif ratio > 0.7:
                radius = min(max(radius, 2.0 * length), 0.5)
            if answer is not None:
                # Broyden: the slopes along the step as they were seen, all others as before
                jacobian = jacobian + np.outer(answer - residual - jacobian @ step, step) / (step @ step)
                if ratio > 0.0:
                    here, residual, value, moved = here + step, answer, groups.value(answer), True
            if stale:
                break


def _differences(
    here: Array, residual: Array, moves: Array
) -> Generator[list[Array], list[Array | None], Array | None]:
    """Slopes ``m x d`` from differences along the rows of ``moves``, orthogonal, ``at most d x d``.

    They go towards the inside of the cube, the other way where that fails.  Across what ``moves`` leave out
    the slope is zero.
    """
    columns: dict[int, Array] = {}
    for side in (1.0, -1.0):
        # towards the middle of the cube first: there is more room
        inwards = {k: side * move * _inwards(here, move) for k, move in enumerate(moves) if k not in columns}
        inside = {k: move for k, move in inwards.items() if _in_cube(here + move)}
        if not inside:
            continue
        answers = yield [here + move for move in inside.values()]
        for (k, move), answer in zip(inside.items(), answers, strict=True):
            if answer is not None:
                length = np.linalg.norm(move)
                columns[k] = np.outer((answer - residual) / length, move / length)
        if len(columns) == len(moves):
            return np.sum([columns[k] for k in range(len(moves))], axis=0)
    return None


def _inwards(here: Array, move: Array) -> float:
    """The sign that takes a move, by its longest part, towards the middle of the cube."""
    axis = int(np.abs(move).argmax())
    return 1.0 if (here[axis] <= 0.5) == (move[axis] > 0.0) else -1.0


def _in_cube(point: Array) -> bool:
    return bool(np.all((point >= 0.0) & (point <= 1.0)))


def _band(here: Array, steps: Array, limits: Limits, smallest: float) -> Array | None:
    """Moves along and across the constraints near by, where an axis is closed on both sides; None elsewhere.

    Across a band that is narrower than the smallest difference nothing can be measured, and nothing moves by
    more than that: such a direction is left out.
    """

    def allowed(move: Array) -> bool:
        return _in_cube(here + move) and bool(np.all(limits(here + move) >= 0.0))

    if all(allowed(move) or allowed(-move) for move in np.diag(steps)):
        return None
    # margins are formulas: their slopes cost nothing
    probe = 1e-7 * np.eye(len(here))
    slopes = np.stack([(limits(here + h) - limits(here - h)) / 2e-7 for h in probe], axis=1)
    lengths = np.linalg.norm(slopes, axis=1)
    near = (limits(here) < lengths * steps.max()) & (lengths > 0.0)
    _, sizes, directions = np.linalg.svd(slopes[near] / lengths[near, None])
    across = int(np.sum(sizes > 1e-6))
    moves = []
    for k, direction in enumerate(directions):
        length = float(steps.min())
        # along a curved band moves may be shorter: there they are all that tells anything
        floor = smallest * (0.5 if k < across else 1e-3)
        while length >= floor and not (allowed(length * direction) or allowed(-length * direction)):
            length *= 0.5
        if length >= floor:
            moves.append(length * direction)
    return np.array(moves) if moves else None


def _difference_steps(jacobian: Array, groups: Groups, value: float, options: Options) -> Array:
    """Steps that change the residuals by about half of what is left of them: the region that matters next.

    They shrink with the distance, faster than the model's noise matters: that
    is the same at all steps, and the distance lies above it.
    """
    slopes = np.array([groups.value(column) for column in jacobian.T])
    wanted = 0.5 * value / np.maximum(slopes, 1e-300)
    return np.clip(wanted, options.smallest_difference, options.difference)


def best_step(here: Array, residual: Array, jacobian: Array, groups: Groups, radius: float) -> Array:
    """The s that minimises Σ a_g ‖r_g + J_g s‖ with |s_k| ≤ radius, inside the unit cube."""
    low, high = np.maximum(-radius, -here), np.minimum(radius, 1.0 - here)
    step = np.zeros(len(here))
    best, best_value = step, groups.value(residual)
    # a norm of zero would get an infinite weight, and hold its residuals there for good
    floor = 1e-3 * best_value / max(float(groups.weight.sum()), 1e-300)
    for _ in range(30):
        norms = np.maximum(groups.norms(residual + jacobian @ step), floor)
        root = np.sqrt(groups.weight / norms)[groups.index]
        fresh = _bounded(root[:, None] * jacobian, -root * residual, low, high)
        value = groups.value(residual + jacobian @ fresh)
        if value < best_value:
            best, best_value = fresh, value
        if np.abs(fresh - step).max() <= 1e-3 * radius:
            break
        step = fresh
    return best


def _limited_step(
    here: Array, residual: Array, jacobian: Array, groups: Groups, radius: float, limits: Limits
) -> Array:
    """As :func:`best_step`, where the margins stay non-negative; zero if none is found."""
    from scipy.optimize import minimize

    low, high = np.maximum(-radius, -here), np.minimum(radius, 1.0 - here)
    scale = max(groups.value(residual), 1e-300)

    def slope(step: Array) -> Array:
        moved = residual + jacobian @ step
        # of a norm; at its tip any direction will do
        weight = groups.weight / np.maximum(groups.norms(moved), 1e-9 * scale)
        return jacobian.T @ (weight[groups.index] * moved) / scale

    margins: Any = {"type": "ineq", "fun": lambda step: limits(here + step)}

    def value(step: Array) -> float:
        return groups.value(residual + jacobian @ step) / scale

    solution = minimize(
        value,
        np.zeros(len(here)),
        jac=slope,
        bounds=list(zip(low, high, strict=True)),
        constraints=margins,
        method="SLSQP",
    )
    step = np.clip(solution.x, low, high)
    # a solver's tolerance beyond: back towards where they hold
    for factor in (1.0, 1.0 - 1e-9, 1.0 - 1e-6, 1.0 - 1e-3, 0.9, 0.5):
        if np.all(limits(here + factor * step) > 0.0):
            return factor * step
    return np.zeros(len(here))


def _bounded(a: Array, b: Array, low: Array, high: Array) -> Array:
    """Least squares ‖a s − b‖ with bounds, by fixing what leaves the box."""
    from scipy.optimize import lsq_linear  # a third of a second, which no process that only compares needs

    # once: thousands of residuals become as many rows as there are parameters
    q, r = np.linalg.qr(a)
    span = high - low
    return np.clip(
        lsq_linear(r, q.T @ b, (low - 1e-12 * (1 + span), high + 1e-12 * (1 + span)), method="bvls").x,
        low,
        high,
    )
