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
    """What is taken for granted of the discrepancy of a term, see :mod:`~mdbridge.calibrate.discrepancy`.

    Attributes:
        places: of a curve the coordinates of its points, ``(n,)``; of a field the numbers of its rows.
        weights: size of the discrepancy there, in the scale of the residuals, for δ = 1, ``(n,)``.
        blocks: of a field the singular vectors of each snapshot, whose residuals ``n x rank`` stand behind
            each other; empty for a curve.
        few: whether nothing but that is taken for granted that residuals which are alike count once.
    """

    places: Array
    weights: Array
    blocks: Sequence[int] = ()
    few: bool = False

    def modes(self, residual: Array) -> float:
        """How many independent ones there seem to be among the residuals, at least 1.

        Of a curve n/(1 + 2 Σ ρ), with their autocorrelations ρ up to the first that is negative.  Of a field
        (Σ s²)²/Σ s⁴ of the singular values of its columns: one where all snapshots are wrong alike.
        """
        if not self.blocks:
            whole = np.correlate(residual, residual, "full")[len(residual) - 1 :]
            alike = whole / max(float(whole[0]), 1e-300)
            end = int(np.argmax(alike < 0.0)) or len(alike)
            return max(len(residual) / (1.0 + 2.0 * float(alike[1:end].sum())), 1.0)
        ends = np.cumsum([len(self.places) * columns for columns in self.blocks])[:-1]
        parts = [part.reshape(len(self.places), -1) for part in np.split(residual, ends)]
        squares = np.linalg.svd(np.hstack(parts), compute_uv=False) ** 2
        return max(float(squares.sum() ** 2 / max((squares**2).sum(), 1e-300)), 1.0)


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

    def untold(self, parameters: int) -> str:
        """Why residuals tell nothing about so many parameters, and what to do; empty if they do.

        As many residuals as there are parameters can all be made zero: the scale that is estimated from
        them would be zero, too, and the likelihood infinite.  One more is exact where the term is alone, and
        too few beside others, whose residuals decide where this one's are least.
        """
        if not self.told:
            return (
                "no term says how its residuals scatter: compare a curve or a field, or let the user's "
                "function return the vector of residuals instead of a number"
            )
        noises = [noise for noise in self.noises if noise is not None]
        least = parameters + (1 if len(noises) == 1 else 2)
        few = [noise for noise in noises if not noise.known and noise.count < least]
        if not few:
            return ""
        told = " and ".join(f"{noise.term} ({noise.count:.0f})" for noise in few)
        # what a model that is wrong leaves has no known size
        wrong = any(noise.smooth is not None and noise.smooth.few for noise in few)
        remedy = "compare more points" if wrong else "give the term 'sigma', or compare more points"
        return (
            f"the residuals of {told} are too few to tell the scale of their noise beside {parameters} "
            f"parameter{'s' if parameters > 1 else ''}: {remedy}"
        )

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
