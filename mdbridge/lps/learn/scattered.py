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
from scipy.optimize import OptimizeResult
from scipy.sparse import csr_matrix

from ...core.errors import ConvergenceError
from ..material import InfluenceFunction, LinearPeridynamicSolid, bernstein
from ..operator import Families, families, operator_on
from . import leastsquares

Array = NDArray[np.float64]

_UNIT = 10.0  # Å: radii enter r^-α in this unit
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
        around: families of all points.
    """

    points: Array
    box: Array
    horizon: float
    around: Families


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


def cloud(points: Array, box: Array, horizon: float) -> Cloud:
    """Find all bonds of ``points`` ``(n, 2)`` and their quadrature weights.

    Raises:
        InputError: as :func:`.operator.families`.
    """
    return Cloud(points, box, horizon, families(points, box, horizon, np.arange(len(points))))


def learn(
    where: Cloud,
    u: Array,
    b: Array,
    degree: int,
    solution_weight: float = 3.0,
    starts: int = 3,
    seed: int = 0,
) -> ScatteredFit:
    """Learn λ, μ, α and D.

    Args:
        where: the points.
        u, b: ``(s, n, 2)`` displacements (Å) and loads (TPa/Å).
        degree: M.
        solution_weight: of the solution error relative to the residual.

    Raises:
        ConvergenceError: no solvable model is found.
    """
    problem = _Problem(where, u, b, degree, solution_weight)
    random = np.random.default_rng(seed)
    tries = [problem.minimize(problem.start(random), 30) for _ in range(starts)]
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
    """
    matrix = operator_on(where.around, material).matrix().toarray()
    u = u - u.mean(axis=1, keepdims=True)
    residual = u.reshape(len(u), -1) @ matrix.T - b.reshape(len(u), -1)
    found = np.linalg.solve(_deflated(matrix), b.reshape(len(u), -1).T).T.reshape(u.shape)
    wrong = (found - found.mean(axis=1, keepdims=True) - u).reshape(len(u), -1)
    norms = [np.linalg.norm(one.reshape(len(u), -1), axis=1) for one in (b, u)]
    return np.linalg.norm(residual, axis=1) / norms[0], np.linalg.norm(wrong, axis=1) / norms[1]


