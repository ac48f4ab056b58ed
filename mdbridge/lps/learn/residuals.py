"""Residuals and Jacobian of the operator regression, for :mod:`.regression`.

On a uniform grid the operator's symbol is quadratic in the ring values of the
influence function, so the loss is a small nonlinear least-squares problem,
whatever the number of samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from .. import families, stability, symbol
from ..kernel import Curve, normalised
from ..material import LinearPeridynamicSolid, combined_slopes
from ..stencil import Stencil
from . import leastsquares
from .local import LocalCuts, LocalMoments
from .parameters import Layout
from .spectral import Moments

Array = NDArray[np.float64]

_MARGIN = 0.01  # the solvability conditions are asked for with this much to spare
# Where the dilatation has its own K, nothing ties short waves to long ones: that they be no more than
# three times as soft keeps the model usable on loads unlike those of the training.
_PAIR_MARGIN = 0.3
_SIGN_MARGIN = 0.001  # likewise for g·s/|s|², 1 for long waves and naturally small for short ones
STEEP = 10.0  # of the penalties
_ZONE = 16  # coarse sample of the zone per axis, to begin with
_GAUGE = 1e-2  # weight of what keeps the scale of K, which nothing else depends on


@dataclass(frozen=True)
class FitSettings:
    """Weights and effort of a fit.

    Attributes:
        solution_weight: of the solution error relative to the residual.
        consistency_weight: of the moment conditions.
        starts: number of random starting points.
        seed: of these.
        strict_inf_sup: also keep the dilatation from being blind to any wave inside the zone.  It
            costs accuracy (at 0 K on graphene nearly twice the error) and solvability needs it only
            in the limit λ → ∞.
        own_dilatation: give the dilatation an influence function of its own.
        positive: keep all coefficients D positive.
        kernel: family of the influence functions, by its name in :mod:`..families`.
        shape: the shape parameters, by name, that are not to be learned.
        lame: λ and μ (TPa) that are not to be learned, see :func:`..local.long_wave_limit`.
    """

    solution_weight: float = 3.0
    consistency_weight: float = 1.0
    starts: int = 6
    seed: int = 0
    strict_inf_sup: bool = False
    own_dilatation: bool = False
    positive: bool = False
    kernel: str = families.DEFAULT
    shape: Mapping[str, float] = field(default_factory=dict)
    lame: tuple[float, float] | None = None


class LeastSquaresProblem:
    """Residuals and Jacobian in the parameters of :class:`.parameters.Layout`."""

    def __init__(
        self,
        data: Sequence[tuple[Moments | LocalMoments | LocalCuts, Stencil]],
        grids: Sequence[Stencil],
        degree: int,
        settings: FitSettings,
    ):
        family = families.family(settings.kernel)
        kinds = sorted({stencil.quadrature for stencil in [*grids, *(grid for _, grid in data)]})
        if len(kinds) > 1:
            raise ValueError(
                f"a model has one quadrature, but its grids have several quadratures: {', '.join(kinds)}"
            )
        self.layout = Layout(family, grids[0].horizon, degree, settings.own_dilatation, kinds[0])
        self.settings = settings
        self.grids = grids
        self.evaluations = 0
        self.trace: list[float] = []
        self.strict = False
        self.steep = STEEP
        self.data = [
            (moments, _Response(self.layout, stencil, moments.wavevectors))
            for moments, stencil in data
            if isinstance(moments, Moments)
        ]
        # of points that are on no periodic grid
        self.local = [moments for moments, _ in data if not isinstance(moments, Moments)]
        self.consistency = [(_Shares(self.layout, stencil), *_consistency(stencil)) for stencil in grids]
        # a positive influence function is solvable as it is
        constrained = [] if settings.positive else grids
        self.zones = [
            _Response(self.layout, s, symbol.zone_wavevectors(s.spacing, _ZONE)) for s in constrained
        ]

    def start(self, random: np.random.Generator) -> Array:
        """See :meth:`.Layout.start`."""
        return self.layout.start(random)

    def material(self, p: Array) -> LinearPeridynamicSolid:
        """The model at ``p``."""
        # what vanishes at one p vanishes at all: how far a function reaches does not depend on it
        slopes = [shares.curve(p[self.layout.deviatoric])[1] for shares, *_ in self.consistency]
        return self.layout.material(p, np.concatenate(slopes))

    def parameters(self, material: LinearPeridynamicSolid) -> Array:
        """See :meth:`.Layout.parameters`."""
        return self.layout.parameters(material)

    def minimize(self, start: Array, evaluations: int) -> OptimizeResult:
        """Least squares from ``start`` within the bounds, in at most so many evaluations."""
        start = start.copy()
        bounds = self.layout.bounds(self.settings.positive)
        self.layout.fix(start, bounds, self.settings.shape)
        if self.settings.lame is not None:
            self.layout.fix_lame(start, bounds, *self.settings.lame)
        gauges = self.gauges(start)

        def evaluate(p: Array) -> tuple[Array, Array]:
            r, jacobian = self.evaluate(p, gauges)
            self.trace.append(0.5 * float(r @ r))
            return r, jacobian

        result = leastsquares.minimize(evaluate, start, bounds, evaluations, ftol=1e-8)
        self.evaluations += result.nfev
        return result

    def gauges(self, start: Array) -> list[Array]:
        """For each influence function the rows whose product with K on the first grid is 1 at ``start``."""
        volume, curve = self.grids[0].volume, self._first_curve
        return [volume / (volume @ curve(start[part])[0]) for part in self.layout.functions]

    def tighten(self, p: Array) -> Array:
        """Bring in the strict inf-sup condition with a growing penalty."""
        self.strict = True
        for self.steep in (0.01 * STEEP, 0.03 * STEEP, 0.1 * STEEP, 0.3 * STEEP):
            p = self.minimize(p, 100).x
        return p

    def add_violations(self, p: Array) -> bool:
        """Add the points of a dense sample of the zone that violate a condition; whether there were any."""
        any_bad = False
        material = self.material(p)
        for n, stencil in enumerate(self.grids):
            dense = symbol.zone_wavevectors(stencil.spacing, 121)
            if material.own_dilatation is not None:
                values = stability.operator_eigenvalues(material, stencil, dense)
            else:
                values = stability.eigenvalues(material.influence, stencil, dense)[:, [0, 2]]
            bad = (values < 0).any(axis=1)
            if self.strict:
                bad |= stability.alignment(material.influence, stencil, dense) <= 0
            if bad.any():
                any_bad = True
                points = np.concatenate([self.zones[n].wavevectors, dense[bad]])
                self.zones[n] = _Response(self.layout, stencil, np.unique(points, axis=0))
        return any_bad

    def evaluate(self, p: Array, gauges: list[Array]) -> tuple[Array, Array]:
        """Residuals ``(n,)`` and Jacobian ``(n, p)``; ``gauges`` as of :meth:`gauges`."""
        parts = zip(self.layout.functions, gauges, strict=True)
        blocks = [self._gauge(p, part, row) for part, row in parts]
        for moments, response in self.data:
            blocks += self._fit(p, moments, response)
        for local in self.local:
            residual, slopes = local.residual(self.layout.lame(p), p[self.layout.deviatoric])
            blocks.append((residual, slopes))
        for shares, second, fourth in self.consistency:
            blocks.append(self._moments(p, self.layout.volumetric, shares, second))
            blocks.append(self._moments(p, self.layout.deviatoric, shares, fourth))
        for response in self.zones:
            solvable = self._solvable_pair if self.settings.own_dilatation else self._solvable
            blocks += solvable(p, response)
        return np.concatenate([b[0] for b in blocks]), np.concatenate([b[1] for b in blocks])

    def _fit(self, p: Array, moments: Moments, response: "_Response") -> list[tuple[Array, Array]]:
        """Residual of the equation, and error of the solution."""
        operator, _, slopes, _ = response.operator(p)
        root, target = moments.residual
        equation = (operator @ root - target, np.einsum("kijp,kjl->kilp", slopes, root))
        root, target = moments.solution
        inverse = np.linalg.inv(operator)
        solved = inverse @ root
        weight = self.settings.solution_weight
        change = np.einsum("kijp,kjl->kilp", slopes, solved)
        solution = (weight * (solved - target), -weight * np.einsum("kij,kjlp->kilp", inverse, change))
        return [(r.ravel(), j.reshape(r.size, -1)) for r, j in (equation, solution)]

    def _moments(self, p: Array, part: slice, shares: "_Shares", rows: Array) -> tuple[Array, Array]:
        values, slopes = shares(p, part)
        weight = self.settings.consistency_weight
        return weight * (rows @ values - 1), weight * (rows @ slopes)

    def _solvable(self, p: Array, response: "_Response") -> list[tuple[Array, Array]]:
        """Hinges on the Cauchy–Schwarz condition (coercivity follows) and, if strict, on the inf-sup one."""
        g, big_g, dg, d_big_g = response.parts(p)
        spacing = response.stencil.spacing
        kappa, sigma = stability.scales(response.wavevectors, spacing)
        values, vectors = np.linalg.eigh(symbol.compose(*stability.CAUCHY_SCHWARZ, g, big_g))
        bad = values[:, 0] < _MARGIN * kappa
        change = symbol.compose_slopes(*stability.CAUCHY_SCHWARZ, g[bad], dg[bad], d_big_g[bad])
        slope = np.zeros((len(kappa), self.layout.size))
        slope[bad] = _eigenvalue_slopes(vectors[bad, :, 0], change)
        blocks = [_hinge(values[:, 0] / kappa - _MARGIN, slope / kappa[:, None], self.steep)]
        if self.strict:
            # The eigenvalue is quadratic in g, so its slope vanishes where it is violated.  That g stays
            # on the side of k, g·s > 0 with s_i = sin(k_i h_i)/h_i, is linear and implies the condition.
            inside = sigma > 1e-6 * kappa
            s = np.sin(response.wavevectors[inside] * spacing) / spacing
            s /= sigma[inside, None]
            slope = np.einsum("kip,ki->kp", dg[inside], s)
            blocks.append(_hinge((g[inside] * s).sum(axis=1) - _SIGN_MARGIN, slope, self.steep))
        return blocks

    def _solvable_pair(self, p: Array, response: "_Response") -> list[tuple[Array, Array]]:
        """Hinges on the smallest eigenvalues of L and G."""
        operator, big_g, d_operator, d_big_g = response.operator(p)
        kappa, _ = stability.scales(response.wavevectors, response.stencil.spacing)
        blocks = []
        # for long waves λ_min(G) = κ² and λ_min(L) = μ κ²
        for matrix, change, modulus in ((operator, d_operator, p[1]), (big_g, d_big_g, 1.0)):
            values, vectors = np.linalg.eigh(matrix)
            lowest = _eigenvalue_slopes(vectors[:, :, 0], change) / kappa[:, None]
            if matrix is operator:
                lowest[:, 1] -= _PAIR_MARGIN
            blocks.append(_hinge(values[:, 0] / kappa - _PAIR_MARGIN * modulus, lowest, self.steep))
        return blocks

    def _gauge(self, p: Array, part: slice, row: Array) -> tuple[Array, Array]:
        """Keeps the scale of K, with which the operator does not change, near its start."""
        values, slopes = self._first_curve(p[part])
        padded = self.layout.padded((row @ slopes)[None], part)
        return np.array([_GAUGE * (row @ values - 1)]), _GAUGE * padded

    @property
    def _first_curve(self) -> Curve:
        """K on the rings of the first grid."""
        return self.consistency[0][0].curve


class _Shares:
    """K/m on the rings of a grid ``(rings,)``, with its slopes with respect to all parameters."""

    def __init__(self, layout: Layout, stencil: Stencil):
        self.layout = layout
        self.curve = layout.family.curve(stencil.radii, layout.horizon, layout.degree)
        self.normalised = normalised(self.curve, stencil.volume)

    def __call__(self, p: Array, part: slice) -> tuple[Array, Array]:
        """Of the influence function whose parameters are ``p[part]``."""
        shares, slopes = self.normalised(p[part])
        return shares, self.layout.padded(slopes, part)


class _Response:
    """g, G and L at some wave vectors, with their slopes with respect to all parameters."""

    def __init__(self, layout: Layout, stencil: Stencil, wavevectors: Array):
        self.layout, self.stencil = layout, stencil
        self.rings = symbol.rings(stencil, wavevectors)
        self.shares = _Shares(layout, stencil)

    @property
    def wavevectors(self) -> Array:
        """``(k, 2)`` (1/Å)."""
        return self.rings.wavevectors

    def parts(self, p: Array) -> tuple[Array, Array, Array, Array]:
        """g, G and their slopes, the parameters along the last axis."""
        shares, slopes = self.shares(p, self.layout.volumetric)
        g, dg = self.rings.g(shares), self.rings.g(slopes)
        if self.layout.own_dilatation:
            shares, slopes = self.shares(p, self.layout.deviatoric)
        return g, self.rings.big_g(shares), dg, self.rings.big_g(slopes)

    def operator(self, p: Array) -> tuple[Array, Array, Array, Array]:
        """L, G and their slopes, the parameters along the last axis."""
        lame = self.layout.lame(p)
        g, big_g, dg, d_big_g = self.parts(p)
        slopes = symbol.compose_slopes(*lame, g, dg, d_big_g)
        slopes[..., 0], slopes[..., 1] = combined_slopes(g[:, :, None] * g[:, None, :], big_g)
        return symbol.compose(*lame, g, big_g), big_g, slopes, d_big_g


def _eigenvalue_slopes(vectors: Array, change: Array) -> Array:
    """Slopes ``(k, p)`` of eigenvalues, from their vectors ``(k, 2)`` and the matrices' slopes."""
    return np.einsum("kip,ki->kp", np.einsum("kijp,kj->kip", change, vectors), vectors)


def _hinge(excess: Array, slope: Array, steep: float) -> tuple[Array, Array]:
    """Penalty on a negative ``excess`` ``(k,)`` with derivatives ``(k, p)``."""
    active = np.where(excess < 0, -steep, 0.0)
    return active * excess, active[:, None] * slope


def _consistency(stencil: Stencil) -> tuple[Array, Array]:
    """Rows per ring whose product with K/m must be 1: isotropic moments.

    Two of second order, which make the dilatation exact for long waves, and three of
    fourth order over |z|², for the deviatoric part.
    """
    z = stencil.offsets
    x2, y2 = (z**2).T
    square = x2 + y2
    second = np.stack([2 * x2, 2 * y2])
    fourth = np.stack([8 / 3 * x2**2, 8 / 3 * y2**2, 8 * x2 * y2]) / square
    return second @ stencil.strength, fourth @ stencil.strength
