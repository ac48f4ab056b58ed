"""The exponential time filter on displacements, [You2022, eq. 2.10].

These loops run at every step over all atoms, so they are compiled, work in
place, and decode image flags only of atoms that have left the box.
"""

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled


def taken_up(weight: float, steps: int) -> float:
    """The share of a steady displacement that a filter has after some steps: it begins with U = 0."""
    return float(1.0 - (1.0 - weight) ** steps)


@compiled(inline="always")
def _shift(image: int, box: NDArray[np.float64], bits: int) -> tuple[float, float, float]:
    """The translation that packed image flags stand for."""
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    # flags are stored with half of their range added, so that they are never negative
    a = (image & mask) - half
    b = ((image >> bits) & mask) - half
    c = (image >> (2 * bits)) - half
    return (
        a * box[0, 0] + b * box[1, 0] + c * box[2, 0],
        a * box[0, 1] + b * box[1, 1] + c * box[2, 1],
        a * box[0, 2] + b * box[1, 2] + c * box[2, 2],
    )


@compiled()
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
    for i in range(out.shape[0]):
        shift = _shift(image[i], box, bits)
        for j in range(out.shape[1]):
            out[i, j] = x[i, j] + shift[j] - reference[i, j]


@compiled()
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
    half = 1 << (bits - 1)
    # no image in any direction: most atoms, at most steps
    home = half | half << bits | half << (2 * bits)
    planar = smoothed.shape[1] == 2
    for i in range(smoothed.shape[0]):
        shift = (0.0, 0.0, 0.0)
        if image[i] != home:
            shift = _shift(image[i], box, bits)
        smoothed[i, 0] += weight * (x[i, 0] + shift[0] - reference[i, 0] - smoothed[i, 0])
        smoothed[i, 1] += weight * (x[i, 1] + shift[1] - reference[i, 1] - smoothed[i, 1])
        if not planar:
            smoothed[i, 2] += weight * (x[i, 2] + shift[2] - reference[i, 2] - smoothed[i, 2])
