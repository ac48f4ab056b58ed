"""The parameters of a model that is wrong somewhere: a discrepancy beside the noise.

Measurements of a curve are taken for the model at the right parameters, plus a smooth function that
no parameters can make good, plus noise (M. C. Kennedy and A. O'Hagan, J. R. Stat. Soc. B 63, 425
(2001), eq. 4).  The residuals are then normal with the covariance

    δ² K(ℓ) + σ² 1,        K a Matérn-3/2 correlation with the length ℓ.

Where less is known of how a model is wrong ("few"), n residuals are worth as many observations as they
have independent modes m, all of one size σ; n/m of them say the same.

δ, ℓ and, where it is not known, σ of each term are integrated over by a Metropolis chain on the
residuals linearised about the best trial, where the parameters have been integrated out in closed
form; given these the parameters are normal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .likelihood import Noise, Smooth
from .linear import PRIOR, LinearModel

Array = NDArray[np.float64]

LENGTHS = np.geomspace(0.05, 2.0, 8)
"""Correlation lengths that are tried, over the range of the coordinate: shorter is noise, longer a trend."""

SMALLEST, LARGEST = 1e-3, 10.0
"""Bounds of δ and σ, over the size of the residuals; between them their logarithms are equally likely."""

STEPS, ROUGH, THINNED = 6000, 1200, 5
"""Of the chain: how many; how many where only the extent is wanted; and of how many one is kept."""

WARMING = 0.15  # share of the steps that is left out at first

STRIDE = 0.4  # of the logarithms; about one in three steps is taken


@dataclass(frozen=True)
class Settings:
    """δ, σ and ℓ of one term.

    Attributes:
        discrepancy: log δ; −∞ where the term has none.
        noise: log σ.
        basis: number of the correlation length.
    """

    discrepancy: float
    noise: float
    basis: int


@dataclass(frozen=True)
class Basis:
    """Residuals of a term where the covariance of its discrepancy is diagonal.

    Attributes:
        values: variances for δ = 1, ``(m,)``.
        whole: residuals, and their slopes beside them, ``m x (1 + d)``.
        axes: the matrix that leads back.
        length: correlation length, in the unit of the coordinate.
    """

    values: Array
    whole: Array
    axes: Array
    length: float


@dataclass(frozen=True)
class Posterior:
    """Draws of the parameters and of what goes with them.

    Attributes:
        points: in the unit cube, ``n x d``; some of them may lie outside.
        terms: name -> medians of "deviation" (δ), "length" (ℓ) and "noise" (σ); or of "deviation" (σ), with
            the "modes", where little is known of how the model is wrong.
        bands: name -> where 95 % of further measurements are expected, as residuals over
            their scale: ``2 x m``.
    """

    points: Array
    terms: dict[str, dict[str, float]]
    bands: dict[str, Array]

    @property
    def inside(self) -> Array:
        """The points within the cube; all of them, brought back to its faces, if these are few."""
        kept = self.points[np.all((self.points >= 0.0) & (self.points <= 1.0), axis=1)]
        return kept if len(kept) > len(self.points) // 20 else np.clip(self.points, 0.0, 1.0)

    @cached_property
    def mean(self) -> Array:
        """Of the points inside, ``(d,)``."""
        return np.asarray(self.inside.mean(axis=0))

    @cached_property
    def covariance(self) -> Array:
        """Of the points inside, ``d x d``."""
        centred = self.inside - self.mean
        # a floor far below anything that matters: directions without any spread have no inverse
        return centred.T @ centred / len(centred) + 1e-18 * np.eye(centred.shape[1])


class Term:
    """One term of a linearised model, its discrepancy diagonal for each length.

    Attributes:
        noise: of the term.
        size: of its residuals.
        share: by which what a residual tells counts.
        bases: by correlation length; a single one where none is told.
    """

    def __init__(self, noise: Noise, residual: Array, jacobian: Array):
        self.noise = noise
        self.size = max(float(np.sqrt(np.mean(residual**2))), 1e-290)
        whole, smooth = np.column_stack([residual, jacobian]), noise.smooth
        self.curve = smooth is not None and not smooth.few
        plain = Basis(np.zeros(len(residual)), whole, np.eye(1), 0.0)
        if smooth is None:
            # entries that are bound to others count less
            self.share, self.relative, self.bases = noise.count / len(residual), 1.0, [plain]
        elif smooth.few:
            self.share = smooth.modes(residual) / len(residual)
            self.relative, self.bases = 1.0, [plain]
        else:
            self.relative = float(np.sqrt(np.mean(smooth.weights**2)))
            self.share, self.bases = 1.0, list(_bases(smooth, whole))

    # a prior without bounds would not let the chain come back from sizes that mean nothing
    def within(self, settings: Settings) -> bool:
        """Whether the settings lie where they may."""
        low, high = np.log(SMALLEST * self.size), np.log(LARGEST * self.size)
        shift = np.log(self.relative)
        inside = self.noise.known or low <= settings.noise <= high
        return inside and (not self.curve or low <= settings.discrepancy + shift <= high)

    def variances(self, settings: Settings) -> Array:
        """Of the residuals in their basis, ``(m,)``."""
        basis = self.bases[settings.basis]
        return np.exp(2.0 * settings.discrepancy) * basis.values + np.exp(2.0 * settings.noise)

    def told(self, settings: Settings) -> Array:
        """[r J]ᵀ Σ⁻¹ [r J] with log |Σ| added to its corner, ``(1 + d) x (1 + d)``."""
        basis, variances = self.bases[settings.basis], self.variances(settings)
        told = basis.whole.T @ (basis.whole / variances[:, None])
        if self.noise.smooth is not None:
            told = self.share * told
        told[0, 0] += self.share * np.log(variances).sum()
        return np.asarray(told)

    def first(self) -> Settings:
        """Where the chain begins: half of what is left over is a discrepancy, half noise."""
        half = float(np.log(self.size / np.sqrt(2.0)))
        noise = 0.0 if self.noise.known else half
        if not self.curve:
            return Settings(-np.inf, noise, 0)
        return Settings(half - float(np.log(self.relative)), noise, len(self.bases) // 2)

    def moved(self, settings: Settings, random: np.random.Generator) -> Settings:
        """A neighbour of the settings."""
        steps = STRIDE * random.standard_normal(2)
        noise = settings.noise + (0.0 if self.noise.known else float(steps[0]))
        if not self.curve:
            return Settings(-np.inf, noise, 0)
        # lengths are few: any other one is as likely
        basis = int(random.integers(len(self.bases))) if random.random() < 0.5 else settings.basis
        return Settings(settings.discrepancy + float(steps[1]), noise, basis)


def posterior(model: LinearModel, steps: int = STEPS, seed: int = 0) -> Posterior:
    """Draws of the parameters of a model whose terms have a discrepancy, or some of them.

    Args:
        model: the residuals linearised.
        steps: of the chain.
        seed: of its randomness.
    """
    random = np.random.default_rng([seed, 11])
    pairs = zip(model.likelihood.parts(model.residual), model.likelihood.parts(model.jacobian), strict=True)
    terms = [Term(noise, residual, jacobian) for (noise, residual), (_, jacobian) in pairs]
    here = [term.first() for term in terms]
    told = [term.told(settings) for term, settings in zip(terms, here, strict=True)]
    evidence, mean, root = _evidence(model, told)
    points: list[Array] = []
    kept: list[list[Settings]] = []
    for step in range(steps):
        # one term at a time: all at once would rarely be taken
        k = int(random.integers(len(terms)))
        moved = terms[k].moved(here[k], random)
        if terms[k].within(moved):
            others = [*told[:k], terms[k].told(moved), *told[k + 1 :]]
            fresh = _evidence(model, others)
            if np.log(random.random()) < fresh[0] - evidence:
                here, told = [*here[:k], moved, *here[k + 1 :]], others
                evidence, mean, root = fresh
        if step >= WARMING * steps and step % THINNED == 0:
            points.append(model.at + mean + root @ random.standard_normal(len(mean)))
            kept.append(here)
    drawn = np.array(points)
    return Posterior(drawn, _medians(terms, kept), _bands(model, terms, kept, drawn, random))


def _evidence(model: LinearModel, told: Sequence[Array]) -> tuple[float, Array, Array]:
    """log p(residuals) but for a constant; mean and square root of the covariance of the step from ``at``.

    Args:
        model: the residuals linearised.
        told: what each term tells, see :meth:`Term.told`.
    """
    d = len(model.at)
    # nothing is known of the parameters but that they lie in the cube
    prior = 0.5 - model.at
    # terms are independent: what they tell is added
    whole = np.sum(told, axis=0)
    triangle = np.linalg.cholesky(whole[1:, 1:] + PRIOR * np.eye(d))
    inverse = np.linalg.inv(triangle)
    half = inverse @ (PRIOR * prior - whole[0, 1:])
    total = float(whole[0, 0]) + 2.0 * float(np.log(np.diag(triangle)).sum()) - float(half @ half)
    return -0.5 * total, inverse.T @ half, inverse.T


def _bases(smooth: Smooth, whole: Array) -> Iterator[Basis]:
    """For each correlation length."""
    span = max(float(np.ptp(smooth.places)), 1e-290)
    # the same eigenvectors serve all sizes: the chain then needs no decomposition
    for length in LENGTHS:
        covariance = _matern(smooth.places, length * span) * np.outer(smooth.weights, smooth.weights)
        values, axes = np.linalg.eigh(covariance)
        # a thousand products a second are taken of these
        turned = np.ascontiguousarray(axes.T @ whole)
        yield Basis(np.maximum(values, 0.0), turned, axes, float(length * span))


def _matern(places: Array, length: float) -> Array:
    """Correlations of a Matérn-3/2 process."""
    apart = np.sqrt(3.0) * np.abs(places[:, None] - places) / length
    return np.asarray((1.0 + apart) * np.exp(-apart))


def _medians(terms: Sequence[Term], kept: Sequence[Sequence[Settings]]) -> dict[str, dict[str, float]]:
    told = {}
    for k, term in enumerate(terms):
        if term.noise.smooth is None:
            continue
        each = [settings[k] for settings in kept]
        if not term.curve:
            told[term.noise.term] = {
                "deviation": float(np.exp(np.median([s.noise for s in each]))),
                "modes": term.share * len(term.bases[0].values),
            }
            continue
        told[term.noise.term] = {
            "deviation": float(np.exp(np.median([s.discrepancy for s in each]))),
            "length": float(np.median([term.bases[s.basis].length for s in each])),
            "noise": float(np.exp(np.median([s.noise for s in each]))),
        }
    return told


def _bands(
    model: LinearModel,
    terms: Sequence[Term],
    kept: Sequence[Sequence[Settings]],
    points: Array,
    random: np.random.Generator,
) -> dict[str, Array]:
    """Of curves: each draw's own, with the discrepancy that the data tell it, and noise."""
    bands: dict[str, Any] = {}
    for k, term in enumerate(terms):
        if not term.noise.ordered:
            continue
        # every other draw: neighbours of a chain are alike
        draws = []
        for settings, point in list(zip(kept, points, strict=True))[::2]:
            basis, variances = term.bases[settings[k].basis], term.variances(settings[k])
            noise = np.exp(2.0 * settings[k].noise)
            step = np.clip(point, 0.0, 1.0) - model.at
            moved = basis.whole[:, 0] + basis.whole[:, 1:] @ step
            # what is left of a residual when the discrepancy has taken its part, (1 − K Σ⁻¹) r
            left, spread = noise / variances * moved, (variances - noise) * noise / variances
            if term.curve:
                left, spread = basis.axes @ left, basis.axes**2 @ spread
            draws.append(left + np.sqrt(spread + noise) * random.standard_normal(len(left)))
        bands[term.noise.term] = np.quantile(draws, [0.025, 0.975], axis=0)
    return bands
