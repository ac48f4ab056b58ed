"""The terms of an objective: fields, curves, functions of the user's, [Kontolati2021, eqs. 24, 39, 40]."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from . import grassmann
from .likelihood import Kind, Noise
from .response import InvalidResponse, Response, real

Array = NDArray[np.float64]


class Term(Protocol):
    """One distance.

    Attributes:
        weights: of the norms of its residuals, ``(groups,)``.
        squares: the number of residuals, if the distance is their root mean square and their standard
            deviation is known to be 1; else 0.  Such terms are added as squares.
    """

    weights: Array
    squares: int

    def distance(self, response: Response) -> float:
        """The distance, without the weight of the term."""

    def residual(self, response: Response) -> list[Array]:
        """One vector of residuals for each of ``weights``."""

    def noise(self, residual: Sequence[Array]) -> Noise | None:
        """How residuals such as these scatter; None where nothing is known of that."""


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
        sigma: standard deviation of the noise of the field, in its unit; None if unknown.

    Raises:
        InputError: the reference has no such field, or a snapshot without a span.
    """

    squares = 0

    def __init__(
        self,
        name: str,
        reference: Response,
        rule: grassmann.RankRule | Sequence[int] = "larger",
        tolerance: float = 1e-3,
        space: str = "column",
        sigma: float | None = None,
    ):
        self.name, self.tolerance, self.space, self.sigma = name, tolerance, space, sigma
        fields = _finite(name, _reference(reference, name, 3))
        self._reference = self._snapshots(fields)
        self.shape = fields.shape
        self.rules = [rule] * self.shape[0] if isinstance(rule, str | int) else list(rule)
        if len(self.rules) != self.shape[0]:
            raise InputError(
                f"objective: {len(self.rules)} ranks are given for the {self.shape[0]} snapshots of {name!r}"
            )
        self._spans: list[Array] = []
        self._values: list[Array] = []
        for k, (field, kept) in enumerate(zip(self._reference, self.rules, strict=True)):
            try:
                vectors, values = grassmann.basis(field)
            except ValueError as error:
                raise InputError(f"reference: snapshot {k} of {name!r}: {error}") from error
            rank = kept if isinstance(kept, int) else grassmann.numerical_rank(values, tolerance)
            if rank >= len(vectors) or rank > len(values):
                raise InputError(
                    f"objective: snapshot {k} of {name!r} keeps the rank {rank}, its shape is "
                    f"{(len(vectors), field.shape[1])}: no such rank, or all spans are then equal; raise the "
                    "tolerance or fix a smaller rank"
                )
            exact = grassmann.exact_rank(values, *field.shape)
            if rank > exact:
                raise InputError(
                    f"objective: snapshot {k} of {name!r} keeps the rank {rank}, but only {exact} of the "
                    f"reference's singular values are above round-off: choose rank = {exact} or less"
                )
            self._spans.append(vectors[:, :rank])
            self._values.append(values[:rank])
        self.weights = np.full(len(self._spans), 1.0 / len(self._spans))

    def distance(self, response: Response) -> float:
        """The mean over the snapshots, in radians."""
        fields = self._snapshots(_same(response, self.name, self.shape))
        pairs = zip(fields, self._reference, self.rules, strict=True)
        with _comparable(self.name):
            distances = [grassmann.field_distance(a, b, rule, self.tolerance) for a, b, rule in pairs]
        return float(np.mean(distances))

    def residual(self, response: Response) -> list[Array]:
        """The logarithms of the snapshots at the reference; norms are Grassmann distances."""
        fields = self._snapshots(_same(response, self.name, self.shape))
        with _comparable(self.name):
            spans = [_span(field, v) for field, v in zip(fields, self._spans, strict=True)]
        return [grassmann.logarithm(v, u).ravel() for v, u in zip(self._spans, spans, strict=True)]

    def noise(self, residual: Sequence[Array]) -> Noise:
        """That of independent noise in the reference's entries.

        To first order it moves singular vector j, out of the span of rank p, by (n − p) independent
        amounts with the deviation of the noise over singular value j.
        """
        scales, count, angle = [], 0.0, 0.0
        for span, values in zip(self._spans, self._values, strict=True):
            rows, rank = span.shape
            scales.append(np.broadcast_to(1.0 / values, (rows, rank)).ravel())
            count += rank * (rows - rank)
            angle = max(angle, float(np.sqrt(rows - rank) / values[-1]))
        scale = np.concatenate(scales)
        if self.sigma is not None:
            scale, angle = scale * self.sigma, angle * self.sigma
        return Noise(self.name, "gaussian", count, scale, self.sigma is not None, angle=angle)

    def _snapshots(self, fields: Array) -> Array:
        return fields if self.space == "column" else np.swapaxes(fields, 1, 2)


