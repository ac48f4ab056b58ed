"""How residuals scatter, and what that says about a point.

A term's residuals are normal, or doubly exponential (Laplace), independent of each
other; their scale is known, or one for the term that is estimated from them.  The
deviance, −2 log L with unknown scales at their most likely values and constants left
out, is

    Σ z²  or  n log Σ z²       normal, scale known or unknown,
    2√2 Σ |z|  or  2n log Σ |z|    Laplace,

with z the residuals over their (relative) standard deviations and n their number.  It
exceeds its minimum by less than :meth:`Likelihood.threshold` in the 95 % region of one
parameter, the others free.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Kind = Literal["gaussian", "laplace"]
LEVEL = 0.95


@dataclass(frozen=True)
class Smooth:
    """Over what the discrepancy of a term is smooth, see :mod:`~mdbridge.calibrate.discrepancy`.

    The residuals over their scale are an array ``n x c``: the points of a curve, c = 1; or the rows of
    the singular vectors of a field, one column for each vector of each snapshot.

    Attributes:
        places: coordinates of the rows, ``(n,)``.
        weights: size of the discrepancy at the rows, in the scale of the residuals, for δ = 1, ``(n,)``.
        alike: covariance of the columns, for δ = 1, ``c x c``.
        numbers: the snapshot of each column, ``(c,)``.
        blocks: columns of each snapshot, whose residuals stand behind each other.
    """

    places: Array
    weights: Array
    alike: Array
    numbers: Array
    blocks: Sequence[int] = (1,)

    @property
    def size(self) -> float:
        """Of the discrepancy in the scale of the residuals, for δ = 1."""
        return float(np.sqrt(np.mean(self.weights**2) * np.mean(np.diag(self.alike))))

    def arranged(self, values: Array) -> Array:
        """``(n c) x q`` residuals in their order, or what goes with them, as ``n x c x q``."""
        parts, start, rows = [], 0, len(self.places)
        for columns in self.blocks:
            block = values[start : start + rows * columns]
            parts.append(block.reshape(rows, columns, -1))
            start += rows * columns
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Noise:
    """How the residuals of one term scatter.

    Attributes:
        term: what they are of, for people.
        kind: their distribution.
        count: how many of them are independent; less than there are where some are bound to others.
        scale: their standard deviations, ``(m,)``, or what these are proportional to.
        known: whether these are the deviations themselves.
        ordered: whether neighbouring residuals are neighbours on a curve.
        angle: by how much noise of scale 1 turns the least singular vector that is kept of a field, in
            radians: where that is no small angle, the residuals are not what they are taken for.
        smooth: over what the discrepancy of the model is smooth; None where the model is taken to be right.
    """

    term: str
    kind: Kind
    count: float
    scale: Array
    known: bool
    ordered: bool = False
    angle: float = 0.0
    smooth: Smooth | None = None

    def deviance(self, z: Array) -> float:
        """Of standardised residuals; −∞ where all are zero and their scale is unknown."""
        total = float(z @ z) if self.kind == "gaussian" else 2.0 * np.sqrt(2.0) * float(np.abs(z).sum())
        if self.known:
            return total
        # n log of the mean square, or 2n log of the mean size: the scale at its most likely value
        power = self.count if self.kind == "gaussian" else 2.0 * self.count
        return power * float(np.log(total)) if total > 0.0 else -np.inf

    def weights(self, z: Array, floor: float) -> Array:
        """w of the quadratic Σ w z² that touches the deviance at ``z``, and lies nowhere below it.

        Args:
            z: standardised residuals, ``(m,)``.
            floor: least |z|, over their mean, of Laplace residuals: the weight is one over it.
        """
        if self.kind == "gaussian":
            common = 1.0 if self.known else self.count / max(float(z @ z), 1e-300)
            return np.full(len(z), common)
        # |z| is touched from above by z²/(2|z₀|) + |z₀|/2
        size = np.abs(z)
        mean = max(float(size.mean()), 1e-300)
        each = 1.0 / np.maximum(size, floor * mean)
        return each * (np.sqrt(2.0) if self.known else self.count / (len(z) * mean))

    def deviation(self, z: Array) -> float:
        """The most likely common scale: the standard deviation of ``z`` about zero; 1 where it is known."""
        if self.known:
            return 1.0
        if self.kind == "gaussian":
            return float(np.sqrt(z @ z / self.count))
        # a Laplace variable's deviation is √2 times its mean size
        return float(np.sqrt(2.0) * np.abs(z).mean())

    @property
    def information(self) -> float:
        """What one residual of standard deviation 1 tells about its mean."""
        return 1.0 if self.kind == "gaussian" else 2.0


@dataclass(frozen=True)
class Likelihood:
    """Of all residuals of a trial, term after term.

    Attributes:
        noises: of the terms, in order; None for residuals that tell nothing.
        sizes: number of residuals of each term.
    """

    noises: Sequence[Noise | None]
    sizes: Sequence[int]

    @property
    def told(self) -> bool:
        """Whether there is a term that scatters in a known way."""
        return any(noise is not None for noise in self.noises)

    @property
    def count(self) -> float:
        """Number of independent residuals."""
        return sum(noise.count for noise in self.noises if noise is not None)

    @property
    def known(self) -> bool:
        """Whether no scale is to be estimated."""
        return all(noise is None or noise.known for noise in self.noises)

    @property
    def discrepant(self) -> bool:
        """Whether the model may be wrong somewhere."""
        return any(noise is not None and noise.smooth is not None for noise in self.noises)

    def parts(self, residual: Array) -> Iterator[tuple[Noise, Array]]:
        """Each term's noise with its residuals, ``(m,)`` or ``m x d``, standardised."""
        start = 0
        for noise, size in zip(self.noises, self.sizes, strict=True):
            part = residual[start : start + size]
            start += size
            if noise is not None:
                yield noise, part / (noise.scale if part.ndim == 1 else noise.scale[:, None])

    def deviance(self, residual: Array) -> float:
        """−2 log L of residuals ``(m,)``, without constants."""
        return sum(noise.deviance(z) for noise, z in self.parts(residual))

    def threshold(self, parameters: int) -> float:
        """By how much the deviance may exceed its minimum in the 95 % region of one parameter.

        With known scales it is the quantile of χ².  With estimated ones, n log(1 + F/ν), F that of
        F(1, ν) and ν = n − ``parameters``: exact for one normal term and linear residuals, where it is
        Student's t.  With Laplace residuals the ratio is larger in small samples, by about
        ``parameters``/n (found by simulation, 20 to 100 residuals, 1 to 6 parameters).
        """
        # most of a second, which no process that only evaluates a model needs
        from scipy import stats

        kinds = {noise.kind for noise in self.noises if noise is not None}
        small = 1.0 + parameters / self.count if "laplace" in kinds else 1.0
        if self.known:
            return small * float(stats.chi2.ppf(LEVEL, 1))
        freedom = max(self.count - parameters, 1.0)
        return small * self.count * float(np.log1p(stats.f.ppf(LEVEL, 1, freedom) / freedom))
