"""Solvability of a peridynamic model on a grid: [You2022, eq. 4.6] on the whole Brillouin zone.

On an infinite uniform grid the three matrices of Theorem 4.1 are symbols, and
their eigenvalues are those of 2 × 2 matrices (numbers, for the second).  A
problem with Dirichlet volume constraints is a compression of the infinite
operator, so what holds on the whole zone holds on every domain on that grid.

The eigenvalues are divided by κ² = Σ (2 sin(k_i h_i/2)/h_i)² where they vanish
like |k|² for long waves, so that a positive minimum means something:

* coercivity (4.3): λ_min(G) / κ², 1 for an ideal kernel and long waves;
* inf-sup (4.4): gᵀ G⁻¹ g, 1/3 likewise;
* generalised Cauchy–Schwarz (4.5): λ_min(G − 2 g gᵀ) / κ², 1 likewise.

The inf-sup condition cannot hold uniformly on the whole zone for any kernel: g
is odd and periodic in k, hence zero at the zone's corners.  Nor is it needed:
with (4.3), (4.5), μ > 0 and λ + μ > 0,

    L = μ (G − 2 g gᵀ) + (λ + μ) g gᵀ  and  G ≥ 2 g gᵀ  give  L ≥ min(μ, (λ + μ)/2) G > 0,

whatever g.  (It bounds the dilatation in the limit λ → ∞.)  Its smallest value
is reported as in Theorem 4.2, zeros left out, and so is the stricter
``inf_sup_ratio``, (gᵀ G⁻¹ g) κ²/σ² with σ² = Σ (sin(k_i h_i)/h_i)²: positive
where g vanishes at the corners alone.

Where the dilatation has an influence function of its own, G and g have nothing to
do with each other and (4.5) is not available.  The operator itself is certified
instead, for the learned λ and μ: L = (λ − μ) g gᵀ + μ G and G, both over κ²
(:class:`PairCertificate`).  As L ≥ c κ² on the zone carries over to every
compression, so does solvability on every domain.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..core.errors import SolvabilityError
from . import symbol
from .kernel import InfluenceFunction
from .material import LinearPeridynamicSolid
from .stencil import Stencil

Array = NDArray[np.float64]

# λ and μ at the edge λ + μ = 0: L = G − 2 g gᵀ there, and if that is not negative, no L within is.
CAUCHY_SCHWARZ = (-1.0, 1.0)


@dataclass(frozen=True)
class Certificate:
    """What one influence function guarantees on a grid, by the eigenvalues on its whole Brillouin zone.

    It says, for every μ > 0 and λ + μ > 0: each problem on this grid that has the displacements around its
    domain given has one solution, and each periodic one has one but for a translation.

    For G > 0 and G ≥ 2 g gᵀ give L = μ (G − 2 g gᵀ) + (λ + μ) g gᵀ ≥ min(μ, (λ + μ)/2) G > 0.  The
    inf-sup condition (4.4) is no part of it: g vanishes at the zone's corners for every kernel, and it bounds
    the dilatation in the limit λ → ∞ alone.

    Attributes:
        spacing: node spacings of the grid (Å).
        min_gamma: coercivity λ_min(G)/κ², must be positive.
        min_inf_sup: for information: the smallest inf-sup eigenvalue on a dense sample of the zone without
            the wave vectors where it is zero.
        min_cauchy_schwarz: λ_min(G − 2 g gᵀ)/κ², must not be negative.
        inf_sup_ratio: for information: positive if the dilatation is blind to the corners' waves alone.
    """

    spacing: tuple[float, float]
    min_gamma: float
    min_inf_sup: float
    min_cauchy_schwarz: float
    inf_sup_ratio: float

    @property
    def holds(self) -> bool:
        """Whether every problem on the grid is solvable, for any μ > 0 and λ + μ > 0."""
        return self.min_gamma > 0 and self.min_cauchy_schwarz >= 0

    @property
    def sentence(self) -> str:
        """What is certified, for people."""
        return _sentence(self.spacing, self.holds, "for every λ and μ with μ > 0 and λ + μ > 0")

    def require(self) -> None:
        """Raise if a condition is violated.

        Raises:
            SolvabilityError: names the values.
        """
        if not self.holds:
            raise SolvabilityError(
                f"on a grid of {self.spacing[0]:.4g} × {self.spacing[1]:.4g} Å the model is not provably "
                f"solvable: coercivity {self.min_gamma:.3g} must be positive, Cauchy–Schwarz "
                f"{self.min_cauchy_schwarz:.3g} not negative; learn it with that grid among its grids"
            )


@dataclass(frozen=True)
class PairCertificate:
    """The same for a model whose dilatation has an influence function of its own.

    Attributes:
        spacing: node spacings of the grid (Å).
        min_gamma: λ_min(G)/κ², must be positive.
        min_operator: λ_min(L)/κ² (TPa), must be positive.
    """

    spacing: tuple[float, float]
    min_gamma: float
    min_operator: float

    @property
    def holds(self) -> bool:
        """Whether every problem on the grid is solvable, for the model's λ and μ."""
        return self.min_gamma > 0 and self.min_operator > 0

    @property
    def sentence(self) -> str:
        """What is certified, for people."""
        return _sentence(self.spacing, self.holds, "for the model's own λ and μ")

    def require(self) -> None:
        """Raise if a condition is violated.

        Raises:
            SolvabilityError: names the values.
        """
        if not self.holds:
            raise SolvabilityError(
                f"on a grid of {self.spacing[0]:.4g} × {self.spacing[1]:.4g} Å the model is not provably "
                f"solvable: the smallest eigenvalues of G, {self.min_gamma:.3g}, and of L, "
                f"{self.min_operator:.3g} TPa, must be positive; learn it with that grid among its grids"
            )


