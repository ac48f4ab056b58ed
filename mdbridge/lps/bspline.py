"""Influence functions of cubic B-splines in r.

K(r) = Σ_k D_k N_k(r/δ) with clamped uniform knots on [0, δ]: M + 1 functions of bounded
support, each moving K near one distance alone, where a Bernstein polynomial moves it everywhere.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline as Spline

from .kernel import Array, Curve, InfluenceFunction


class BSpline(InfluenceFunction):
    """K(r) = Σ_k D_k N_k(r/δ), cubic, or of degree M where that is less; no shape parameters."""

    name: ClassVar[str] = "b-spline"
    title: ClassVar[str] = "cubic B-splines"

    @classmethod
    def curve(cls, radii: Array, horizon: float, degree: int) -> Curve:
        """See :meth:`.InfluenceFunction.curve`; q = D."""
        functions = basis(degree, radii / horizon)
        return lambda parameters: (functions @ parameters, functions)

    def elevated(self, degree: int) -> "BSpline":
        """Equal at the Greville abscissae: the same function where the finer knots hold all of the old."""
        places = greville(degree)
        values = basis(self.degree, places) @ self.coefficients
        # at these places interpolation has one solution (Schoenberg and Whitney): each lies inside its
        # function's support
        coefficients = np.linalg.solve(basis(degree, places), values).astype(np.float64)
        return BSpline(self.horizon, coefficients)


def knots(degree: int) -> Array:
    """Clamped uniform knots on [0, 1] of M + 1 functions."""
    order = min(3, degree)
    inner = np.linspace(0.0, 1.0, degree - order + 2, dtype=np.float64)
    return np.concatenate([np.zeros(order), inner, np.ones(order)])


def greville(degree: int) -> Array:
    """Where the coefficients sit, ``(M + 1,)``: Σ_k g_k N_k(s) = s."""
    order, t = min(3, degree), knots(degree)
    if order == 0:
        # constants in one piece: the mean of no knots is not defined
        return np.array([0.5])
    return np.array([t[k + 1 : k + order + 1].mean() for k in range(degree + 1)])


def basis(degree: int, s: ArrayLike) -> Array:
    """The functions N_k at ``s`` in [0, 1]; shape ``s.shape + (M + 1,)``."""
    # a bond as long as the horizon may lie beyond it by round-off
    s = np.clip(np.asarray(s, dtype=float), 0.0, 1.0)
    return Spline(knots(degree), np.eye(degree + 1), min(3, degree))(s)
