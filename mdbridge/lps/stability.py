"""Solvability of a peridynamic model on a grid: [You2022, eq. 4.6] on the whole Brillouin zone.

On an infinite uniform grid the three matrices of Theorem 4.1 are symbols, and
their eigenvalues are those of 2 × 2 matrices (numbers, for the second).  A
problem with Dirichlet volume constraints is a compression of the infinite
operator, so what holds on the whole zone holds on every domain on that grid.

All three vanish at k → 0 like |k|² or stay finite, so each is divided by what
makes its limit a positive number, with κ² = Σ (2 sin(k_i h_i/2)/h_i)² and
σ² = Σ (sin(k_i h_i)/h_i)², both |k|² for long waves:

* coercivity: λ_min(G) / κ²  (1 for an ideal kernel and long waves);
* inf-sup: (gᵀ G⁻¹ g) κ²/σ².  The factor is there because g, odd in k, is zero
  at the corners of the zone *for every kernel*: without it no kernel at all
  would pass.  1/3 for an ideal kernel and long waves;
* generalised Cauchy–Schwarz: λ_min(G − 2 g gᵀ) / κ²  (1 likewise).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..errors import SolvabilityError
from . import symbol
from .model import InfluenceFunction
from .stencil import Stencil

Array = NDArray[np.float64]

_NAMES = ("min_gamma", "min_inf_sup", "min_cauchy_schwarz")


@dataclass(frozen=True)
class Certificate:
    """The three smallest normalised eigenvalues over the whole Brillouin zone of a grid.

    Attributes:
        spacing: node spacings of the grid (Å).
        min_gamma: coercivity, must be positive.
        min_inf_sup: inf-sup, must be positive.
        min_cauchy_schwarz: generalised Cauchy–Schwarz, must not be negative.
    """

    spacing: tuple[float, float]
    min_gamma: float
    min_inf_sup: float
    min_cauchy_schwarz: float

    @property
    def holds(self) -> bool:
        """Whether all three conditions hold."""
        return self.min_gamma > 0 and self.min_inf_sup > 0 and self.min_cauchy_schwarz >= 0

    def require(self) -> None:
        """Raise if a condition is violated.

        Raises:
            SolvabilityError: names the violated conditions and their values.
        """
        if self.holds:
            return
        violated = [f"{name} = {getattr(self, name):.3g}" for name in _NAMES if getattr(self, name) <= 0]
        raise SolvabilityError(
            f"on a grid of {self.spacing[0]:.4g} × {self.spacing[1]:.4g} Å the model is not provably "
            f"solvable: {', '.join(violated)} (must be positive); learn it with that grid among its grids"
        )


def eigenvalues(influence: InfluenceFunction, stencil: Stencil, wavevectors: Array) -> Array:
    """The three normalised eigenvalues at ``wavevectors`` ``(k, 2)``; shape ``(k, 3)``."""
    g, big_g = symbol.parts(symbol.rings(stencil, wavevectors), influence(stencil.radii))
    return conditions(g, big_g, wavevectors, stencil.spacing)


def conditions(g: Array, big_g: Array, wavevectors: Array, spacing: Array) -> Array:
    """Coercivity, inf-sup and Cauchy–Schwarz eigenvalues ``(k, 3)`` from g ``(k, 2)``, G ``(k, 2, 2)``."""
    kappa = _kappa(wavevectors, spacing)
    sigma = ((np.sin(wavevectors * spacing) / spacing) ** 2).sum(axis=1)
    corner = sigma < 1e-9 * kappa
    solved = np.linalg.solve(big_g, g[:, :, None])[:, :, 0]
    inf_sup = (g * solved).sum(axis=1) * kappa / np.where(corner, 1.0, sigma)
    return np.stack(
        [
            np.linalg.eigvalsh(big_g)[:, 0] / kappa,
            np.where(corner, np.inf, inf_sup),
            np.linalg.eigvalsh(big_g - 2 * g[:, :, None] * g[:, None, :])[:, 0] / kappa,
        ],
        axis=1,
    )


def certify(influence: InfluenceFunction, stencil: Stencil, count: int = 161) -> Certificate:
    """Minimise each condition over the zone: a dense sample, then its lowest points polished."""
    sample = symbol.zone_wavevectors(stencil.spacing, count)
    values = eigenvalues(influence, stencil, sample)
    lowest = [_polish(influence, stencil, sample, values[:, which], which) for which in range(3)]
    return Certificate((float(stencil.spacing[0]), float(stencil.spacing[1])), *lowest)


def _polish(
    influence: InfluenceFunction, stencil: Stencil, sample: Array, values: Array, which: int
) -> float:
    """The minimum of one condition near the lowest points of a sample."""
    edge = np.pi / stencil.spacing
    triangle = 0.004 * edge * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    best = float(values.min())
    for start in sample[np.argsort(values)[:4]]:
        found = minimize(
            lambda k: eigenvalues(influence, stencil, np.abs(k)[None])[0, which],
            start,
            method="Nelder-Mead",
            bounds=[(1e-3 * e, e) for e in edge],
            options={"maxfev": 60, "initial_simplex": np.abs(start - triangle)},
        )
        best = min(best, float(found.fun))
    return best


def _kappa(wavevectors: Array, spacing: Array) -> Array:
    return ((2 * np.sin(wavevectors * spacing / 2) / spacing) ** 2).sum(axis=1)