def of_dict(data: Mapping[str, Any]) -> Certificate | PairCertificate:
    """The certificate of a grid that a model's file has."""
    values = {name: value for name, value in data.items() if name != "spacing"}
    kind = PairCertificate if "min_operator" in data else Certificate
    return kind((data["spacing"][0], data["spacing"][1]), **values)


def _sentence(spacing: tuple[float, float], holds: bool, constants: str) -> str:
    grid = f"nodes {spacing[0]:.4g} × {spacing[1]:.4g} Å apart"
    if not holds:
        return f"It is not shown that problems on {grid} have one solution."
    return (
        f"On {grid} every problem with given displacements around its domain, whatever that is, and every "
        f"periodic one but for a translation has one solution, {constants}."
    )


def eigenvalues(influence: InfluenceFunction, stencil: Stencil, wavevectors: Array) -> Array:
    """Coercivity, inf-sup ratio and Cauchy–Schwarz, normalised, at ``wavevectors`` ``(k, 2)``: ``(k, 3)``.

    The inf-sup ratio is infinite at the zone's corners, where it is not defined.
    """
    g, big_g = symbol.bonds(influence, stencil, wavevectors)
    kappa, sigma = scales(wavevectors, stencil.spacing)
    # there all g vanish, for every kernel: no condition can be asked for
    corner = sigma < 1e-9 * kappa
    ratio = _inf_sup(g, big_g) * kappa / np.where(corner, 1.0, sigma)
    return np.stack(
        [
            np.linalg.eigvalsh(big_g)[:, 0] / kappa,
            np.where(corner, np.inf, ratio),
            np.linalg.eigvalsh(symbol.compose(*CAUCHY_SCHWARZ, g, big_g))[:, 0] / kappa,
        ],
        axis=1,
    )


def alignment(influence: InfluenceFunction, stencil: Stencil, wavevectors: Array) -> Array:
    """g·s/σ² ``(k,)`` with s_i = sin(k_i h_i)/h_i: where positive, the dilatation is not blind.

    1 for an ideal kernel and long waves; infinite at the corners, where it is not defined.
    """
    g, _ = symbol.bonds(influence, stencil, wavevectors)
    kappa, sigma = scales(wavevectors, stencil.spacing)
    along = (g * np.sin(wavevectors * stencil.spacing) / stencil.spacing).sum(axis=1)
    corner = sigma < 1e-6 * kappa
    return np.where(corner, np.inf, along / np.where(corner, 1.0, sigma))


def scales(wavevectors: Array, spacing: Array) -> tuple[Array, Array]:
    """κ² and σ² ``(k,)`` (1/Å²): |k|² as central differences of half and of whole spacings see it."""
    half = 2 * np.sin(wavevectors * spacing / 2) / spacing
    whole = np.sin(wavevectors * spacing) / spacing
    return (half**2).sum(axis=1), (whole**2).sum(axis=1)


def operator_eigenvalues(material: LinearPeridynamicSolid, stencil: Stencil, wavevectors: Array) -> Array:
    """λ_min(G)/κ² and λ_min(L)/κ² (TPa) at ``wavevectors`` ``(k, 2)``: ``(k, 2)``."""
    g, big_g = symbol.bonds(material.influence, stencil, wavevectors, material.own_dilatation)
    kappa, _ = scales(wavevectors, stencil.spacing)
    operator = symbol.compose(material.lame_lambda, material.lame_mu, g, big_g)
    return np.stack([np.linalg.eigvalsh(matrix)[:, 0] / kappa for matrix in (big_g, operator)], axis=1)


def certify_material(
    material: LinearPeridynamicSolid, stencil: Stencil, count: int = 161
) -> Certificate | PairCertificate:
    """The certificate that belongs to the kind of the model.

    Raises:
        ValueError: the stencil is of another quadrature than the model.
    """
    material.require_quadrature(stencil.quadrature)
    if material.own_dilatation is None:
        return certify(material.influence, stencil, count)

    def values(wavevectors: Array) -> Array:
        return operator_eigenvalues(material, stencil, wavevectors)

    sample = symbol.zone_wavevectors(stencil.spacing, count)
    sampled = values(sample)
    gamma, operator = (
        _polish(values, which, stencil.spacing, sample, sampled[:, which]) for which in range(2)
    )
    h = stencil.spacing
    return PairCertificate((float(h[0]), float(h[1])), gamma, operator)


