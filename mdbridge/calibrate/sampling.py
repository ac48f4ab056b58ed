"""Points of a space with bins and constraints: start designs, candidates, and whether there are any."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import qmc

from ..core.errors import InputError
from .space import Design, Space, design

Array = NDArray[np.float64]

TRIED = 4096
"""Points that are looked at for ones where the constraints hold; then a search begins."""


def start(space: Space, kind: Design, count: int, seed: int) -> Array:
    """A start design of at most ``count`` different points, ``n x d``.

    With constraints it is made so much larger that enough of it is left.
    """
    d = len(space.names)
    if space.plain:
        return design(kind, count, d, seed)
    # how much of the cube is left is not known before; halves of a design are still spread evenly
    share, inside = 1.0, np.empty((0, d))
    for _ in range(4):
        points = _different(space.snapped(design(kind, int(np.ceil(1.05 * count / share)), d, seed)))
        inside = points[space.feasible(points)]
        if len(inside) >= count or not space.constraints:
            return inside[:count]
        share = max(len(inside) / len(points), 1e-3) if len(inside) else share / 8.0
    more = sample(space, 4 * count, np.random.default_rng([seed, 5]))
    return _different(np.vstack([inside, more]))[:count]


def sample(space: Space, count: int, random: np.random.Generator) -> Array:
    """About ``count`` points of the space, spread evenly where that is easy, ``n x d``; at least one."""
    whole = qmc.Sobol(len(space.names), rng=random).random_base2(int(np.ceil(np.log2(max(count, 1)))))
    points = space.snapped(whole[:count])
    inside = points[space.feasible(points)]
    if len(inside) >= count // 8:
        return inside
    # where few hold the constraints: walk about from those that do
    known = inside if len(inside) else some(space)
    for _ in range(3):
        near = known[random.integers(len(known), size=4 * count)]
        steps = 10.0 ** random.uniform(-3.0, 0.0, (len(near), 1)) * random.standard_normal(near.shape)
        steps *= random.random(near.shape) < 0.5  # a narrow region is narrow in some directions alone
        moved = space.snapped(np.clip(near + steps, 0.0, 1.0))
        known = np.vstack([known, moved[space.feasible(moved)][:count]])
    return _different(known)[:count]


def single(space: Space, random: np.random.Generator) -> Array:
    """A random point ``(d,)``."""
    if space.plain:
        return random.random(len(space.names))
    points = sample(space, 8, random)
    return np.asarray(points[random.integers(len(points))])


def some(space: Space) -> Array:
    """Points where the constraints hold, ``n x d``, at least one.

    Raises:
        InputError: there are none; with the constraint that excludes all, if a single one does.
    """
    points = space.snapped(qmc.Sobol(len(space.names), rng=np.random.default_rng(0)).random(TRIED))
    inside = points[space.feasible(points)]
    if len(inside):
        return inside
    # none by chance: climb to where they hold from where they are violated least
    worst = np.array([min(space.margins(point), default=0.0) for point in points])
    for k in np.argsort(-worst, kind="stable")[:8]:
        end = _climbed(space, points[k])
        if space.feasible(end[None])[0]:
            return end[None]
    for constraint in space.constraints:
        alone = Space(space.parameters, space.fixed, [constraint])
        if len(space.constraints) > 1 and not alone.feasible(points).any():
            raise InputError(f"constraints: {constraint.text!r} excludes all values within the bounds")
    texts = ", ".join(repr(constraint.text) for constraint in space.constraints)
    raise InputError(f"constraints: {texts}: no values within the bounds fulfil them")


def _climbed(space: Space, point: Array) -> Array:
    """From a point towards where the least margin is largest, along what is continuous."""
    free = space.free
    if not len(free):
        return point

    def at(x: Array) -> Array:
        whole = point.copy()
        whole[free] = np.clip(x[:-1], 0.0, 1.0)
        return whole

    limits: Any = {"type": "ineq", "fun": lambda x: space.margins(at(x)) - x[-1]}
    begin = np.append(point[free], min(space.margins(point)))
    bounds: list[tuple[float | None, float | None]] = [*[(0.0, 1.0)] * len(free), (None, 1.0)]

    def least(x: Array) -> float:
        return -float(x[-1])

    return at(minimize(least, begin, method="SLSQP", bounds=bounds, constraints=limits).x)


def _different(points: Array) -> Array:
    """The points, each once, in their order."""
    _, first = np.unique(points.round(12), axis=0, return_index=True)
    return points[np.sort(first)]
