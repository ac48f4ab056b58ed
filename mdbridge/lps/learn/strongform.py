"""Classical elasticity in its strong form on any points: what a model learned from them is worth beside.

−(λ + μ) ∇(∇·u) − μ Δu = b, the limit of [You2022, eq. 3.4] for δ → 0, with the second derivatives of the
polynomial of fourth degree that is nearest, by weighted least squares, to u at the points around each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from ...core.errors import ConvergenceError
from ...fields.fieldset import FieldSet
from .clouds import Cloud, cloud_of
from .local import displacement_size, is_loaded

Array = NDArray[np.float64]

_POWERS = [(i, n - i) for n in range(5) for i in range(n, -1, -1)]  # of x and y: fourth degree
_REACH = 3.3  # mean spacings: some thirty points for fifteen coefficients
_ITERATIONS = 30
_SETTLED = 1e-10
_DETERMINED = 1e12  # condition number
_RANK = 1e-7  # of singular values


@dataclass(frozen=True)
class Problem:
    """Samples on points, with the two parts of L = (λ + μ) V + μ S where the equation is asked for.

    Attributes:
        cloud: the points; those inside are where families of a learned model are whole.
        volumetric, shear: V and S, ``2i x 2c`` (1/Å²).
        u: ``(2c, s)`` (Å).
        b: ``(2i, s)`` (TPa/Å).
        size: ``(s,)`` norm of the displacements inside (Å).
    """

    cloud: Cloud
    volumetric: csr_matrix
    shear: csr_matrix
    u: Array
    b: Array
    size: Array

    def wrong(self, bulk: float, mu: float) -> tuple[Array, Array]:
        """What the solution is off, u − L⁻¹b ``(2i, s)``, and its slopes ``(2, 2i, s)`` in λ + μ and μ.

        Displacements of points that are not inside are given.
        """
        operator = csr_matrix(bulk * self.volumetric + mu * self.shear)
        invert = self.cloud.inverse(operator)
        off = invert(operator @ self.u - self.b)
        # u less what is off there is the solution
        solution = self.u.copy()
        solution[self.cloud.inside] -= off
        return off, np.stack([invert(part @ solution) for part in (self.volumetric, self.shear)])

    def residual(self, bulk: float, mu: float) -> Array:
        """Relative errors ``(s,)`` of the residual, NaN without a load."""
        load = np.where(is_loaded(self.b, self.size), np.linalg.norm(self.b, axis=0), np.nan)
        residual = (bulk * self.volumetric + mu * self.shear) @ self.u - self.b
        return np.asarray(np.linalg.norm(residual, axis=0) / load)

    def errors(self, bulk: float, mu: float) -> tuple[Array, Array]:
        """Relative errors ``(s,)`` of the residual, NaN without a load, and of the solution."""
        off, _ = self.wrong(bulk, mu)
        return self.residual(bulk, mu), np.linalg.norm(off, axis=0) / self.size


def problem_of(fields: FieldSet, horizon: float) -> Problem:
    """The samples of a set where the families of a model with ``horizon`` (Å) are whole.

    Raises:
        InputError: as :func:`.clouds.cloud_of`.
        ConvergenceError: the points around one do not determine a polynomial of fourth degree.
    """
    cloud = cloud_of(fields, horizon)
    xx, xy, yy = _second_derivatives(cloud, _REACH * fields.spacing)
    u = cloud.of_columns(fields.deformation)
    return Problem(
        cloud,
        _interleaved(-xx, -xy, -yy),
        _interleaved(-(xx + yy), csr_matrix(xy.shape), -(xx + yy)),
        u,
        cloud.of_interior(fields.b),
        displacement_size(cloud, fields),
    )


def fit(
    problems: Sequence[Problem], start: tuple[float, float], weights: Sequence[Array] | None = None
) -> tuple[float, float]:
    """λ + μ and μ with the least sum of squares of the samples' relative errors of the solution.

    Args:
        start: of both (TPa), positive.
        weights: ``(s,)`` of the samples of each problem.

    Raises:
        ConvergenceError: they run away: these are no samples of an elastic solid.
    """
    moduli = np.array(start)
    shares = [np.ones(len(p.size)) for p in problems] if weights is None else weights
    for _ in range(_ITERATIONS):
        step = change(problems, [problem.wrong(*moduli) for problem in problems], shares)
        # a modulus stays above a tenth of itself
        moduli = np.maximum(moduli + step, 0.1 * moduli)
        if np.abs(step).max() < _SETTLED * moduli.max():
            return float(moduli[0]), float(moduli[1])
    raise ConvergenceError("classical elasticity fits these samples with no moduli in particular")


def change(
    problems: Sequence[Problem], wrongs: Sequence[tuple[Array, Array]], weights: Sequence[Array]
) -> Array:
    """How λ + μ and μ change ``(2,)`` towards the least sum of squares: a step of Gauss and Newton.

    Args:
        wrongs: of each problem, :meth:`Problem.wrong`.
        weights: ``(s,)`` of its samples.

    Raises:
        ConvergenceError: samples with a weight do not tell both.
    """
    normal, right = np.zeros((2, 2)), np.zeros(2)
    for problem, (off, slopes), share in zip(problems, wrongs, weights, strict=True):
        factor = share / problem.size**2
        normal += np.einsum("ais,bis,s->ab", slopes, slopes, factor)
        right += np.einsum("ais,is,s->a", slopes, off, factor)
    if not np.linalg.cond(normal) < _DETERMINED:
        raise ConvergenceError("the samples do not tell both moduli")
    # u − L⁻¹b grows with the moduli: −(dL⁻¹) b = L⁻¹ (dL) L⁻¹ b
    return np.asarray(-np.linalg.solve(normal, right))


def _second_derivatives(cloud: Cloud, reach: Array) -> tuple[csr_matrix, csr_matrix, csr_matrix]:
    """∂xx, ∂xy and ∂yy at the interior from values at the columns, each ``i x c``."""
    around, _ = cloud.around.of(cloud.interior)
    place = np.full(int(cloud.columns.max()) + 1, -1)
    place[cloud.columns] = np.arange(len(cloud.columns))
    entries: list[tuple[Array, Array, Array]] = []
    for row, (begin, end) in enumerate(zip(around.start[:-1], around.start[1:], strict=True)):
        z = around.offsets[begin:end] / reach
        radius = np.hypot(*z.T)
        near = radius < 1
        weight = (1 - radius[near]) ** 2
        # along both axes in the data's own spacings: rows of an elongated grid are as many as columns
        x, y = z[near].T
        basis = np.stack([x**i * y**j for i, j in _POWERS], axis=1)
        left, singular, right = np.linalg.svd(basis * weight[:, None], full_matrices=False)
        if len(singular) < len(_POWERS) or singular[-1] < _RANK * singular[0]:
            raise ConvergenceError("the points around one do not determine a polynomial of fourth degree")
        coefficients = (right.T / singular) @ left.T * weight
        of = {power: coefficients[n] for n, power in enumerate(_POWERS)}
        x_scale, y_scale = reach
        values = np.stack(
            [2 * of[2, 0] / x_scale**2, of[1, 1] / (x_scale * y_scale), 2 * of[0, 2] / y_scale**2]
        )
        entries.append((np.full(near.sum(), row), place[around.neighbours[begin:end][near]], values.T))
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    shape = (len(cloud.interior), len(cloud.columns))
    xx, xy, yy = (csr_matrix(coo_matrix((v, (rows, columns)), shape)) for v in values.T)
    return xx, xy, yy


def _interleaved(xx: csr_matrix, xy: csr_matrix, yy: csr_matrix) -> csr_matrix:
    """Blocks of x and y as rows and columns x, y, x, y, …."""
    parts = []
    for (row, column), block in (((0, 0), xx), ((0, 1), xy), ((1, 0), xy), ((1, 1), yy)):
        coo = coo_matrix(block)
        parts.append((coo.data, 2 * coo.row + row, 2 * coo.col + column))
    data, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return csr_matrix((data, (rows, columns)), shape=(2 * xx.shape[0], 2 * xx.shape[1]))
