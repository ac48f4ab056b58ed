"""The terms of an objective: fields, curves, functions of the user's, [Kontolati2021, eqs. 24, 39, 40]."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from . import grassmann
from .likelihood import Kind, Noise, Smooth
from .response import InvalidResponse, Response, real

Array = NDArray[np.float64]
Discrepancy = Literal["none", "smooth", "few"]


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
        discrepancy: "few" where the model may be wrong, in each snapshot in proportion to its first singular
            value.

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
        discrepancy: Discrepancy = "none",
    ):
        if discrepancy == "smooth":
            raise InputError(f"objective: discrepancy = 'smooth' is for curves; of the field {name!r}: 'few'")
        self.name, self.tolerance, self.space, self.sigma = name, tolerance, space, sigma
        self.discrepancy = discrepancy
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
        """The logarithms of the snapshots at the reference; norms are Grassmann distances at its rank."""
        fields = self._snapshots(_same(response, self.name, self.shape))
        with _comparable(self.name):
            spans = [_span(field, v) for field, v in zip(fields, self._spans, strict=True)]
        return [grassmann.logarithm(v, u).ravel() for v, u in zip(self._spans, spans, strict=True)]

    def noise(self, residual: Sequence[Array]) -> Noise:
        """That of independent noise in the reference's entries.

        To first order it moves singular vector j, out of the span of rank p, by (n − p) independent
        amounts with the deviation of the noise over singular value j, if the values beyond p are small.
        """
        scales, count, angle = [], 0.0, 0.0
        for span, values in zip(self._spans, self._values, strict=True):
            rows, rank = span.shape
            # where the model is wrong, what is left of a large field is larger, noise and all
            size = values[0] if self.discrepancy == "few" else 1.0
            scales.append(np.broadcast_to(size / values, (rows, rank)).ravel())
            count += rank * (rows - rank)
            angle = max(angle, float(np.sqrt(rows - rank) / values[-1]))
        scale = np.concatenate(scales)
        if self.sigma is not None:
            scale, angle = scale * (1.0 if self.discrepancy == "few" else self.sigma), angle * self.sigma
        smooth = None
        if self.discrepancy == "few":
            rows, ranks = len(self._spans[0]), [span.shape[1] for span in self._spans]
            smooth = Smooth(np.arange(rows, dtype=float), np.ones(rows), ranks, few=True)
        # what a wrong model leaves is no noise of a known size
        known = self.sigma is not None and self.discrepancy == "none"
        return Noise(self.name, "gaussian", count, scale, known, angle=angle, smooth=smooth)

    def _snapshots(self, fields: Array) -> Array:
        return fields if self.space == "column" else np.swapaxes(fields, 1, 2)


class CurveTerm:
    """ℓ1, the mean absolute difference [Kontolati2021, eq. 40], or ℓ2, its root mean square.

    Points that the reference does not have (NaN) are left out.  Where the model returns its
    abscissa too, its curve is interpolated to that of the reference; otherwise its points are
    those of the reference.

    Args:
        name: of the curve, ``(n,)``.
        reference: response to compare with.
        norm: "l1" or "l2".
        sigma: standard deviation of the noise, one or ``(n,)``: differences are then taken relative to it.
            None if it is unknown.
        abscissa: name of what the curve is over, in the reference and perhaps in responses.
        discrepancy: "smooth" where the model may be wrong by a curve that is smooth over it; "few" where
            nothing is known of how it is wrong.

    Raises:
        InputError: the reference has no such curve, or nothing in it.
    """

    def __init__(
        self,
        name: str,
        reference: Response,
        norm: str = "l1",
        sigma: float | Array | None = None,
        abscissa: str | None = None,
        discrepancy: Discrepancy = "none",
    ):
        self.name, self.norm, self.abscissa, self._known = name, norm, abscissa, sigma is not None
        self.discrepancy = discrepancy
        whole = _reference(reference, name, 1)
        self.shape = whole.shape
        self.along = None if abscissa is None else _reference(reference, abscissa, 1)
        self._kept = _kept(name, whole, abscissa, self.along)
        self._reference = _finite(name, whole[self._kept])
        self._sigma = _deviations(name, 1.0 if sigma is None else sigma, self.shape, self._kept)
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
        smooth = None
        known = self._known and self.discrepancy != "few"
        if self.discrepancy != "none":
            places = self._kept.astype(float) if self.along is None else self.along[self._kept]
            # δ is in the unit of the curve, whatever its residuals are relative to
            smooth = Smooth(places, 1.0 / self._sigma, few=self.discrepancy == "few")
        return Noise(self.name, kind, float(count), np.ones(count), known, ordered=True, smooth=smooth)

    def at_the_reference(self, response: Response) -> Array:
        """The response's curve at the points of the reference, ``(n,)``; NaN where that has none."""
        values = np.full(self.shape, np.nan)
        values[self._kept] = self._values(response)
        return values

    def between(self, response: Response) -> float:
        """How far interpolation between the model's own points may move what is compared.

        This is the norm of its error in standard deviations of the noise, times the root of what a residual
        tells of its mean: the most likely parameters move by no more of their standard errors.  That of a
        straight line is ½ f″ (x − a) (b − x) between points a and b, with f″ from the model's points about
        them.  0 if there is no noise to compare with, and where the model is taken to be wrong.
        """
        x, y = self._own(response)
        if x is None or self.along is None or len(x) < 3 or self.discrepancy != "none":
            return 0.0
        error = _straightened(x, y, self.along[self._kept]) / self._sigma
        left = self._difference(response)
        noise = self.noise([left])
        deviation = noise.deviation(left)
        # of a fit that is exact but for round-off no noise is known
        if deviation * np.abs(self._sigma).max() <= 1e-9 * np.abs(self._reference).max():
            return 0.0
        return float(np.linalg.norm(error)) * float(np.sqrt(noise.information)) / deviation

    @property
    def known(self) -> bool:
        """Whether the noise of its points was given."""
        return self._known

    @property
    def deviations(self) -> Array:
        """Standard deviations of the points of the reference, ``(n,)``; NaN where that has none."""
        values = np.full(self.shape, np.nan)
        values[self._kept] = self._sigma
        return values

    def of_residual(self, residual: Array) -> Array:
        """The curve, at the points of the reference ``(n,)``, that leaves a residual ``(m,)``."""
        values = np.full(self.shape, np.nan)
        values[self._kept] = self._reference + self._sigma * residual
        return values

    def _difference(self, response: Response) -> Array:
        return (self._values(response) - self._reference) / self._sigma

    def _values(self, response: Response) -> Array:
        """The response's curve at the points that are compared."""
        x, y = self._own(response)
        if x is None or self.along is None:
            return y
        return _interpolated(self.name, str(self.abscissa), x, y, self.along[self._kept])

    def _own(self, response: Response) -> tuple[Array | None, Array]:
        """The response's curve with its own points, rising; or where it is compared, with None."""
        if self.abscissa is None or self.along is None or self.abscissa not in response:
            given = np.shape(response[self.name]) if self.name in response else ()
            if self.abscissa is not None and self.name in response and given != self.shape:
                raise InvalidResponse(
                    f"the model's {self.name!r} has the shape {given}, the reference {self.shape}: return "
                    f"its abscissa {self.abscissa!r} too, to have it interpolated"
                )
            return None, _same(response, self.name, self.shape, self._kept)
        x = real(self.abscissa, response[self.abscissa])
        if np.array_equal(x, self.along, equal_nan=True):
            return None, _same(response, self.name, self.shape, self._kept)
        return _rising(self.name, self.abscissa, x, _same(response, self.name, x.shape))


