"""The LPS operator on a strip of a uniform grid, as a product with its symbol.

Two transforms stand for all bonds and no matrix is stored.  The operator reaches 2δ and no farther: with
as many rows and columns of margin the transform's periodicity does not matter, and each rank transforms
its own strip alone.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .kernel import share
from .material import C1, C2, LinearPeridynamicSolid, combined
from .stencil import Stencil

Floats = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


class Convolution:
    """L on arrays of displacements, ``(2, rows, columns)``; right where all of the 2δ around is given.

    Attributes:
        diagonal: ``(2,)`` the entries that couple a point's displacements with themselves (TPa/Å²).
    """

    def __init__(self, material: LinearPeridynamicSolid, stencil: Stencil, shape: tuple[int, int]):
        """Compute the symbol.

        Args:
            stencil: of the material's quadrature; its spacings are those of columns and of rows.
            shape: rows and columns of the arrays that come, without any margin.

        Raises:
            ValueError: the stencil is of another quadrature than the material.
        """
        material.require_quadrature(stencil.quadrature)
        self.shape = shape
        # the transform is periodic: twice the stencil's reach keeps what wraps around out of sight
        margin = 2 * np.abs(stencil.index).max(axis=0)[::-1]
        self._padded = tuple(
            fft.next_fast_len(int(n + m), real=True) for n, m in zip(shape, margin, strict=True)
        )
        z, square = stencil.offsets, (stencil.offsets**2).sum(axis=1)
        volumetric, deviatoric = (
            stencil.strength @ share(influence(stencil.radii), stencil.volume)
            for influence in (material.dilatation_influence, material.influence)
        )
        # g of a plane wave, whose sums over sines are the transform's imaginary part
        g = [self._transform(stencil, C1 * volumetric * z[:, axis]).imag for axis in range(2)]
        pairs = {}
        for i, j in ((0, 0), (0, 1), (1, 1)):
            bonds = C2 * deviatoric * z[:, i] * z[:, j] / square
            big_g = bonds.sum() - self._transform(stencil, bonds).real
            pairs[i, j] = combined(material.lame_lambda, material.lame_mu, g[i] * g[j], big_g)
        self._symbol = pairs
        self.diagonal = np.array([self._mean(pairs[0, 0]), self._mean(pairs[1, 1])])

    def __call__(self, u: Floats) -> Floats:
        """L u ``(2, rows, columns)`` (TPa/Å² times u's unit)."""
        x, y = (fft.rfft2(part, s=self._padded) for part in u)
        symbol = self._symbol
        image = [symbol[0, 0] * x + symbol[0, 1] * y, symbol[0, 1] * x + symbol[1, 1] * y]
        rows, columns = self.shape
        return np.stack([fft.irfft2(part, s=self._padded)[:rows, :columns] for part in image])

    def _transform(self, stencil: Stencil, bonds: Floats) -> Spectrum:
        """Σ_z bond(z) exp(i k·z) at all wave vectors of the transform."""
        values = np.zeros(self._padded)
        # exp(+i k·z): the bonds' mirror images
        column, row = (-stencil.index % np.array(self._padded[::-1])).T
        np.add.at(values, (row, column), bonds)
        return np.asarray(fft.rfft2(values))

    def _mean(self, symbol: Floats) -> float:
        return float(fft.irfft2(symbol, s=self._padded)[0, 0])
