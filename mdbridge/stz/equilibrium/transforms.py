"""The transforms of the STZ solver, in arrays that the caller keeps.

ducc0 is by the author of the transforms in numpy and scipy, and newer: the same
sums at two to three times the speed, with the vector units of the machine that it runs on.
"""

import ducc0
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


def rows_forward(rows: Array, out: Spectrum) -> Spectrum:
    """Real ``(n, rows, nx)`` to ``(n, rows, nx // 2 + 1)`` along x; returns ``out``."""
    return ducc0.fft.r2c(rows, axes=[2], out=out)


def rows_backward(spectrum: Spectrum, out: Array) -> None:
    """The way back; ``spectrum`` is used up."""
    ducc0.fft.c2r(
        spectrum,
        axes=[2],
        lastsize=out.shape[2],
        forward=False,
        inorm=2,
        out=out,
        allow_overwriting_input=True,
    )


def columns_forward(spectrum: Spectrum) -> None:
    """``(n, ny, k)`` along y, in place."""
    ducc0.fft.c2c(spectrum, axes=[1], out=spectrum)


def columns_backward(spectrum: Spectrum) -> None:
    """The way back, in place."""
    # 2: all of the normalisation, on the way back
    ducc0.fft.c2c(spectrum, axes=[1], forward=False, inorm=2, out=spectrum)


def columns_cosine_forward(spectrum: Spectrum) -> None:
    """The cosine transform (type 2) of ``(n, ny, k)`` along y, in place."""
    # real and imaginary parts, side by side, are columns of their own
    values = spectrum.view(np.float64)
    ducc0.fft.dct(values, type=2, axes=[1], out=values)


def columns_cosine_backward(spectrum: Spectrum) -> None:
    """The way back, in place."""
    values = spectrum.view(np.float64)
    ducc0.fft.dct(values, type=3, axes=[1], inorm=2, out=values)