class UserTerm:
    """What ``function(response, reference)`` returns: the norm of a vector, or a number, which is minimised.

    Attributes:
        signed: whether the number may be negative, as minus a coefficient of determination is: it is then
            no distance, and has no residual.  Set where the reference, compared with itself, gives a
            negative one.
        count: the number of its residuals, where the reference is compared with itself and so everywhere;
            None as long as it is not known.
    """

    squares = 0

    def __init__(
        self,
        function: Callable[[Response, Response], float | Array],
        reference: Response,
        signed: bool = False,
        count: int | None = None,
    ):
        self.function, self._reference, self.signed, self.count = function, reference, signed, count
        self.weights = np.ones(1)

    def knowing(self, reference: Response) -> "UserTerm":
        """This term, told what it gives where the reference is compared with itself."""
        count = len(self.residual(reference)[0])
        return UserTerm(self.function, reference, self.is_negative(reference), count)

    def distance(self, response: Response) -> float:
        """The number, or the norm of the vector.

        Raises:
            InvalidResponse: the number is negative where it should be a distance, or there are more or fewer
                residuals than with the reference: a norm of fewer says nothing of a better fit.
        """
        values = self.residual(response)[0]
        if not len(values) or (self.count is not None and len(values) != self.count):
            there = (
                "" if self.count is None else f", {self.count} where the reference is compared with itself"
            )
            raise InvalidResponse(
                f"the objective returned {len(values)} residuals{there}: return zeros where there is nothing "
                "to compare, or the same points always"
            )
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
        # copies: what a function does to its arguments must not reach the next trial, or another term
        arguments = [
            {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in each.items()}
            for each in (response, self._reference)
        ]
        return [real("the objective", self.function(*arguments)).ravel()]

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
    # a number is a curve of one point, as in what a model returns
    values = np.atleast_1d(np.asarray(reference[name], dtype=float))
    if values.ndim != dimensions or not values.size:
        wanted = "(snapshots, rows, columns)" if dimensions == 3 else "(points,)"
        raise InputError(f"reference: {name!r} has the shape {values.shape}, expected {wanted}")
    return values


