"""Operator regression by least squares on the ring form of the symbol, [You2022, eq. 4.7].

On a uniform grid the operator's symbol is quadratic in the ring values of the
influence function, so the loss is a small nonlinear least-squares problem,
whatever the number of samples.  Beside the residual of the LPS equation the
fit takes in

* the error of the solution, |L⁻¹ b − u|, which is what a user of the model sees;
* the consistency of the quadrature: on every grid where the model is to be
  used, Σ K W z⊗z and Σ K W z⊗z⊗z⊗z/|z|² are those of the isotropic continuum, so
  that λ and μ are the moduli of the discretised model too;
* the solvability conditions (4.6) on the whole Brillouin zone of those grids (see
  :mod:`.stability`), as penalties at a coarse sample of wave vectors to which the
  points that still violate a condition are added, until none is left.

The problem has many local minima; the best of several seeded starts is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ..errors import ConvergenceError
from . import stability, symbol
from .model import InfluenceFunction, LinearPeridynamicSolid, bernstein
from .spectral import Moments
from .stencil import Stencil

Array = NDArray[np.float64]

_UNIT = 10.0  # Å: radii enter r^-α in this unit, which keeps the coefficients of order one
_MARGIN = 0.01  # the solvability conditions are asked for with this much to spare
_SIGN_MARGIN = 0.001  # likewise for g·s/|s|², 1 for long waves and naturally small for short ones
_BLIND = 0.1 * _SIGN_MARGIN**2  # smallest inf-sup ratio, quadratic in g, that this margin leaves
_STEEP = 10.0  # of the penalties
_POLISHED = 2  # starts that are carried to the end
_ZONE = 16  # coarse sample of the zone per axis, to begin with


@dataclass(frozen=True)
class Settings:
    """Weights and effort of a fit.

    Attributes:
        solution_weight: of the solution error relative to the residual.
        consistency_weight: of the moment conditions.
        starts: number of random starting points.
        seed: of these.
        strict_inf_sup: also keep the dilatation from being blind to any wave inside the zone.  It
            costs accuracy (at 0 K on graphene nearly twice the error) and solvability needs it only
            in the limit λ → ∞.
    """

    solution_weight: float = 3.0
    consistency_weight: float = 1.0
    starts: int = 6
    seed: int = 0
    strict_inf_sup: bool = False


@dataclass(frozen=True)
class Fit:
    """The outcome of a regression.

    Attributes:
        material: the learned model.
        certificates: one per grid, all of them holding.
        cost: half the sum of squares at the optimum.
        costs: of all the starts, ascending: how rugged the problem was.
        evaluations: number of loss evaluations in all.
        history: cost of each start, then of the best after each stage.
        trace: lowest cost so far after each evaluation.
    """

    material: LinearPeridynamicSolid
    certificates: list[stability.Certificate]
    cost: float
    costs: list[float]
    evaluations: int
    history: list[float] = field(default_factory=list)
    trace: list[float] = field(default_factory=list)


def learn(
    data: Sequence[tuple[Moments, Stencil]],
    grids: Sequence[Stencil],
    degree: int,
    settings: Settings,
) -> Fit:
    """Learn λ, μ, α and D for a given horizon and degree.

    Args:
        data: samples of one or more grids, each with its grid's stencil.
        grids: stencils of all grids on which the model must be consistent and solvable.
        degree: M of the Bernstein basis.
        settings: weights and effort.

    Raises:
        ConvergenceError: no start leads to a solvable model.
    """
    problem = _Problem(data, grids, degree, settings)
    random = np.random.default_rng(settings.seed)
    tries = [problem.minimize(problem.start(random), 50) for _ in range(settings.starts)]
    tries.sort(key=lambda result: result.cost)
    history = [float(result.cost) for result in tries]
    best = [result.x for result in tries[:_POLISHED]]
    if settings.strict_inf_sup:  # only now, and step by step: from a random start it leads astray
        best = [problem.tighten(p) for p in best]
    fits = [fit for p in best if (fit := _polish(problem, p, history))]
    if not fits:
        raise ConvergenceError(
            f"no solvable model found for a horizon of {grids[0].horizon:g} Å and degree {degree} "
            f"from {settings.starts} starts; try another horizon or a lower degree"
        )
    cost, p, certificates = min(fits, key=lambda fit: fit[0])
    return Fit(
        material=problem.material(p),
        certificates=certificates,
        cost=cost,
        costs=[float(one.cost) for one in tries],
        evaluations=problem.evaluations,
        history=history,
        trace=np.minimum.accumulate(problem.trace).tolist(),
    )


def _polish(
    problem: "_Problem", start: Array, history: list[float]
) -> tuple[float, Array, list[stability.Certificate]] | None:
    """Minimise from ``start``, adding violated wave vectors until solvable; None if it never is."""
    problem.steep = _STEEP
    result = problem.minimize(start, 150)
    for _ in range(8):
        history.append(float(result.cost))
        if not problem.add_violations(result.x):
            influence = problem.material(result.x).influence
            certificates = [stability.certify(influence, stencil) for stencil in problem.grids]
            if all(problem.accepts(certificate) for certificate in certificates):
                return float(result.cost), result.x, certificates
        if problem.strict:  # data that ask for a blind kernel outweigh a mild penalty
            problem.steep *= 3.0
        result = problem.minimize(result.x, 60)
    return None


class _Problem:
    """Residuals and Jacobian; the parameters are (λ + μ, μ, α, D_0 … D_M), the first two positive."""

    def __init__(
        self,
        data: Sequence[tuple[Moments, Stencil]],
        grids: Sequence[Stencil],
        degree: int,
        settings: Settings,
    ):
        self.horizon = grids[0].horizon
        self.degree = degree
        self.settings = settings
        self.grids = grids
        self.evaluations = 0
        self.trace: list[float] = []
        self.strict = False
        self.steep = _STEEP
        self.data = [(one, symbol.rings(stencil, one.wavevectors)) for one, stencil in data]
        self.consistency = [_consistency(stencil) for stencil in grids]
        self.zones = [symbol.rings(s, symbol.zone_wavevectors(s.spacing, _ZONE)) for s in grids]
        self._last: tuple[bytes, Array] | None = None

    def start(self, random: np.random.Generator) -> Array:
        """A positive influence function with random coefficients, and plausible moduli."""
        return np.concatenate(
            [[0.7, 0.7, random.uniform(-1.0, 2.5)], random.uniform(0.0, 1.0, self.degree + 1)]
        )

    def material(self, p: Array) -> LinearPeridynamicSolid:
        influence = InfluenceFunction(self.horizon, float(p[2]), p[3:] * _UNIT ** p[2])
        return LinearPeridynamicSolid(influence, float(p[0] - p[1]), float(p[1]))

    def minimize(self, start: Array, evaluations: int):
        lower, upper = np.full(len(start), -np.inf), np.full(len(start), np.inf)
        lower[:2] = 1e-6  # TPa
        lower[2], upper[2] = -2.0, 2.999
        # the operator does not change with the scale of K: keep the weighted volume near its start
        volume = self.grids[0].ring, symbol.rings(self.grids[0], np.zeros((1, 2))).volume
        scale = volume[1] @ self._values(self.grids[0].radii, start)[0]

        def residuals(p: Array) -> Array:
            r, j = self._evaluate(p, volume[1] / scale)
            self._last = (p.tobytes(), j)
            self.trace.append(0.5 * float(r @ r))
            return r

        def jacobian(p: Array) -> Array:
            if self._last is None or self._last[0] != p.tobytes():
                residuals(p)
            return self._last[1]  # type: ignore[index]

        result = least_squares(
            residuals,
            start,
            jacobian,
            bounds=(lower, upper),
            x_scale="jac",
            max_nfev=evaluations,
            ftol=1e-8,
            xtol=1e-9,
            gtol=1e-12,
        )
        self.evaluations += result.nfev
        return result

    def tighten(self, p: Array) -> Array:
        """Bring in the strict inf-sup condition with a growing penalty."""
        self.strict = True
        for self.steep in (0.01 * _STEEP, 0.03 * _STEEP, 0.1 * _STEEP, 0.3 * _STEEP):
            p = self.minimize(p, 100).x
        self.steep = _STEEP
        return p

    def accepts(self, certificate: stability.Certificate) -> bool:
        return certificate.holds and (not self.strict or certificate.inf_sup_ratio > _BLIND)

    def add_violations(self, p: Array) -> bool:
        """Add the points of a dense sample of the zone that violate a condition; whether there were any."""
        found = False
        influence = self.material(p).influence
        for n, stencil in enumerate(self.grids):
            dense = symbol.zone_wavevectors(stencil.spacing, 121)
            bad = (stability.eigenvalues(influence, stencil, dense)[:, [0, 2]] < 0).any(axis=1)
            if self.strict:
                g, _, _, _ = self._parts(p, symbol.rings(stencil, dense))
                inside, side = _side(dense, stencil.spacing)
                bad[inside] |= (g[inside] * side).sum(axis=1) < 0.5 * _SIGN_MARGIN
            if bad.any():
                found = True
                points = np.concatenate([self.zones[n].wavevectors, dense[bad]])
                self.zones[n] = symbol.rings(stencil, np.unique(points, axis=0))
        return found

    def _evaluate(self, p: Array, gauge: Array) -> tuple[Array, Array]:
        blocks = [self._gauge(p, gauge)]
        for moments, rings in self.data:
            blocks += self._fit(p, moments, rings)
        for rows in self.consistency:
            blocks.append(self._moments(p, *rows))
        for rings, stencil in zip(self.zones, self.grids, strict=True):
            blocks += self._solvable(p, rings, stencil)
        return np.concatenate([b[0] for b in blocks]), np.concatenate([b[1] for b in blocks])

    def _values(self, radii: Array, p: Array) -> tuple[Array, Array]:
        """Ring values of K and their derivatives with respect to α and D."""
        r = radii / _UNIT
        basis = bernstein(self.degree, radii / self.horizon) * (r ** -p[2])[:, None]
        values = basis @ p[3:]
        return values, np.concatenate([(-np.log(r) * values)[:, None], basis], axis=1)

    def _scaled(self, radii: Array, volume: Array, p: Array) -> tuple[Array, Array]:
        """K/m on the rings, and its derivatives."""
        values, slope = self._values(radii, p)
        m = volume @ values
        scaled = values / m
        return scaled, (slope - np.outer(scaled, volume @ slope)) / m

    def _parts(self, p: Array, rings: symbol.RingSymbols) -> tuple[Array, Array, Array, Array]:
        """g, G and their derivatives (parameters along the second axis)."""
        scaled, slope = self._scaled(rings.radii, rings.volume, p)
        square = [0, 1, 1, 2]
        count = len(rings.wavevectors)
        g = rings.dilatation @ scaled
        dg = np.swapaxes(rings.dilatation @ slope, 1, 2)
        big_g = (rings.deviatoric @ scaled)[:, square].reshape(count, 2, 2)
        d_big_g = np.swapaxes(rings.deviatoric @ slope, 1, 2)[:, :, square].reshape(count, -1, 2, 2)
        return g, big_g, dg, d_big_g

    def _fit(self, p: Array, moments: Moments, rings: symbol.RingSymbols) -> list[tuple[Array, Array]]:
        """Residual of the equation, and error of the solution."""
        bulk, mu = p[:2]
        g, big_g, dg, d_big_g = self._parts(p, rings)
        gg = g[:, :, None] * g[:, None, :]
        operator = bulk * gg + mu * (big_g - 2 * gg)
        slope = np.concatenate(
            [
                gg[:, None],
                (big_g - 2 * gg)[:, None],
                (bulk - 2 * mu) * _symmetric(dg, g) + mu * d_big_g,
            ],
            axis=1,
        )
        root, target = moments.residual
        equation = (operator @ root - target, slope @ root[:, None])
        root, target = moments.solution
        inverse = np.linalg.inv(operator)
        solved = inverse @ root
        weight = self.settings.solution_weight
        solution = (weight * (solved - target), -weight * (inverse[:, None] @ (slope @ solved[:, None])))
        return [(r.ravel(), np.moveaxis(j, 1, -1).reshape(r.size, -1)) for r, j in (equation, solution)]

    def _moments(self, p: Array, radii: Array, volume: Array, rows: Array) -> tuple[Array, Array]:
        scaled, slope = self._scaled(radii, volume, p)
        weight = self.settings.consistency_weight
        return weight * (rows @ scaled - 1), weight * np.pad(rows @ slope, ((0, 0), (2, 0)))

    def _solvable(self, p: Array, rings: symbol.RingSymbols, stencil: Stencil) -> list[tuple[Array, Array]]:
        """Hinges on the Cauchy–Schwarz condition (coercivity follows) and, if strict, on the inf-sup one."""
        g, big_g, dg, d_big_g = self._parts(p, rings)
        kappa, _ = stability.scales(rings.wavevectors, stencil.spacing)
        values, vectors = np.linalg.eigh(big_g - 2 * g[:, :, None] * g[:, None, :])
        bad = values[:, 0] < _MARGIN * kappa
        v = vectors[bad, :, 0]
        slope = np.zeros((len(kappa), len(p) - 2))
        slope[bad] = np.einsum("ki,kpij,kj->kp", v, d_big_g[bad] - 2 * _symmetric(dg[bad], g[bad]), v)
        blocks = [_hinge(values[:, 0] / kappa - _MARGIN, slope / kappa[:, None], self.steep)]
        if self.strict:
            # The eigenvalue is quadratic in g, so its slope vanishes where it is violated.  That g stays
            # on the side of k, g·s > 0 with s_i = sin(k_i h_i)/h_i, is linear and implies the condition.
            inside, side = _side(rings.wavevectors, stencil.spacing)
            slope = np.einsum("kpi,ki->kp", dg[inside], side)
            blocks.append(_hinge((g[inside] * side).sum(axis=1) - _SIGN_MARGIN, slope, self.steep))
        return blocks

    def _gauge(self, p: Array, row: Array) -> tuple[Array, Array]:
        values, slope = self._values(self.grids[0].radii, p)
        return np.array([1e-2 * (row @ values - 1)]), 1e-2 * np.pad(row @ slope, (2, 0))[None]


def _side(wavevectors: Array, spacing: Array) -> tuple[NDArray[np.bool_], Array]:
    """The waves ``(k,)`` that are not at the corners, and their s/|s|²; g·s/|s|² is 1 for long waves."""
    kappa, sigma = stability.scales(wavevectors, spacing)
    inside = sigma > 1e-6 * kappa
    return inside, np.sin(wavevectors[inside] * spacing) / spacing / sigma[inside, None]


def _symmetric(dg: Array, g: Array) -> Array:
    """Derivative of g gᵀ: ``(k, p, 2, 2)`` from dg ``(k, p, 2)`` and g ``(k, 2)``."""
    outer = dg[:, :, :, None] * g[:, None, None, :]
    return outer + np.swapaxes(outer, 2, 3)


def _hinge(excess: Array, slope: Array, steep: float) -> tuple[Array, Array]:
    """Penalty on a negative ``excess`` ``(k,)`` with derivatives ``(k, p)`` in α and D."""
    active = np.where(excess < 0, -steep, 0.0)
    return active * excess, np.pad(active[:, None] * slope, ((0, 0), (2, 0)))


def _consistency(stencil: Stencil) -> tuple[Array, Array, Array]:
    """Radii, volumes and five rows per ring whose product with K/m must be 1: isotropic moments."""
    z, w = stencil.offsets, stencil.weights
    x2, y2 = (z**2).T
    square = x2 + y2
    rows = np.stack([2 * x2, 2 * y2, 8 / 3 * x2**2 / square, 8 / 3 * y2**2 / square, 8 * x2 * y2 / square])
    one_hot = np.equal.outer(stencil.ring, np.arange(len(stencil.radii))).astype(float)
    return stencil.radii, (w * square) @ one_hot, (w * rows) @ one_hot
