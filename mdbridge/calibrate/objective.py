"""The objective: a weighted sum of distances of fields and curves, [Kontolati2021, eqs. 24, 39–41].

Every term is a sum of norms of residuals.  The terms give the distance; the
residuals, grouped by norm, serve the refinement.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from . import grassmann
from .refine import Groups

Array = NDArray[np.float64]

Response = Mapping[str, Array]
"""What a model returns: fields ``(k, n, m)`` and curves ``(n,)`` by name."""


class InvalidResponse(ValueError):
    """A model returned something that cannot be compared."""


def real(name: str, values: Any) -> Array:
    """What a model or a file gave under a name, as real numbers; masked ones become NaN.

    Raises:
        InvalidResponse: it is no array of real numbers.
    """
    try:
        array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if np.iscomplexobj(array):
            raise InvalidResponse(
                f"{name!r} is complex: give real and imaginary parts, or modulus and phase, as two"
            )
        array = array.astype(float)
    except InvalidResponse:
        raise
    except Exception as error:  # words, ragged lists, tensors that carry gradients
        raise InvalidResponse(f"{name!r} is no array of numbers: {error}") from error
    return np.ma.filled(array, np.nan) if isinstance(array, np.ma.MaskedArray) else array


def numbers(response: Mapping[str, Any]) -> dict[str, Array]:
    """A whole response as real numbers.

    Raises:
        InvalidResponse: see :func:`real`.
    """
    return {str(name): real(str(name), values) for name, values in response.items()}


class Term(Protocol):
    """One distance.

    Attributes:
        weights: of the norms of its residuals, ``(groups,)``.
    """

    weights: Array

    def distance(self, response: Response) -> float:
        """The distance, without the weight of the term."""

    def residual(self, response: Response) -> list[Array]:
        """One vector of residuals for each of ``weights``."""


class GrassmannTerm:
    """The mean Grassmann distance of the snapshots of a field, [Kontolati2021, eq. 39].

    The residuals always keep the reference's rank (or the fixed one), so that
    their number stays the same and they change continuously.

    Args:
        name: of the field, ``(k, n, m)``.
        reference: response to compare with.
        rule, tolerance: see :func:`~mdbridge.calibrate.grassmann.field_distance`;
            or a rank for each snapshot.
        space: "column" for the span of left singular vectors, "row" for the right.

    Raises:
        InputError: the reference has no such field, or a snapshot without a span.
    """

    def __init__(
        self,
        name: str,
        reference: Response,
        rule: grassmann.RankRule | Sequence[int] = "larger",
        tolerance: float = 1e-3,
        space: str = "column",
    ):
        self.name, self.tolerance, self.space = name, tolerance, space
        self._reference = self._snapshots(_reference(reference, name, 3))
        self.shape = _reference(reference, name, 3).shape
        self.rules = [rule] * self.shape[0] if isinstance(rule, str | int) else list(rule)
        if len(self.rules) != self.shape[0]:
            raise InputError(
                f"objective: {len(self.rules)} ranks are given for the {self.shape[0]} snapshots of {name!r}"
            )
        self._spans = []
        for k, (field, rule) in enumerate(zip(self._reference, self.rules, strict=True)):
            try:
                vectors, values = grassmann.basis(field)
            except ValueError as error:
                raise InputError(f"reference: snapshot {k} of {name!r}: {error}") from error
            rank = rule if isinstance(rule, int) else grassmann.numerical_rank(values, tolerance)
            if rank >= len(vectors) or rank > len(values):
                raise InputError(
                    f"objective: snapshot {k} of {name!r} keeps the rank {rank}, its shape is "
                    f"{(len(vectors), field.shape[1])}: no such rank, or all spans are then equal; raise the "
                    "tolerance or fix a smaller rank"
                )
            self._spans.append(vectors[:, :rank])
        self.weights = np.full(len(self._spans), 1.0 / len(self._spans))

    def distance(self, response: Response) -> float:
        """The mean over the snapshots, in radians."""
        fields = self._snapshots(_same(response, self.name, self.shape))
        pairs = zip(fields, self._reference, self.rules, strict=True)
        with _comparable(self.name):
            found = [grassmann.field_distance(a, b, rule, self.tolerance) for a, b, rule in pairs]
        return float(np.mean(found))

    def residual(self, response: Response) -> list[Array]:
        """The logarithms of the snapshots at the reference; norms are Grassmann distances."""
        fields = self._snapshots(_same(response, self.name, self.shape))
        with _comparable(self.name):
            spans = [
                grassmann.basis(field)[0][:, : v.shape[1]]
                for field, v in zip(fields, self._spans, strict=True)
            ]
        return [grassmann.logarithm(v, u).ravel() for v, u in zip(self._spans, spans, strict=True)]

    def _snapshots(self, fields: Array) -> Array:
        return fields if self.space == "column" else np.swapaxes(fields, 1, 2)


class CurveTerm:
    """ℓ1, the mean absolute difference [Kontolati2021, eq. 40], or ℓ2, its root mean square.

    Raises:
        InputError: the reference has no such curve, or it is not finite.
    """

    def __init__(self, name: str, reference: Response, norm: str = "l1"):
        self.name, self.norm = name, norm
        self._reference = _reference(reference, name, 1)
        self.shape = self._reference.shape
        count = len(self._reference)
        self.weights = np.full(count, 1.0 / count) if norm == "l1" else np.array([count**-0.5])

    def distance(self, response: Response) -> float:
        """In the unit of the curve."""
        difference = _same(response, self.name, self.shape) - self._reference
        return float(np.abs(difference).mean() if self.norm == "l1" else np.sqrt((difference**2).mean()))

    def residual(self, response: Response) -> list[Array]:
        """The differences: each on its own for ℓ1, as one vector for ℓ2."""
        difference = _same(response, self.name, self.shape) - self._reference
        return list(difference[:, None]) if self.norm == "l1" else [difference]


class UserTerm:
    """The norm of whatever ``function(response, reference)`` returns: a number or a vector."""

    def __init__(self, function: Callable[[Response, Response], float | Array], reference: Response):
        self.function, self._reference = function, reference
        self.weights = np.ones(1)

    def distance(self, response: Response) -> float:
        """The norm of the value."""
        return float(np.linalg.norm(self.residual(response)[0]))

    def residual(self, response: Response) -> list[Array]:
        """The value as one vector."""
        return [np.atleast_1d(real("the objective", self.function(response, self._reference))).ravel()]

    def prepare(self) -> None:
        """Import the function, where it is known by its name alone."""
        prepare = getattr(self.function, "prepare", None)
        if prepare is not None:
            prepare()


@dataclass(frozen=True)
class Score:
    """What an evaluation is worth.

    Attributes:
        distance: the weighted sum, [Kontolati2021, eq. 41].
        terms: the distances of the terms, without weights.
        residual: all residuals, ``(m,)``, see :meth:`Objective.groups`.
    """

    distance: float
    terms: list[float]
    residual: Array


@dataclass(frozen=True)
class Objective:
    """Σ_i w_i d_i over terms, [Kontolati2021, eq. 24]."""

    terms: Sequence[Term]
    weights: Sequence[float]

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
        residual = np.concatenate([r for term in self.terms for r in term.residual(response)])
        total = float(np.dot(self.weights, terms))
        if not (np.isfinite(total) and np.all(np.isfinite(residual))):
            raise InvalidResponse("the distance is not finite")
        return Score(total, terms, residual)

    def groups(self, response: Response) -> Groups:
        """How the residuals of :meth:`score` are grouped; the same for every response."""
        sizes = [len(r) for term in self.terms for r in term.residual(response)]
        weights = [w * term.weights for w, term in zip(self.weights, self.terms, strict=True)]
        return Groups(np.repeat(np.arange(len(sizes)), sizes), np.concatenate(weights))


@contextlib.contextmanager
def _comparable(name: str) -> Iterator[None]:
    """Turn a field without a span into an :class:`InvalidResponse`."""
    try:
        yield
    except ValueError as error:
        raise InvalidResponse(f"{name!r}: {error}") from error


def _reference(reference: Response, name: str, dimensions: int) -> Array:
    if name not in reference:
        raise InputError(f"objective: the reference has no {name!r}; it has {', '.join(sorted(reference))}")
    values = np.asarray(reference[name], dtype=float)
    if values.ndim != dimensions or not values.size:
        wanted = "(snapshots, rows, columns)" if dimensions == 3 else "(points,)"
        raise InputError(f"reference: {name!r} has the shape {values.shape}, expected {wanted}")
    if not np.all(np.isfinite(values)):
        raise InputError(f"reference: {name!r} holds values that are not finite")
    return values


def _same(response: Response, name: str, shape: tuple[int, ...]) -> Array:
    if name not in response:
        raise InvalidResponse(f"the model returned no {name!r}; it returned {', '.join(sorted(response))}")
    values = real(name, response[name])
    if values.shape != shape:
        raise InvalidResponse(f"the model's {name!r} has the shape {values.shape}, the reference {shape}")
    if not np.all(np.isfinite(values)):
        raise InvalidResponse(f"the model's {name!r} is not finite")
    return values
