"""Descent of a number that has no residuals, by quadratic models of it in a trust region.

A smooth function is a parabola at its minimum, which expected improvement surrounds but does not
reach.  SciPy's COBYQA descends there; it calls a function, and so runs in a thread of its own, which
waits while the caller evaluates.
"""

import math
import queue
import threading
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .refine import Limits, Options

Array = NDArray[np.float64]

Search = Generator[list[Array], list[float | None], None]
"""Yields points ``(d,)`` of the unit cube, is sent their values, None where there is none."""


class _GivenUp(Exception):
    """Nobody will answer any more."""


def descend(
    start: Array, value: float, options: Options, limits: Limits | None = None, power: int = 1
) -> Search:
    """Search from ``start`` ``(d,)`` with its ``value`` until the trust region is small.

    The caller keeps the outcomes.  It is a function of the arguments and of what it is sent alone, so that
    replaying it restores it.

    Args:
        start, value: where it begins.
        options: of the trust region.
        limits: margins of constraints.
        power: of the value that is modelled: 2 for a distance near zero, a cone whose square is smooth.
    """
    asked: queue.SimpleQueue[Array | None] = queue.SimpleQueue()
    answers: queue.SimpleQueue[float | None] = queue.SimpleQueue()

    def function(unit: Array) -> float:
        asked.put(np.array(unit))
        answer = answers.get()
        # SciPy has no other way to be stopped
        if answer is None:
            raise _GivenUp
        return answer

    def run() -> None:
        try:
            _minimise(function, start, options, limits)
        except _GivenUp:
            pass
        finally:
            asked.put(None)

    # a daemon: whoever forgets the search must still be able to end
    threading.Thread(target=run, daemon=True).start()
    try:
        while (point := asked.get()) is not None:
            # it begins with the start, which has been evaluated
            known = np.array_equal(point, start)
            answer = value if known else (yield [np.clip(point, 0.0, 1.0)])[0]
            # no value: the model learns that it is bad there
            answers.put(math.nan if answer is None else math.copysign(abs(answer) ** power, answer))
    finally:
        answers.put(None)


def _minimise(function: Any, start: Array, options: Options, limits: Limits | None) -> None:
    # a third of a second, which no process that only compares needs
    from scipy.optimize import Bounds, NonlinearConstraint, minimize

    margins: Any = () if limits is None else NonlinearConstraint(limits, 0.0, np.inf)
    settings: Any = {"initial_tr_radius": options.radius, "final_tr_radius": options.smallest}
    minimize(
        function,
        start,
        bounds=Bounds(np.zeros(len(start)), np.ones(len(start))),
        constraints=margins,
        method="COBYQA",
        options=settings,
    )
