"""Bounded nonlinear least squares for residuals that come together with their Jacobian."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, least_squares

Array = NDArray[np.float64]


def minimize(
    evaluate: Callable[[Array], tuple[Array, Array]],
    start: Array,
    bounds: tuple[Array, Array],
    evaluations: int,
    ftol: float,
) -> OptimizeResult:
    """Minimise half the sum of squares from ``start``, in at most so many evaluations.

    Args:
        evaluate: gives the residuals ``(n,)`` and their Jacobian ``(n, p)``.
        bounds: lower and upper, each ``(p,)``.
        ftol: relative change of the sum at which it stops.
    """
    # scipy asks for residuals and Jacobian in two calls; they come together, so the second is kept
    last: dict[bytes, Array] = {}

    def residuals(p: Array) -> Array:
        r, jacobian = evaluate(p)
        last.clear()
        last[p.tobytes()] = jacobian
        return r

    def jacobian(p: Array) -> Array:
        if p.tobytes() not in last:
            residuals(p)
        return last[p.tobytes()]

    return least_squares(
        residuals,
        # one that ended at a bound may be beyond it by round-off, which scipy refuses
        np.clip(start, *bounds),
        jacobian,
        bounds=bounds,
        # steps are measured by what they change: a coefficient that hardly a bond feels may move far
        x_scale="jac",
        max_nfev=evaluations,
        ftol=ftol,
        xtol=1e-9,
        gtol=1e-12,
    )