def require_positive(material: LinearPeridynamicSolid, stencil: Stencil, count: int = 65) -> float:
    """The smallest λ_min(L)/κ² of waves on a grid, which is μ in the continuum; refuses waves without energy.

    Raises:
        SolvabilityError: names the worst wave.
        ValueError: the stencil is of another quadrature than the material.
    """
    material.require_quadrature(stencil.quadrature)
    sample = symbol.zone_wavevectors(stencil.spacing, count)
    lowest = operator_eigenvalues(material, stencil, sample)[:, 1]
    worst = int(np.argmin(lowest))
    if not lowest[worst] > 0:
        kx, ky = sample[worst]
        hx, hy = stencil.spacing
        length = 2 * np.pi / np.hypot(kx, ky)
        raise SolvabilityError(
            f"on a grid of {hx:.4g} × {hy:.4g} the operator is not positive: the wave "
            f"k = ({kx:.4g}, {ky:.4g}), of length {length:.4g}, has the energy {lowest[worst]:.3g} κ²; "
            "use the nodes that the model was learned on, or learn it with learn.also_on = "
            f"[[{hx:.6g}, {hy:.6g}]]"
        )
    return float(lowest[worst])


def stiffest(material: LinearPeridynamicSolid, stencil: Stencil, count: int = 33) -> tuple[float, float]:
    """The largest λ_max(L)/κ² on a grid over λ + 2μ, which is 1 in the continuum; and that wave's length.

    What data never had, a function is free to make anything of: waves that only finer nodes can show.
    """
    material.require_quadrature(stencil.quadrature)
    sample = symbol.zone_wavevectors(stencil.spacing, count)
    g, big_g = symbol.bonds(material.influence, stencil, sample, material.own_dilatation)
    kappa, _ = scales(sample, stencil.spacing)
    operator = symbol.compose(material.lame_lambda, material.lame_mu, g, big_g)
    over = np.linalg.eigvalsh(operator)[:, 1] / kappa / (material.lame_lambda + 2 * material.lame_mu)
    worst = int(np.argmax(over))
    return float(over[worst]), float(2 * np.pi / np.hypot(*sample[worst]))


def certify(influence: InfluenceFunction, stencil: Stencil, count: int = 161) -> Certificate:
    """Minimise each condition over the zone: a dense sample, then its lowest points polished."""
    sample = symbol.zone_wavevectors(stencil.spacing, count)

    def conditions(wavevectors: Array) -> Array:
        return eigenvalues(influence, stencil, wavevectors)

    values = conditions(sample)
    gamma, ratio, cauchy_schwarz = (
        _polish(conditions, which, stencil.spacing, sample, values[:, which]) for which in range(3)
    )
    kappa, sigma = scales(sample, stencil.spacing)
    inf_sup = values[:, 1] * sigma / kappa
    zero = ~(inf_sup > 1e-12)  # the corners, up to round-off
    h = stencil.spacing
    return Certificate(
        spacing=(float(h[0]), float(h[1])),
        min_gamma=gamma,
        min_inf_sup=float(inf_sup[~zero & np.isfinite(inf_sup)].min()),
        min_cauchy_schwarz=cauchy_schwarz,
        inf_sup_ratio=ratio,
    )


def _inf_sup(g: Array, big_g: Array) -> Array:
    return (g * np.linalg.solve(big_g, g[:, :, None])[:, :, 0]).sum(axis=1)


def _polish(
    conditions: Callable[[Array], Array], which: int, spacing: Array, sample: Array, values: Array
) -> float:
    """The minimum of one condition near the lowest points of a sample."""

    def condition(k: Array) -> float:
        # the zone's quarters are mirror images of each other
        return float(conditions(np.abs(k)[None])[0, which])

    edge = np.pi / spacing
    # less than the sample's spacing, 1/160 of the edge, so that the search stays with the minimum it
    # began at
    triangle = 0.004 * edge * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    best = float(values.min())
    # away from k = 0, where both the eigenvalue and κ² vanish
    for start in np.clip(sample[np.argsort(values)[:4]], 1e-3 * edge, edge):
        bounds = [(1e-3 * float(e), float(e)) for e in edge]
        minimum = minimize(
            condition,
            start,
            # without slopes: the smallest eigenvalue has kinks where two of them cross
            method="Nelder-Mead",
            bounds=bounds,
            options={"maxfev": 60, "initial_simplex": np.abs(start - triangle)},
        )
        best = min(best, float(minimum.fun))
    return best
