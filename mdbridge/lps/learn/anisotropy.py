"""Whether samples are those of an isotropic solid: constants of both kinds, fitted to their long waves.

A linear peridynamic solid is isotropic.  It fits what is not as well as it can, with errors that may look
small; that its moduli are then a compromise no error bar tells.  What does is classical elasticity of both
kinds in Fourier space, b = Γ(k) u with Γ_ij = C_imjn k_m k_n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spectral import Samples

Array = NDArray[np.float64]

CONSTANTS = ("C11", "C22", "C12", "C66", "C16", "C26")
"""Of an elastic sheet of any symmetry."""

# of an isotropic sheet: what λ and μ are in each of these
_ISOTROPIC = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
# node spacings in a wave that tells elasticity: shorter ones tell of the crystal, or of the grid
_LONG = 8.0
# singular values below this part of the largest belong to constants of which the samples say nothing
_TOLD = 1e-4

# long waves that hold less than this of a sample's load hold nothing
_PART = 1e-4


@dataclass(frozen=True)
class Elasticity:
    """Two fits to the same waves.

    Attributes:
        constants: by the names of :data:`CONSTANTS`, in the unit of the samples' moduli.
        misfit: what these miss, relative to the loads.
        isotropic_misfit: the same of the best λ and μ.
    """

    constants: dict[str, float]
    misfit: float
    isotropic_misfit: float


def fit(sets: Sequence[Samples]) -> Elasticity | None:
    """Constants of both kinds, by least squares; None where too few long waves tell all six."""
    rows, loads = [], []
    for samples in sets:
        square = (samples.wavevectors**2).sum(axis=1)
        long = square <= (2 * np.pi / (_LONG * samples.spacing.max())) ** 2
        if not long.any():
            continue
        # over k²: waves count by their displacements, as moduli do
        whole = samples.b / square[None, :, None]
        # by the whole sample: what a sample without long waves has of them is round-off
        scale = np.sqrt((np.abs(whole) ** 2).sum(axis=(1, 2)))[:, None, None]
        direction = samples.wavevectors[long] / np.sqrt(square[long])[:, None]
        design = _design(direction, samples.u[:, long] / scale)
        load = (whole[:, long] / scale).ravel()
        rows += [design.real, design.imag]
        loads += [load.real, load.imag]
    if not rows:
        return None
    matrix, load = np.concatenate(rows), np.concatenate(loads)
    size = float(np.linalg.norm(load))
    values = np.linalg.svd(matrix, compute_uv=False)
    # samples are of length 1 each: so small a part of them is round-off
    if size < _PART or len(matrix) < len(CONSTANTS) or values[-1] < _TOLD * values[0]:
        return None

    def solve(columns: Array) -> tuple[Array, float]:
        solution = np.linalg.lstsq(columns, load, rcond=None)[0]
        return solution, float(np.linalg.norm(columns @ solution - load)) / size

    constants, misfit = solve(matrix)
    _, isotropic = solve(matrix @ _ISOTROPIC)
    return Elasticity(dict(zip(CONSTANTS, map(float, constants), strict=True)), misfit, isotropic)


def _design(direction: Array, u: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """What each constant of :data:`CONSTANTS` makes of unit wave vectors ``(k, 2)`` and ``u`` ``(s, k, 2)``.

    Returns:
        ``(s k 2, 6)``: loads over k².
    """
    x, y = direction.T
    first, second = u[..., 0], u[..., 1]
    zero = np.zeros_like(first)
    columns = (
        (x * x * first, zero),
        (zero, y * y * second),
        (x * y * second, x * y * first),
        (y * y * first + x * y * second, x * x * second + x * y * first),
        (2 * x * y * first + x * x * second, x * x * first),
        (y * y * second, 2 * x * y * second + y * y * first),
    )
    return np.stack([np.stack(pair, axis=-1).ravel() for pair in columns], axis=1)
