"""The projection onto quasi-static equilibrium, [Kontolati2021, sec. 5.1.3; Rycroft2015].

All of it is one elliptic solve for the velocity: with the stress rate split
into R (everything but C : D) and C : D(V), ∇·Σ̇ = 0 reads, in the physical
components v = T V and with the constant wave operator κ = T⁻ᵀ K,

    ∇·[C : sym ∇v] = −T ∇·R,    symbol  μ |κ|² I + (λ + μ) κ κᵀ.

K is the symbol of the four-cell differences of the staggered grid.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ..frame import inverse
from ..ratelaw import Material
from ..staggered import Domain, owned
from .fourier import SpectralSolver, WholeRows

Fields = NDArray[np.float64]


class Projection(Protocol):
    """Solves for the velocity that restores equilibrium."""

    def solve(self, force: Fields, matrix: NDArray[np.float64], velocity: Fields) -> None:
        """Set the owned part of ``velocity`` (collective).

        Args:
            force: T ∇·R at the owned corners, ``(2, rows, columns)``, GPa/Å; may be overwritten.
            matrix: T, ``(2, 2)``.
            velocity: V in Å, ``(2, rows + 4, columns + 4)``; on exit free of
                translations and checkerboards.

        Raises:
            ConvergenceError: the tolerance was not reached.
        """

    def smooth(self, values: NDArray[np.float64], metric: NDArray[np.float64], cut: float) -> None:
        """See :meth:`mdbridge.stz.equilibrium.fourier.SpectralSolver.smooth` (collective)."""


class FourierProjection:
    """Exact inverse on the whole periodic grid: a transform of two fields and a closed form."""

    def __init__(self, domain: Domain, material: Material):
        """Raises InputError: the grid is clamped or shared by several ranks."""
        grid = domain.grid
        if grid.boundary != "periodic" or domain.shape != grid.shape:
            raise InputError(
                "projection = 'fourier' needs a periodic grid on one rank; use projection = 'petsc'"
            )
        spectral = SpectralSolver(grid, material, WholeRows(grid))
        self._spectral, self.smooth = spectral, spectral.smooth

    def solve(self, force: Fields, matrix: NDArray[np.float64], velocity: Fields) -> None:
        """See :class:`Projection`."""
        self._spectral.solve(force, matrix, inverse(matrix), owned(velocity))
