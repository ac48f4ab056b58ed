"""The lowest eigenvalues of operators on scattered points, dense where they are small, sparse beyond."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvals
from scipy.sparse import csc_matrix, csr_matrix, hstack, identity, vstack
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh, splu

Array = NDArray[np.float64]

_DENSE = 3000  # rows: beyond, all eigenvalues take minutes
_VECTORS = 60  # of a Krylov space: it shows what lies below all else by 1e-3 of the largest eigenvalue
_NEAR = 12  # eigenvalues next to zero that are looked at


@dataclass(frozen=True)
class Held:
    """An operator ``2n x 2n`` whose translations, if it does not feel them, are above all that matters.

    Attributes:
        matrix: as it is.
        floats: whether it does not feel translations: they get its mean diagonal.
    """

    matrix: csr_matrix
    floats: bool

    @property
    def size(self) -> int:
        """Rows."""
        return int(self.matrix.shape[0])

    @property
    def modes(self) -> Array:
        """``(2n, 2 or 0)`` translations, each of length one times the root of what it gets."""
        if not self.floats:
            return np.empty((self.size, 0))
        weight = float(np.abs(self.matrix.diagonal()).mean())
        return np.tile(np.eye(2), (self.size // 2, 1)) * np.sqrt(2 * weight / self.size)

    def dense(self) -> Array:
        """All of it."""
        return np.asarray(self.matrix.toarray() + self.modes @ self.modes.T)

    def operator(self) -> LinearOperator:
        """By products with vectors."""
        modes = self.modes

        def product(v: Array) -> Array:
            return np.asarray(self.matrix @ v + modes @ (modes.T @ v))

        return LinearOperator((self.size, self.size), matvec=product, dtype=np.float64)

    def inverse(self, shift: float) -> LinearOperator:
        """(L − shift)⁻¹, by sparse factors of the matrix bordered with the modes."""
        modes = csr_matrix(self.modes)
        count = modes.shape[1]
        shifted = self.matrix - shift * identity(self.size, format="csr")
        # of [A M; Mᵀ −1] the upper part solves (A + M Mᵀ) x = b
        above, below = hstack([shifted, modes]), hstack([modes.T, csr_matrix(-np.eye(count))])
        factors = splu(csc_matrix(vstack([above, below]) if count else shifted))

        def solved(v: Array) -> Array:
            return np.asarray(factors.solve(np.concatenate([np.ravel(v), np.zeros(count)]))[: self.size])

        return LinearOperator((self.size, self.size), matvec=solved, dtype=np.float64)


def lowest_real_part(held: Held) -> float:
    """The smallest real part of an eigenvalue.

    Of large operators it is looked for in two places: far below all others, where a Krylov space shows
    it first, and next to zero.
    """
    if held.size <= _DENSE:
        return float(eigvals(held.dense()).real.min())
    low = _far_below(lambda vectors: eigs(held.operator(), k=2, which="SR", **vectors), held.size)
    near = eigs(
        held.operator(),
        k=_NEAR,
        sigma=0.0,
        OPinv=held.inverse(0.0),
        v0=_start(held.size),
        return_eigenvectors=False,
    )
    return float(min([*np.real(near), *low]))


def lowest(held: Held, count: int) -> tuple[Array, Array]:
    """The ``count`` lowest eigenvalues, ascending, of a symmetric operator, and vectors ``(2n, count)``."""
    if held.size <= _DENSE:
        values, vectors = eigh(held.dense(), subset_by_index=[0, min(count, held.size) - 1])
        return np.asarray(values), np.asarray(vectors)
    below = _far_below(lambda vectors: eigsh(held.operator(), k=2, which="SA", **vectors), held.size)
    size = float(np.abs(held.matrix.diagonal()).mean())
    # below all of them, so that those next to it are the lowest
    shift = min([*below, 0.0]) - 1e-2 * size
    values, vectors = eigsh(
        held.operator(), k=count, sigma=shift, OPinv=held.inverse(shift), v0=_start(held.size)
    )
    order = np.argsort(values)
    return np.asarray(values)[order], np.asarray(vectors)[:, order]


def _far_below(solve: Callable[[dict[str, Any]], Any], size: int) -> list[float]:
    """What a Krylov space shows of the lowest end, converged or not: it converges where there is a gap."""
    options = {"ncv": _VECTORS, "tol": 1e-3, "maxiter": 10, "v0": _start(size), "return_eigenvectors": False}
    try:
        return [float(value) for value in np.real(solve(options))]
    except ArpackNoConvergence as error:
        return [float(value) for value in np.real(error.eigenvalues)]


def _start(size: int) -> Array:
    # ARPACK's own start is random: the same matrix must give the same answer
    return np.random.default_rng(0).standard_normal(size)
