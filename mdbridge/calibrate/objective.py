"""The objective: a sum of distances of fields and curves, [Kontolati2021, eqs. 24, 41].

Every term is a sum of norms of residuals, and a Grassmann term with unequal ranks of the dimensions that are
missing besides.  The terms give the distance; the residuals, grouped by norm, serve the refinement, and the
likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .likelihood import Likelihood
from .refine import Groups
from .response import InvalidResponse, Response
from .terms import CurveTerm, Term, UserTerm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """What an evaluation is worth.

    Attributes:
        distance: all terms together, see :class:`Objective`.
        terms: the distances of the terms, without weights.
        residual: all residuals, ``(m,)``, see :meth:`Objective.groups`.
    """

    distance: float
    terms: list[float]
    residual: Array


@dataclass(frozen=True)
class Objective:
    """Σ_i w_i d_i over terms, [Kontolati2021, eq. 24].

    Terms whose residuals have the standard deviation 1 (ℓ2 with sigma) are one
    term together, the root mean square of all of them: least at the most likely point.
    """

    terms: Sequence[Term]
    weights: Sequence[float]

    @property
    def signed(self) -> bool:
        """Whether it may be negative, so that it is no distance."""
        return any(isinstance(term, UserTerm) and term.signed for term in self.terms)

    def knowing_signs(self, reference: Response) -> "Objective":
        """This objective, told which numbers are negative where the reference is compared with itself.

        Of terms of the user's own it knows the number of residuals, too.
        """
        terms = [term.knowing(reference) if isinstance(term, UserTerm) else term for term in self.terms]
        return Objective(terms, self.weights)

    def prepare(self) -> None:
        """Import what terms of the user's own need."""
        for term in self.terms:
            if isinstance(term, UserTerm):
                term.prepare()

    def score(self, response: Response) -> Score:
        """Compare a response with the reference.

        Raises:
            InvalidResponse: a field or curve is missing, of another shape, or not finite.
        """
        terms = [term.distance(response) for term in self.terms]
        # one vector, in the order of the terms: the refinement and the likelihood cut it up again
        residual = np.concatenate([r for term in self.terms for r in term.residual(response)])
        squares = sum(term.squares * d**2 for term, d in zip(self.terms, terms, strict=True) if term.squares)
        count = sum(term.squares for term in self.terms)
        total = float(np.sqrt(squares / count)) if count else 0.0
        for term, weight, distance in zip(self.terms, self.weights, terms, strict=True):
            # terms with a known sigma are in the root mean square already
            total += 0.0 if term.squares else weight * distance
        if not (np.isfinite(total) and np.all(np.isfinite(residual))):
            raise InvalidResponse("the distance is not finite")
        return Score(total, terms, residual)

    def between(self, response: Response) -> dict[str, float]:
        """What interpolation may cost, see :meth:`CurveTerm.between`; of all terms on a curve."""
        told: dict[str, float] = {}
        for term in self.terms:
            if isinstance(term, CurveTerm):
                told[term.name] = float(np.hypot(told.get(term.name, 0.0), term.between(response)))
        return told

    def groups(self, response: Response) -> Groups:
        """How the residuals of :meth:`score` are grouped; the same for every response."""
        count = sum(term.squares for term in self.terms)
        together: int | None = None
        index: list[NDArray[np.int64]] = []
        weights: list[float] = []
        for weight, term in zip(self.weights, self.terms, strict=True):
            for part, residual in zip(weight * term.weights, term.residual(response), strict=True):
                if term.squares and together is not None:
                    # terms with a known sigma share one group: their norm is that of all of them
                    index.append(np.full(len(residual), together))
                    continue
                if term.squares:
                    together = len(weights)
                index.append(np.full(len(residual), len(weights)))
                weights.append(count**-0.5 if term.squares else float(part))
        return Groups(np.concatenate(index), np.array(weights))

    def distances(self, residual: Array, groups: Groups, sizes: Sequence[int]) -> list[float]:
        """The terms of a score, without weights, of residuals that no single response has: of a mean.

        Args:
            residual: all of them, ``(m,)``.
            groups: see :meth:`groups`.
            sizes: number of residuals of each term.
        """
        ends = np.cumsum(sizes)
        told = []
        for term, weight, end, size in zip(self.terms, self.weights, ends, sizes, strict=True):
            part = np.zeros_like(residual)
            part[end - size : end] = residual[end - size : end]
            # those with a known sigma are one group together, whose weight is not that of each
            each = float(np.linalg.norm(part)) / np.sqrt(term.squares or 1)
            told.append(each if term.squares else groups.value(part) / weight)
        return told

    def likelihood(self, response: Response) -> Likelihood:
        """How the residuals of :meth:`score` scatter."""
        residuals = [term.residual(response) for term in self.terms]
        return Likelihood(
            [term.noise(r) for term, r in zip(self.terms, residuals, strict=True)],
            [sum(map(len, r)) for r in residuals],
        )
