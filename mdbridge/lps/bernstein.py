"""Bernstein influence functions, [You2022, sec. 4.1].

K(r) = r^(-α) Σ_k D_k B_{k,M}(r/δ), with α below 3 and D of either sign.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from .kernel import Array, Curve, InfluenceFunction, ShapeParameter

# Å: a fit's radii enter r^-α in this unit, which keeps its coefficients of order one.
_UNIT = 10.0


class Bernstein(InfluenceFunction):
    """K(r) = r^(-α) Σ_k D_k B_{k,M}(r/δ), r in Å; ``shape`` is ``(α,)``."""

    name: ClassVar[str] = "bernstein"
    title: ClassVar[str] = "Bernstein"
    shape_parameters: ClassVar[dict[str, ShapeParameter]] = {
        # below 3: the quadrature integrates polynomials over |z|³, so that K may grow no faster (sec. 3.2)
        "alpha": ShapeParameter(bounds=(-2.0, 2.999), starts=(-1.0, 2.5), symbol="α")
    }

    @classmethod
    def curve(cls, radii: Array, horizon: float, degree: int) -> Curve:
        """See :meth:`.InfluenceFunction.curve`; q = (α, D · 10^(-α))."""
        basis, r = polynomials(degree, radii / horizon), radii / _UNIT
        log_r = np.log(r)

        def values(parameters: Array) -> tuple[Array, Array]:
            weighted = basis * (r ** -parameters[0])[:, None]
            k = weighted @ parameters[1:]
            # ∂K/∂α = −ln r K; in D, K is linear
            return k, np.concatenate([(-log_r * k)[:, None], weighted], axis=1)

        return values

    def parameters(self) -> Array:
        """See :meth:`.InfluenceFunction.parameters`."""
        (alpha,) = self.shape
        return np.concatenate([self.shape, self.coefficients * _UNIT**-alpha])

    @classmethod
    def from_parameters(cls, horizon: float, parameters: Array) -> "Bernstein":
        """See :meth:`.InfluenceFunction.from_parameters`."""
        alpha = float(parameters[0])
        return cls(horizon, parameters[1:] * _UNIT**alpha, (alpha,))

    def elevated(self, degree: int) -> "Bernstein":
        """The same function, by degree elevation."""
        d = self.coefficients
        for n in range(self.degree + 1, degree + 1):
            k = np.arange(n + 1) / n
            d = k * np.append(0.0, d) + (1 - k) * np.append(d, 0.0)
        return Bernstein(self.horizon, d, self.shape)


def polynomials(degree: int, s: ArrayLike) -> Array:
    """The Bernstein polynomials B_{k,M} at ``s`` in [0, 1]; shape ``s.shape + (M + 1,)``."""
    s = np.clip(np.asarray(s, dtype=float), 0.0, 1.0)
    # B_{k,M}(s) is the probability of k successes in M trials
    return np.asarray(binom.pmf(np.arange(degree + 1), degree, s[..., None]), dtype=float)
