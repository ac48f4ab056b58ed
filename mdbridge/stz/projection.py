"""The projection onto quasi-static equilibrium, [Kontolati2021, sec. 5.1.3; Rycroft2015].

All of it is one elliptic solve for the velocity: with the stress rate split
into R (everything but C : D) and C : D(V), ∇·Σ̇ = 0 reads, in the physical
components v = T V and with the constant wave operator κ = T⁻ᵀ K,

    ∇·[C : sym ∇v] = −T ∇·R,    symbol  μ |κ|² I + (λ + μ) κ κᵀ.

K is the symbol of the four-cell differences of the staggered grid.
"""

from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..errors import InputError
from .grid import Domain, owned
from .model import Material

Fields = NDArray[np.float64]


class Projection(Protocol):
    """Solves for the velocity that restores equilibrium."""

    def solve(self, force: Fields, matrix: NDArray[np.float64], velocity: Fields) -> None:
        """Set the owned part of ``velocity`` (collective).

        Args:
            force: T ∇·R at the owned corners, ``(2, rows, columns)``, GPa/Å; may be overwritten.
            matrix: T, ``(2, 2)``.
            velocity: V in Å, ``(2, rows + 4, columns + 4)``; on entry a guess,
                on exit free of translations and checkerboards.

        Raises:
            ConvergenceError: an iterative solver did not reach its tolerance.
        """


class FourierProjection:
    """Exact inverse on the whole periodic grid: a transform of two fields and a closed form."""

    def __init__(self, domain: Domain, material: Material):
        """Raises InputError: the grid is clamped or shared by several ranks."""
        grid = domain.grid
        if grid.boundary != "periodic" or domain.shape != grid.shape:
            raise InputError(
                "projection = 'fourier' needs a periodic grid on one rank; use projection = 'petsc'"
            )
        half_x = np.pi * np.arange(grid.nx // 2 + 1) / grid.nx
        half_y = np.pi * fft.fftfreq(grid.ny, 1.0 / grid.ny) / grid.ny
        self._sines = (2.0 / grid.dx * np.sin(half_x), 2.0 / grid.dy * np.sin(half_y))
        self._cosines = (np.cos(half_x), np.cos(half_y))
        self._moduli = (material.mu, material.lame_lambda)
        self._spectrum = np.empty((2, grid.ny, grid.nx // 2 + 1), dtype=complex)

    def solve(self, force: Fields, matrix: NDArray[np.float64], velocity: Fields) -> None:
        """See :class:`Projection`."""
        # one axis at a time and into arrays that stay: on large grids, new ones cost more than the
        # transforms.  numpy's rows take ``out``, scipy's columns work in place.
        spectrum = np.fft.rfft(force, axis=2, out=self._spectrum)
        spectrum = fft.fft(spectrum, axis=1, overwrite_x=True)
        _invert(spectrum, *self._sines, *self._cosines, *self._moduli, matrix)
        spectrum = fft.ifft(spectrum, axis=1, overwrite_x=True)
        np.fft.irfft(spectrum, n=force.shape[2], axis=2, out=owned(velocity))


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _invert(spectrum, sin_x, sin_y, cos_x, cos_y, mu, lame, t):
    """T ∇·R hat -> V hat in place: v = M⁻¹ f by Sherman–Morrison, then V = T⁻¹ v.

    The null vectors of K, translations and (on even grids) checkerboards, are set to zero.
    """
    ratio = (lame + mu) / (lame + 2.0 * mu)
    floor = 1e-20 * (sin_x[-1] ** 2 + np.max(np.abs(sin_y)) ** 2)
    for j in range(len(sin_y)):
        for i in range(len(sin_x)):
            kx, ky = sin_x[i] * cos_y[j], sin_y[j] * cos_x[i]
            # κ = T⁻ᵀ K with det T = 1
            qx = t[1, 1] * kx - t[1, 0] * ky
            qy = t[0, 0] * ky - t[0, 1] * kx
            square = qx * qx + qy * qy
            inverse = 1.0 / (mu * square) if square > floor else 0.0
            along = ratio / square if square > floor else 0.0
            fx, fy = spectrum[0, j, i], spectrum[1, j, i]
            common = along * (qx * fx + qy * fy)
            vx, vy = inverse * (fx - common * qx), inverse * (fy - common * qy)
            spectrum[0, j, i] = t[1, 1] * vx - t[0, 1] * vy
            spectrum[1, j, i] = t[0, 0] * vy - t[1, 0] * vx