def _finite(name: str, values: Array) -> Array:
    if not np.all(np.isfinite(values)):
        raise InputError(f"reference: {name!r} holds values that are not finite")
    return values


def _kept(name: str, curve: Array, abscissa: str | None, along: Array | None) -> NDArray[np.int64]:
    """Numbers of the points that are compared, in the order of the abscissa."""
    kept = np.flatnonzero(~np.isnan(curve))
    if not len(kept):
        raise InputError(f"reference: {name!r} holds no values")
    if along is None:
        return kept
    if along.shape != curve.shape:
        raise InputError(
            f"reference: {name!r} has the shape {curve.shape}, its abscissa {abscissa!r} {along.shape}"
        )
    if not np.all(np.isfinite(along[kept])):
        raise InputError(f"reference: {abscissa!r} is missing, or not finite, where {name!r} has a value")
    return kept[np.argsort(along[kept], kind="stable")]


def _rising(name: str, abscissa: str, x: Array, y: Array) -> tuple[Array, Array]:
    """A model's curve with its points in rising order."""
    if not np.all(np.isfinite(x)) or len(x) < 2:
        raise InvalidResponse(f"the model's {abscissa!r} is not finite, or a single point")
    if x[0] > x[-1]:
        x, y = x[::-1], y[::-1]
    if not np.all(np.diff(x) > 0.0):
        raise InvalidResponse(
            f"the model's {abscissa!r} neither rises nor falls throughout: {name!r} cannot be interpolated"
        )
    return x, y


def _interpolated(name: str, abscissa: str, x: Array, y: Array, at: Array) -> Array:
    """A model's curve at other points of its abscissa, between its own ones linearly."""
    # round-off at the ends is no extrapolation
    room = 1e-9 * (x[-1] - x[0])
    beyond = np.flatnonzero((at < x[0] - room) | (at > x[-1] + room))
    if len(beyond):
        raise InvalidResponse(
            f"the model's {name!r} ends before {len(beyond)} of {len(at)} points: its {abscissa!r} goes from "
            f"{x[0]:g} to {x[-1]:g}, the reference from {at.min():g} to {at.max():g}"
        )
    return np.asarray(np.interp(at, x, y))


def _straightened(x: Array, y: Array, at: Array) -> Array:
    """About what straight lines between the points of a curve miss at other ones, to leading order."""
    slopes = np.diff(y) / np.diff(x)
    bends = 2.0 * np.diff(slopes) / (x[2:] - x[:-2])
    # of an interval the mean of its ends; at the first and last point that of their neighbour
    bends = np.r_[bends[0], bends, bends[-1]]
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    return 0.25 * (bends[left] + bends[left + 1]) * (at - x[left]) * (x[left + 1] - at)


def _deviations(name: str, sigma: Any, shape: tuple[int, ...], kept: NDArray[np.int64]) -> Array:
    """Standard deviations of the points of a curve that are compared."""
    values = np.asarray(sigma, dtype=float)
    if values.size != 1 and values.shape != shape:
        raise InputError(f"objective: sigma of {name!r} has the shape {values.shape}, the curve {shape}")
    values = np.broadcast_to(values.ravel() if values.size == 1 else values, shape)[kept]
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
    if len(wrong):
        raise InputError(
            f"objective: sigma of {name!r} = {values[wrong[0]]:g} at point {kept[wrong[0]] + 1}: must be "
            "finite and above 0"
        )
    return values


def _same(response: Response, name: str, shape: tuple[int, ...], kept: Any = slice(None)) -> Array:
    if name not in response:
        raise InvalidResponse(f"the model returned no {name!r}; it returned {', '.join(sorted(response))}")
    values = real(name, response[name])
    if values.shape != shape:
        raise InvalidResponse(f"the model's {name!r} has the shape {values.shape}, the reference {shape}")
    if not np.all(np.isfinite(values[kept])):
        raise InvalidResponse(f"the model's {name!r} is not finite")
    return values[kept]
