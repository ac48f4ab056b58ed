"""Operator regression on scattered points in a periodic box, [You2022, sec. 3.2, 4.1, 4.2].

Every point has a stencil, quadrature weights and a weighted volume of its own, so
there is no symbol: residuals are summed over bonds, and the solvability conditions
are those of the assembled matrices.  These are enforced by cuts: vᵀL v > 0 and vᵀΓ v > 0
for the eigenvectors v of the symmetric parts that violate them, until none does.
On a uniform grid all is as in :mod:`.regression`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve
from scipy.optimize import OptimizeResult

from ...core.errors import ConvergenceError
from .. import families
from ..material import LinearPeridynamicSolid
from ..operator import (
    Neighbourhoods,
    OperatorRows,
    bond_curve,
    neighbourhoods,
    operator_of_shares,
    operator_on,
    share_curve,
)
from ..quadrature import DEFAULT
from . import leastsquares
from .parameters import Layout

Array = NDArray[np.float64]

_GAUGE = 1e-2  # weight of what keeps the scale of K, which nothing else depends on
_MARGIN = 0.01  # asked for beyond the conditions, over that of the longest wave
_STEEP = 30.0  # of the penalties
_ROUNDS = 12


@dataclass(frozen=True)
class Cloud:
    """Points in a periodic box, and all their bonds.

    Attributes:
        points: ``(n, 2)`` (Å).
        box: ``(2,)`` (Å).
        horizon: δ (Å).
        around: neighbourhoods of all points.
        quadrature: of their bonds, one of :data:`.quadrature.QUADRATURES`.
    """

    points: Array
    box: Array
    horizon: float
    around: Neighbourhoods
    quadrature: str


@dataclass(frozen=True)
class ScatteredFit:
    """The outcome.

    Attributes:
        material: the learned model.
        min_operator, min_gamma: smallest eigenvalues of the symmetric parts of L/μ and Γ, translations
            left out, over that of the longest wave; positive.
        cost: half the sum of squares.
        cuts: number of vectors that had to be added.
    """

    material: LinearPeridynamicSolid
    min_operator: float
    min_gamma: float
    cost: float
    cuts: int


def cloud(points: Array, box: Array, horizon: float, quadrature: str = DEFAULT) -> Cloud:
    """Find all bonds of ``points`` ``(n, 2)`` and their quadrature.

    Raises:
        InputError: as :func:`.operator.neighbourhoods`.
    """
    around = neighbourhoods(points, box, horizon, np.arange(len(points)), quadrature)
    return Cloud(points, box, horizon, around, quadrature)


def learn(
    where: Cloud,
    u: Array,
    b: Array,
    degree: int,
    solution_weight: float = 3.0,
    starts: int = 3,
    seed: int = 0,
    kernel: str = families.DEFAULT,
) -> ScatteredFit:
    """Learn λ, μ and an influence function.

    Args:
        where: the points.
        u, b: ``(s, n, 2)`` displacements (Å) and loads (TPa/Å).
        degree: M.
        solution_weight: of the solution error relative to the residual.
        kernel: family of the influence function, by its name in :mod:`..families`.

    Raises:
        ConvergenceError: no solvable model is found.
    """
    layout = Layout(families.family(kernel), where.horizon, degree, quadrature=where.quadrature)
    problem = _ScatteredProblem(where, u, b, layout, solution_weight)
    random = np.random.default_rng(seed)
    tries = [problem.minimize(layout.start(random), 30) for _ in range(starts)]
    p = min(tries, key=lambda result: result.cost).x
    for _ in range(_ROUNDS):
        result = problem.minimize(p, 40)
        p = result.x
        lowest = problem.cut(p)
        if min(lowest) > 0:
            return ScatteredFit(problem.material(p), *lowest, float(result.cost), len(problem.cuts))
    raise ConvergenceError(
        f"no solvable model found on {len(where.points)} scattered points for a horizon of "
        f"{where.horizon:g} Å and degree {degree}; try another horizon or a lower degree"
    )


def errors(material: LinearPeridynamicSolid, where: Cloud, u: Array, b: Array) -> tuple[Array, Array]:
    """Relative errors of each sample, ``(s,)``: of the residual, and of the solution with mean(u) = 0.

    On scattered points L has a small resultant of its own, so a solution is one up to a constant force.

    Raises:
        ValueError: the model is of another quadrature than the bonds.
    """
    material.require_quadrature(where.quadrature)
    matrix = operator_on(where.around, material).matrix().toarray()
    u = u - u.mean(axis=1, keepdims=True)
    residual = u.reshape(len(u), -1) @ matrix.T - b.reshape(len(u), -1)
    solution = np.linalg.solve(_deflated(matrix), b.reshape(len(u), -1).T).T.reshape(u.shape)
    wrong = (solution - solution.mean(axis=1, keepdims=True) - u).reshape(len(u), -1)
    norms = [np.linalg.norm(field.reshape(len(u), -1), axis=1) for field in (b, u)]
    return np.linalg.norm(residual, axis=1) / norms[0], np.linalg.norm(wrong, axis=1) / norms[1]


class _ScatteredProblem:
    """Residuals and Jacobian in the parameters of :class:`.parameters.Layout`."""

    def __init__(self, where: Cloud, u: Array, b: Array, layout: Layout, solution_weight: float):
        around = where.around
        self.where, self.layout, self.weight = where, layout, solution_weight
        self.curve = bond_curve(around, layout.family, layout.degree)
        self.shares = share_curve(around, self.curve)
        u = u - u.mean(axis=1, keepdims=True)
        self.u, self.b = (field.reshape(len(field), -1).T for field in (u, b))  # (2n, s)
        count = np.sqrt(len(u))
        self.scale_b, self.scale_u = (count * np.linalg.norm(field, axis=0) for field in (self.b, self.u))
        self.cuts: list[tuple[str, Array]] = []
        self.longest = (2 * np.pi / max(where.box)) ** 2

    def material(self, p: Array) -> LinearPeridynamicSolid:
        """The model at ``p``."""
        slopes = self.curve(p[self.layout.deviatoric])[1]
        # a point's bond with itself says nothing of K
        itself = np.flatnonzero(~self.where.around.offsets.any(axis=1))
        return self.layout.material(p, np.delete(slopes, itself, axis=0))

    def minimize(self, start: Array, evaluations: int) -> OptimizeResult:
        """Least squares from ``start`` within the bounds, in at most so many evaluations."""
        start = start.copy()
        d = start[self.coefficients]
        d /= np.abs(d).mean()  # only the shape of K matters
        return leastsquares.minimize(self.evaluate, start, self.layout.bounds(), evaluations, ftol=1e-7)

    def cut(self, p: Array) -> tuple[float, float]:
        """Add the eigenvectors that violate a condition; the smallest eigenvalues (see ScatteredFit)."""
        rows = operator_on(self.where.around, self.material(p))
        lowest = []
        for kind, matrix in (("L", rows.matrix() / p[1]), ("gamma", rows.deviatoric)):
            values, vectors = np.linalg.eigh(_without_translations(matrix.toarray(), 1e3 * self.longest))
            lowest.append(float(values[0] / self.longest))
            self.cuts += [(kind, v) for v in vectors[:, values < 0][:, :8].T]
        return lowest[0], lowest[1]

    @property
    def coefficients(self) -> slice:
        """Where D is in p."""
        return self.layout.coefficients(self.layout.deviatoric)

    def evaluate(self, p: Array) -> tuple[Array, Array]:
        """Residuals ``(r,)`` and Jacobian ``(r, p)``."""
        rows, changes = self._operator(p)
        blocks = [((rows(self.u) - self.b) / self.scale_b, _slopes(rows, changes, self.u) / self.scale_b)]
        if self.weight:
            factors = lu_factor(_deflated(rows.matrix().toarray()))
            solved = lu_solve(factors, self.b)
            # of L u = b: L du = −dL u, for all parameters at once
            loads = np.concatenate(list(_slopes(rows, changes, solved)), axis=1)
            change = -np.array(np.split(lu_solve(factors, loads), len(p), axis=1))
            solved, change = (_without_mean(field) for field in (solved, change))
            scale = self.weight / self.scale_u
            blocks.append(((solved - self.u) * scale, change * scale))
        residuals = [residual.ravel() for residual, _ in blocks]
        jacobians = [slopes.reshape(len(p), -1).T for _, slopes in blocks]
        d = p[self.coefficients] / len(p[self.coefficients])
        gauge = np.zeros((1, len(p)))  # keeps the scale of D
        gauge[0, self.coefficients] = 2 * _GAUGE * d
        residuals.append(np.array([_GAUGE * (d @ p[self.coefficients] - 1)]))
        jacobians.append(gauge)
        for kind, v in self.cuts:
            residual, slope = self._penalty(p, rows, changes, kind, v)
            residuals.append(residual)
            jacobians.append(slope)
        return np.concatenate(residuals), np.concatenate(jacobians)

    def _operator(self, p: Array) -> tuple[OperatorRows, list[OperatorRows]]:
        """L, and how its factors change with each parameter of the influence function."""
        lame = self.layout.lame(p)
        shares, slopes = self.shares(p[self.layout.deviatoric])

        def rows(shares: Array) -> OperatorRows:
            return operator_of_shares(self.where.around, shares, shares, lame)

        return rows(shares), [rows(column) for column in slopes.T]

    def _penalty(
        self, p: Array, rows: OperatorRows, changes: list[OperatorRows], kind: str, v: Array
    ) -> tuple[Array, Array]:
        """Hinge on vᵀ Γ v or on vᵀ L v/μ, over the eigenvalue of the longest wave."""
        if kind == "gamma":
            value = v @ (rows.deviatoric @ v)
            slope = np.array([0.0, 0.0, *(v @ (change.deviatoric @ v) for change in changes)])
        else:
            value = v @ rows(v) / p[1]
            slope = _slopes(rows, changes, v) @ v / p[1]
            slope[1] -= value / p[1]
        active = -_STEEP if value / self.longest < _MARGIN else 0.0
        return np.array([active * (value / self.longest - _MARGIN)]), active * slope[None] / self.longest


def _slopes(rows: OperatorRows, changes: list[OperatorRows], u: Array) -> Array:
    """The slopes of L u ``(p, 2n, s)`` with respect to all parameters."""
    return np.array([*rows.moduli_change(u), *(rows.change(change, u) for change in changes)])


def _without_mean(fields: Array) -> Array:
    """Fields ``(..., 2n, s)`` less their mean over the points."""
    by_component = fields.reshape(*fields.shape[:-2], -1, 2, fields.shape[-1])
    return (by_component - by_component.mean(axis=-3, keepdims=True)).reshape(fields.shape)


def _translations(count: int) -> Array:
    """The projection onto the two translations of ``count`` points."""
    return np.kron(np.full((count, count), 1 / count), np.eye(2))


def _deflated(matrix: Array) -> Array:
    """The operator's matrix made regular: translations, which it does not feel, get its mean diagonal."""
    return matrix + np.abs(np.diag(matrix)).mean() * _translations(len(matrix) // 2)


def _without_translations(matrix: Array, size: float) -> Array:
    """The symmetric part of a matrix with the translations projected out, to the eigenvalue ``size``."""
    block = _translations(len(matrix) // 2)
    project = np.eye(len(matrix)) - block
    return project @ (0.5 * (matrix + matrix.T)) @ project + size * block
