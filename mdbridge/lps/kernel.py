"""What the operator, a fit and a file need to know of an influence function, of whatever family.

The objects of a family are functions K(r), of either sign, that end at the horizon.  Its
class knows how a fit moves among them: by parameters q = (shape parameters, coefficients), in
the coefficients linearly.  A new family is one subclass of :class:`InfluenceFunction` in a file
of its own and one line in :mod:`.families`; nothing else asks for more than what is declared here.

The operator divides K by the weighted volume m = Σ K W |z|², so that only the shape of K
matters; :func:`share` and :func:`normalised` are the only places where that is done.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Same = TypeVar("Same", bound="InfluenceFunction")

Curve = Callable[[Array], tuple[Array, Array]]
"""From a fit's parameters ``(p,)`` to values ``(n,)`` at given places and their slopes ``(n, p)``."""

AT_HORIZON = 1 + 2e-5
"""Bonds of the horizon's length belong to the neighbourhood, also where coordinates come from text of four
decimals or from single precision."""


@dataclass(frozen=True)
class ShapeParameter:
    """A parameter without unit that K depends on in another way than linearly.

    Attributes:
        bounds: lower and upper, between which a fit may move it.
        starts: lower and upper, between which a fit's starting points are drawn.
        symbol: for figures.
    """

    bounds: tuple[float, float]
    starts: tuple[float, float]
    symbol: str


@dataclass(frozen=True)
class InfluenceFunction(ABC):
    """K(r) for 0 < r <= δ, and 0 beyond; the protocol of a family.

    Attributes:
        horizon: δ in Å.
        coefficients: D, ``(M + 1,)``, in which K is linear.
        shape: the shape parameters, in the order of :attr:`shape_parameters`.
        name: of the family, as in model.json and in ``[learn] kernel``.
        title: the same for a reader.
        shape_parameters: by the names that they have in model.json.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    shape_parameters: ClassVar[dict[str, ShapeParameter]] = {}

    horizon: float
    coefficients: Array
    shape: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not np.isrealobj(self.coefficients):
            raise ValueError(f"an influence function needs real coefficients, not {self.coefficients!r}")
        # a copy, and of floats: lists and integers are meant as well, and nobody changes K afterwards
        object.__setattr__(self, "coefficients", np.array(self.coefficients, dtype=np.float64))
        numbers = [self.horizon, *self.shape, *np.ravel(self.coefficients)]
        if np.ndim(self.coefficients) != 1 or not len(self.coefficients) or not np.isfinite(numbers).all():
            raise ValueError(f"an influence function needs finite coefficients, not {self.coefficients!r}")
        if len(self.shape) != len(self.shape_parameters):
            wanted = ", ".join(self.shape_parameters) or "none"
            raise ValueError(f"shape parameters of {self.title}: {wanted}; not {self.shape}")
        if not self.horizon > 0:
            raise ValueError(f"a horizon of {self.horizon:g} Å: must be positive")

    @classmethod
    @abstractmethod
    def curve(cls, radii: Array, horizon: float, degree: int) -> Curve:
        """K at ``radii`` ``(n,)`` (Å, in (0, δ]) as a function of a fit's parameters.

        What does not depend on these is computed once, here.
        """

    @abstractmethod
    def elevated(self: Same, degree: int) -> Same:
        """The same function in the basis of a higher ``degree``, or the nearest to it where that lacks it."""

    @property
    def degree(self) -> int:
        """M: one less than the number of coefficients, in every family."""
        return len(self.coefficients) - 1

    def __call__(self, r: ArrayLike) -> Array:
        """K at the distances ``r`` (Å, positive), same shape."""
        r = np.asarray(r, dtype=float)
        inside = r <= self.horizon * AT_HORIZON
        values = np.zeros(r.shape)
        curve = self.curve(np.minimum(r[inside], self.horizon), self.horizon, self.degree)
        values[inside] = curve(self.parameters())[0]
        return values

    def resized(self: Same, horizon: float) -> Same:
        """The same function of r/δ for another horizon (Å), up to a factor, which means nothing."""
        return replace(self, horizon=horizon)

    def named_shape(self) -> dict[str, float]:
        """The shape parameters by name."""
        return dict(zip(self.shape_parameters, map(float, self.shape), strict=True))

    def describe(self) -> str:
        """The family, M and the shape parameters, for the title of a figure."""
        shape = zip(self.shape_parameters.values(), self.shape, strict=True)
        return ", ".join(
            [
                f"{self.title}, M = {self.degree}",
                *(f"{parameter.symbol} = {value:.2f}" for parameter, value in shape),
            ]
        )

    # --- a fit's parameters ---------------------------------------------------------

    def parameters(self) -> Array:
        """The parameters of a fit that stand for this function: the shape, then the coefficients."""
        return np.concatenate([self.shape, self.coefficients])

    @classmethod
    def from_parameters(cls: type[Same], horizon: float, parameters: Array) -> Same:
        """The inverse of :meth:`parameters`."""
        count = len(cls.shape_parameters)
        return cls(horizon, parameters[count:], tuple(parameters[:count].tolist()))

    @classmethod
    def start(cls, degree: int, random: np.random.Generator) -> Array:
        """A fit's parameters of a positive function, drawn at random."""
        # positive: such a model is solvable, so that a fit begins inside its conditions
        coefficients = random.uniform(0.0, 1.0, degree + 1)
        shape = [random.uniform(*parameter.starts) for parameter in cls.shape_parameters.values()]
        return np.concatenate([shape, coefficients])

    # --- files ----------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """What defines the function beside its horizon: the family, the shape parameters and D."""
        return {"kernel": self.name, **self.named_shape(), "D": self.coefficients.tolist()}

    @classmethod
    def from_dict(cls: type[Same], data: dict[str, Any], horizon: float) -> Same:
        """The inverse of :meth:`as_dict`.

        Raises:
            KeyError, TypeError, ValueError: ``data`` is not what :meth:`as_dict` gives.
        """
        shape = tuple(float(data[name]) for name in cls.shape_parameters)
        return cls(horizon, np.array(data["D"], dtype=float), shape)


def share(values: Array, volume: Array, start: Ints | None = None) -> Array:
    """K/m of rings, or K W/m of bonds, ``(n,)``.

    Args:
        values: K of the rings, or K W of the bonds, ``(n,)``.
        volume: ``(n,)`` what each value adds to m: Σ W |z|² (Å⁴) of a ring's bonds, |z|² (Å²) of a bond.
        start: where each neighbourhood begins; all is one without it.
    """
    return values / _per_neighbourhood(volume * values, start)


def normalised(curve: Curve, volume: Array, start: Ints | None = None) -> Curve:
    """Shares of a :data:`Curve`'s values, with their slopes; arguments as for :func:`share`."""

    def shares(parameters: Array) -> tuple[Array, Array]:
        values, slopes = curve(parameters)
        # d(K/m) = (dK − K/m dm)/m, and m is linear in K
        m = np.reshape(_per_neighbourhood(volume * values, start), (-1, 1))
        ratio = values / m[:, 0]
        return ratio, (slopes - ratio[:, None] * _per_neighbourhood(volume[:, None] * slopes, start)) / m

    return shares


def _per_neighbourhood(terms: Array, start: Ints | None) -> Array:
    """Sums over neighbourhoods, repeated for each of their members; over all there is, once."""
    if start is None:
        return terms.sum(axis=0)
    counts = np.diff(np.append(start, len(terms)))
    return np.repeat(np.add.reduceat(terms, start, axis=0), counts, axis=0)
