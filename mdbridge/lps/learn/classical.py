"""What classical elasticity makes of samples: the first guess of λ and μ, and whether they are determined.

In Fourier space a wave of the displacement is along k or across it; b/(k² u) is λ + 2μ of the one and μ
of the other.  Samples without the one or the other, however many, say nothing of that modulus.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .spectral import Samples

Array = NDArray[np.float64]

# of the power of the displacements: what is below is round-off, of float32 files too
_NOTHING = 1e-10
# of the samples, whose loads have one sign for one reason
_MOST = 0.9


@dataclass(frozen=True)
class Elastic:
    """Moduli of a classical solid that fits the samples.

    Attributes:
        lame_lambda, lame_mu: λ and μ (TPa).
        longitudinal, transverse: shares of the power of all displacements, of 1.
        work: ``(s,)`` u · b over |u| |b| of each sample, 1 at most.
    """

    lame_lambda: float
    lame_mu: float
    longitudinal: float
    transverse: float
    work: Array


def fit(sets: Sequence[Samples]) -> Elastic:
    """λ and μ by least squares in the displacements, of all samples of periodic sets.

    Raises:
        InputError: the samples do not determine both; says which, and what is missing in them.
    """
    # (along, across): Σ |u|², Σ |b/k²|² and Σ b/k² · u, each sample over its own |u|²
    power, compliance, product = np.zeros(2), np.zeros(2), np.zeros(2)
    work = []
    for samples in sets:
        k = samples.wavevectors
        square = (k**2).sum(axis=1)
        direction = k / np.sqrt(square)[:, None]
        norm = (np.abs(samples.u) ** 2).sum(axis=(1, 2))
        parts = []
        for field in (samples.u, samples.b / square[:, None]):
            along = (field * direction).sum(axis=2)[..., None] * direction
            parts.append((along, field - along))
        for kind in range(2):
            u, b = parts[0][kind], parts[1][kind]
            power[kind] += ((np.abs(u) ** 2).sum(axis=(1, 2)) / norm).sum()
            compliance[kind] += ((np.abs(b) ** 2).sum(axis=(1, 2)) / norm).sum()
            product[kind] += ((u * b.conj()).real.sum(axis=(1, 2)) / norm).sum()
        size = np.sqrt(norm * (np.abs(samples.b) ** 2).sum(axis=(1, 2)))
        work.append((samples.u * samples.b.conj()).real.sum(axis=(1, 2)) / size)
    shares = power / power.sum()
    require_both(shares)
    with np.errstate(divide="ignore"):
        pressure, shear = compliance / product
    return Elastic(
        float(pressure - 2 * shear), float(shear), float(shares[0]), float(shares[1]), np.concatenate(work)
    )


def require_sign(elastic: Elastic) -> None:
    """Refuse loads that displacements run against: in a periodic body at rest their work is positive.

    Raises:
        InputError: says of how many samples, and what to do.
    """
    wrong = elastic.work <= 0
    if wrong.mean() > 0.5 or elastic.lame_mu <= 0:
        # all of them: the sign; some: not the loads of these displacements
        remedy = (
            "their sign is reversed; b is the body force that acts on the material, b = −div σ: "
            "multiply b by −1"
            if wrong.mean() > _MOST
            else "u and b do not belong together: check the order of samples and nodes, and whether x and y "
            "of either are exchanged; b = −div σ"
        )
        raise InputError(
            f"the loads of {int(wrong.sum())} of {len(wrong)} samples do negative work on their "
            f"displacements{', and by least squares μ < 0' if elastic.lame_mu <= 0 else ''}: {remedy}"
        )


def require_both(shares: Array, nothing: float = _NOTHING) -> None:
    """Refuse samples without divergence or without shear: ``shares`` ``(2,)`` of these, of 1.

    Raises:
        InputError: which constants are not determined, and what is missing.
    """
    if shares[0] < nothing:
        raise InputError(
            "the displacements of all samples are free of divergence: they determine μ alone, and neither λ "
            "nor E nor ν; add samples that stretch or compress the material"
        )
    if shares[1] < nothing:
        raise InputError(
            "the displacements of all samples are free of shear (gradients of a potential): they determine "
            "λ + 2μ alone, and neither λ nor μ, E or ν; add samples with transverse waves"
        )
