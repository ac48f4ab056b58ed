"""Initial effective temperatures by formula."""

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .staggered import Grid

Array = NDArray[np.float64]


def uniform(grid: Grid, chi: float) -> Array:
    """The same χ in all cells, ``(ny, nx)``."""
    return np.full(grid.shape, chi)


def bump(grid: Grid, chi: float, amplitude: float, width: float) -> Array:
    """χ + amplitude exp(−r²/2 width²) about the middle of the box, summed over periodic images.

    Args:
        grid: the grid.
        chi: background.
        amplitude: height above the background.
        width: standard deviation in Å.
    """
    shape_x = _periodic_gaussian(grid.lx, grid.nx, width)
    shape_y = _periodic_gaussian(grid.ly, grid.ny, width)
    return chi + amplitude * shape_y[:, None] * shape_x


def random(grid: Grid, chi: float, amplitude: float, width: float, seed: int) -> Array:
    """A Gaussian random field of mean χ, standard deviation ``amplitude`` and correlation length ``width``.

    White noise filtered by exp(−k² width²/2) on the periodic grid, so that the
    covariance is exp(−r²/4 width²); normalised to the mean and the deviation exactly.

    Args:
        grid: the grid.
        chi: mean.
        amplitude: standard deviation over the cells.
        width: filter width in Å.
        seed: of the noise.
    """
    noise = np.random.default_rng(seed).standard_normal(grid.shape)
    kx = 2.0 * np.pi * np.fft.rfftfreq(grid.nx, grid.dx)
    ky = 2.0 * np.pi * np.fft.fftfreq(grid.ny, grid.dy)
    spectrum = np.fft.rfft2(noise) * np.exp(-0.5 * width**2 * (kx**2 + ky[:, None] ** 2))
    field = np.fft.irfft2(spectrum, s=grid.shape)
    # the moments of one sample are not those of the noise, in a small box least of all
    field -= field.mean()
    deviation = field.std()
    if not deviation > 0.0:
        raise InputError(
            f"initial: width = {width} Å leaves no variation in a box of {grid.lx} × {grid.ly} Å"
        )
    return chi + amplitude * field / deviation


def _periodic_gaussian(length: float, count: int, width: float) -> Array:
    """exp(−d²/2 width²) at cell centres, d from the middle, with the images that matter."""
    centres = (np.arange(count) + 0.5) * length / count
    # eight widths away a Gaussian is below 1e-13 of itself
    images = np.arange(-1 - int(8.0 * width / length), 2 + int(8.0 * width / length))
    distance = centres[:, None] - 0.5 * length + images * length
    return np.exp(-0.5 * (distance / width) ** 2).sum(axis=1)