class _Problem:
    """Residuals and Jacobian in (λ + μ, μ, α, D_0 … D_M)."""

    def __init__(self, where: Cloud, u: Array, b: Array, degree: int, solution_weight: float):
        around = where.around
        bonds = around.neighbours != around.centres[around.owner]
        self.where, self.degree, self.weight = where, degree, solution_weight
        self.owner, self.other = around.owner[bonds], around.neighbours[bonds]
        self.offset, self.quadrature = around.offsets[bonds], around.weights[bonds]
        self.radius = np.hypot(*self.offset.T)
        self.basis = bernstein(degree, self.radius / where.horizon)
        self.start_of = np.searchsorted(self.owner, np.arange(len(where.points) + 1))
        u = u - u.mean(axis=1, keepdims=True)
        self.u, self.b = (np.moveaxis(one, 0, -1) for one in (u, b))  # (n, 2, s)
        count = np.sqrt(len(u))
        self.scale_b, self.scale_u = (count * np.sqrt((one**2).sum(axis=(0, 1))) for one in (self.b, self.u))
        self.u_stretch = self._stretch(self.u)
        self.cuts: list[tuple[str, Array]] = []
        self.longest = (2 * np.pi / max(where.box)) ** 2

    def start(self, random: np.random.Generator) -> Array:
        return np.concatenate(
            [[0.7, 0.7, random.uniform(-1.0, 2.0)], random.uniform(0.0, 1.0, self.degree + 1)]
        )

    def material(self, p: Array) -> LinearPeridynamicSolid:
        influence = InfluenceFunction(self.where.horizon, float(p[2]), p[3:] * _UNIT ** p[2])
        return LinearPeridynamicSolid(influence, float(p[0] - p[1]), float(p[1]))

    def minimize(self, start: Array, evaluations: int) -> OptimizeResult:
        lower, upper = np.full(len(start), -np.inf), np.full(len(start), np.inf)
        lower[:3], upper[2] = (1e-6, 1e-6, -2.0), 2.999
        start = start.copy()
        start[3:] /= np.abs(start[3:]).mean()  # only the shape of K matters
        return leastsquares.minimize(self._evaluate, start, (lower, upper), evaluations, ftol=1e-7)

    def cut(self, p: Array) -> tuple[float, float]:
        """Add the eigenvectors that violate a condition; the smallest eigenvalues (see ScatteredFit)."""
        rows = operator_on(self.where.around, self.material(p))
        lowest = []
        for kind, matrix in (("L", rows.matrix() / p[1]), ("gamma", rows.deviatoric)):
            values, vectors = np.linalg.eigh(_without_translations(matrix.toarray(), 1e3 * self.longest))
            lowest.append(float(values[0] / self.longest))
            for v in vectors[:, values < 0][:, :8].T:
                self.cuts.append((kind, v.reshape(-1, 2)))
        return lowest[0], lowest[1]

    def _evaluate(self, p: Array) -> tuple[Array, Array]:
        strength, slopes = self._strengths(p)
        image, d_image = self._apply(p, strength, slopes, self.u_stretch)
        blocks = [((image - self.b) / self.scale_b, d_image / self.scale_b)]
        if self.weight:
            matrix = _deflated(operator_on(self.where.around, self.material(p)).matrix().toarray())
            shape = self.b.shape
            found = np.linalg.solve(matrix, self.b.reshape(-1, shape[2])).reshape(shape)
            _, d_found = self._apply(p, strength, slopes, self._stretch(found))
            flat = np.moveaxis(d_found, 0, -1).reshape(len(matrix), -1)
            d_found = -np.moveaxis(np.linalg.solve(matrix, flat).reshape(*shape, -1), -1, 0)
            found, d_found = (one - one.mean(axis=-3, keepdims=True) for one in (found, d_found))
            scale = self.weight / self.scale_u
            blocks.append(((found - self.u) * scale, d_found * scale))
        residual = np.concatenate([r.ravel() for r, _ in blocks])
        slope = np.concatenate([j.reshape(len(p), -1) for _, j in blocks], axis=1).T
        size = p[3:] / len(p[3:])
        gauge = np.concatenate([np.zeros(3), 2 * size])  # keeps the scale of D
        parts = [(residual, slope), (np.array([1e-2 * (size @ p[3:] - 1)]), 1e-2 * gauge[None])]
        parts += [self._penalty(p, strength, slopes, kind, v) for kind, v in self.cuts]
        return np.concatenate([r for r, _ in parts]), np.concatenate([j for _, j in parts])

    def _penalty(self, p: Array, strength: Array, slopes: Array, kind: str, v: Array) -> tuple[Array, Array]:
        stretch = self._stretch(v[:, :, None])
        if kind == "gamma":
            q = np.concatenate([[2.0, 1.0], p[2:]])  # λ = μ = 1: no dilatation
            image, d_image = self._apply(q, strength, slopes, stretch)
            d_image[:2] = 0.0
        else:
            image, d_image = self._apply(p, strength, slopes, stretch)
            image, d_image = image / p[1], d_image / p[1]
            d_image[1] -= image / p[1]
        excess = (v * image[..., 0]).sum() / self.longest - _MARGIN
        slope = (v * d_image[..., 0]).sum(axis=(1, 2)) / self.longest
        active = -_STEEP if excess < 0 else 0.0
        return np.array([active * excess]), active * slope[None]

    def _stretch(self, u: Array) -> Array:
        """z·(u_j − u_i) of all bonds, ``(bonds, s)``, for u ``(n, 2, s)``."""
        return np.einsum("bi,bis->bs", self.offset, u[self.other] - u[self.owner])

    def _strengths(self, p: Array) -> tuple[Array, Array]:
        """K W of all bonds, and its derivatives with respect to α and D: ``(b,)`` and ``(b, M + 2)``."""
        r = self.radius / _UNIT
        slope = self.basis * (self.quadrature * r ** -p[2])[:, None]
        strength = slope @ p[3:]
        return strength, np.concatenate([(-np.log(r) * strength)[:, None], slope], axis=1)

    def _sum(self, values: Array) -> Array:
        """Sum bond values ``(b, ...)`` over families: ``(n, ...)``."""
        return np.add.reduceat(values, self.start_of[:-1], axis=0)

    def _apply(self, p: Array, strength: Array, slopes: Array, stretch: Array) -> tuple[Array, Array]:
        """L u ``(n, 2, s)`` and its derivatives ``(p, n, 2, s)``, for u with the given bond stretches."""
        n, factor, mu = len(self.where.points), p[0] - 2 * p[1], p[1]
        square = self.radius**2
        bond = self.offset / square[:, None]
        rows = csr_matrix((np.ones(len(square)), np.arange(len(square)), self.start_of), (n, len(square)))

        def weighted(w: Array) -> tuple[Array, Array, Array]:
            """m, Σ w z·Δu and Σ w z (z·Δu)/|z|² for bond strengths w."""
            scaled = w[:, None] * stretch
            pull = np.stack([rows @ (bond[:, i, None] * scaled) for i in range(2)], axis=1)
            return rows @ (w * square), rows @ scaled, pull

        def couple(w: Array, theta: Array) -> Array:
            """Σ w z (θ_i + θ_j) ``(n, 2, s)``."""
            parts = []
            for i in range(2):
                data = w * self.offset[:, i]
                link = csr_matrix((data, self.other, self.start_of), (n, n))
                parts.append(link @ theta + (rows @ data)[:, None] * theta)
            return np.stack(parts, axis=1)

        m, total, pull = weighted(strength)
        theta = 2 * total / m[:, None]
        m3 = m[:, None, None]
        coupling = -2 * couple(strength, theta) / m3
        deviatoric = -16 * pull / m3
        image = factor * coupling + mu * deviatoric
        slope = np.empty((len(p), *image.shape))
        slope[0], slope[1] = coupling, deviatoric - 2 * coupling
        for index, w in enumerate(slopes.T):
            dm, d_total, d_pull = weighted(w)
            d_theta = (2 * d_total - theta * dm[:, None]) / m[:, None]
            dm3 = dm[:, None, None]
            d_coupling = -(2 * (couple(w, theta) + couple(strength, d_theta)) + coupling * dm3) / m3
            d_deviatoric = -(16 * d_pull + deviatoric * dm3) / m3
            slope[index + 2] = factor * d_coupling + mu * d_deviatoric
        return image, slope


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