class CurveTerm:
    """ℓ1, the mean absolute difference [Kontolati2021, eq. 40], or ℓ2, its root mean square.

    Points that the reference does not have (NaN) are left out.

    Args:
        name: of the curve, ``(n,)``.
        reference: response to compare with.
        norm: "l1" or "l2".
        sigma: standard deviation of the noise, one or ``(n,)``: differences are then taken relative to it.
            None if it is unknown.

    Raises:
        InputError: the reference has no such curve, or nothing in it.
    """

    def __init__(self, name: str, reference: Response, norm: str = "l1", sigma: float | Array | None = None):
        self.name, self.norm, self._known = name, norm, sigma is not None
        whole = _reference(reference, name, 1)
        self.shape = whole.shape
        self._kept = np.flatnonzero(~np.isnan(whole))
        if not len(self._kept):
            raise InputError(f"reference: {name!r} holds no values")
        self._reference = _finite(name, whole[self._kept])
        self._sigma = _deviations(name, 1.0 if sigma is None else sigma, self.shape)[self._kept]
        count = len(self._kept)
        self.weights = np.full(count, 1.0 / count) if norm == "l1" else np.array([count**-0.5])
        self.squares = count if norm == "l2" and self._known else 0

    def distance(self, response: Response) -> float:
        """In the unit of the curve, or in that of sigma."""
        difference = self._difference(response)
        return float(np.abs(difference).mean() if self.norm == "l1" else np.sqrt((difference**2).mean()))

    def residual(self, response: Response) -> list[Array]:
        """The differences: each on its own for ℓ1, as one vector for ℓ2."""
        difference = self._difference(response)
        return list(difference[:, None]) if self.norm == "l1" else [difference]

    def noise(self, residual: Sequence[Array]) -> Noise:
        """Normal for ℓ2, doubly exponential for ℓ1: the distance is then least at the most likely point."""
        count = len(self._kept)
        kind: Kind = "laplace" if self.norm == "l1" else "gaussian"
        return Noise(self.name, kind, float(count), np.ones(count), self._known, ordered=True)

    def _difference(self, response: Response) -> Array:
        values = _same(response, self.name, self.shape, self._kept)
        return (values - self._reference) / self._sigma


class UserTerm:
    """What ``function(response, reference)`` returns: the norm of a vector, or a number, which is minimised.

    Attributes:
        signed: whether the number may be negative, as minus a coefficient of determination is: it is then
            no distance, and has no residual.  Set where the reference, compared with itself, gives a
            negative one.
    """

    squares = 0

    def __init__(
        self,
        function: Callable[[Response, Response], float | Array],
        reference: Response,
        signed: bool = False,
    ):
        self.function, self._reference, self.signed = function, reference, signed
        self.weights = np.ones(1)

    def distance(self, response: Response) -> float:
        """The number, or the norm of the vector.

        Raises:
            InvalidResponse: the number is negative where it should be a distance.
        """
        values = self.residual(response)[0]
        if len(values) != 1:
            return float(np.linalg.norm(values))
        if values[0] < 0.0 and not self.signed:
            raise InvalidResponse(
                f"the objective is {values[0]:g}, but 0 or more where the reference is compared with itself: "
                "a distance is not negative; return residuals, or their size"
            )
        return float(values[0])

    def residual(self, response: Response) -> list[Array]:
        """The value as one vector."""
        return [np.atleast_1d(real("the objective", self.function(response, self._reference))).ravel()]

    def is_negative(self, response: Response) -> bool:
        """Whether the function gives a negative number."""
        values = self.residual(response)[0]
        return len(values) == 1 and bool(values[0] < 0.0)

    def noise(self, residual: Sequence[Array]) -> Noise | None:
        """Normal with an unknown scale for a vector; a number tells nothing."""
        count = len(residual[0])
        name = getattr(self.function, "path", getattr(self.function, "__name__", "the user's"))
        return None if count < 2 else Noise(str(name), "gaussian", float(count), np.ones(count), False)

    def prepare(self) -> None:
        """Import the function, where it is known by its name alone."""
        prepare = getattr(self.function, "prepare", None)
        if prepare is not None:
            prepare()


def _span(field: Array, reference: Array) -> Array:
    """The span of a field with the rank of the reference's."""
    vectors, values = grassmann.basis(field)
    rank = min(reference.shape[1], grassmann.exact_rank(values, *field.shape))
    return grassmann.completed(vectors[:, :rank], reference)


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
    return values


def _finite(name: str, values: Array) -> Array:
    if not np.all(np.isfinite(values)):
        raise InputError(f"reference: {name!r} holds values that are not finite")
    return values


def _deviations(name: str, sigma: Any, shape: tuple[int, ...]) -> Array:
    """Standard deviations of all points of a curve."""
    values = np.asarray(sigma, dtype=float)
    if values.ndim and values.shape != shape:
        raise InputError(f"objective: sigma of {name!r} has the shape {values.shape}, the curve {shape}")
    if not np.all(np.isfinite(values)) or np.any(values <= 0.0):
        raise InputError(f"objective: sigma of {name!r} must be finite and above 0")
    return np.broadcast_to(values, shape)


def _same(response: Response, name: str, shape: tuple[int, ...], kept: Any = slice(None)) -> Array:
    if name not in response:
        raise InvalidResponse(f"the model returned no {name!r}; it returned {', '.join(sorted(response))}")
    values = real(name, response[name])
    if values.shape != shape:
        raise InvalidResponse(f"the model's {name!r} has the shape {values.shape}, the reference {shape}")
    if not np.all(np.isfinite(values[kept])):
        raise InvalidResponse(f"the model's {name!r} is not finite")
    return values[kept]
