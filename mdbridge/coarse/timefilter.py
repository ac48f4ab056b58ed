"""The exponential time filter on displacements, [You2022, eq. 2.10]."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def unwrapped_displacement(
    out: NDArray[np.float64],
    x: NDArray[np.float64],
    image: NDArray[np.integer],
    reference: NDArray[np.float64],
    box: NDArray[np.float64],
    bits: int,
) -> None:
    """Displacements of local atoms from their reference positions, across periodic boundaries.

    Args:
        out: ``(n, d)`` filled with displacements (Å); d may be 2 or 3.
        x: ``(n, 3)`` wrapped positions (Å).
        image: ``(n,)`` packed image flags of LAMMPS, ``bits`` bits a direction.
        reference: ``(n, d)`` unwrapped reference positions (Å).
        box: ``(3, 3)`` edge vectors of the box of the same step, one a row (Å).
        bits: 10 for LAMMPS's 32-bit image flags, 21 for the 64-bit ones.
    """
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    for i in range(out.shape[0]):
        a = (image[i] & mask) - half
        b = ((image[i] >> bits) & mask) - half
        c = (image[i] >> (2 * bits)) - half
        for j in range(out.shape[1]):
            out[i, j] = x[i, j] + a * box[0, j] + b * box[1, j] + c * box[2, j] - reference[i, j]


@njit(cache=True)
def smooth_displacement(
    smoothed: NDArray[np.float64],
    x: NDArray[np.float64],
    image: NDArray[np.integer],
    reference: NDArray[np.float64],
    box: NDArray[np.float64],
    bits: int,
    weight: float,
) -> None:
    """One step of [You2022, eq. 2.10], in place: U ← (1 − ι) U + ι Ũ.

    The arguments are those of :func:`unwrapped_displacement`; ``smoothed``
    ``(n, d)`` is U (Å) and ``weight`` is ι.
    """
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    for i in range(smoothed.shape[0]):
        a = (image[i] & mask) - half
        b = ((image[i] >> bits) & mask) - half
        c = (image[i] >> (2 * bits)) - half
        for j in range(smoothed.shape[1]):
            u = x[i, j] + a * box[0, j] + b * box[1, j] + c * box[2, j] - reference[i, j]
            smoothed[i, j] += weight * (u - smoothed[i, j])
