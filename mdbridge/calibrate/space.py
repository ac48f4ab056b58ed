"""The parameters, their distributions, and the unit cube in which the search lives.

Whole numbers and choices are bins of the unit interval; the search knows each by the middle of
its bin.  Parameters that are held fixed are no coordinates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import qmc

from ..core.errors import InputError
from .constraints import Constraint

Array = NDArray[np.float64]
Distribution = Literal["uniform", "loguniform", "normal"]
Design = Literal["lhs", "sobol", "halton"]
Value = float | int | str | bool


@dataclass(frozen=True)
class Parameter:
    """A parameter between two bounds, or one of several choices.

    Attributes:
        low, high: bounds.
        distribution: of the samples: "uniform", "loguniform", or "normal"
            (truncated at the bounds).
        mean, deviation: of "normal".
        integer: whether it is a whole number.
        choices: values without an order, instead of bounds.
    """

    low: float = 0.0
    high: float = 1.0
    distribution: Distribution = "uniform"
    mean: float | None = None
    deviation: float | None = None
    integer: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def discrete(self) -> bool:
        """Whether it has bins."""
        return self.integer or bool(self.choices)

    def value(self, unit: Array) -> Array:
        """The quantiles ``unit`` (0 … 1) of the distribution, of numbers that are not whole."""
        if self.distribution == "uniform":
            return self.low + unit * (self.high - self.low)
        if self.distribution == "loguniform":
            # equal steps of the unit cube are equal factors
            return self.low * (self.high / self.low) ** unit
        # the outermost quantiles may leave the bounds by round-off
        return np.clip(self._quantiles(stats.truncnorm.ppf, unit), self.low, self.high)

    def at(self, unit: float) -> Value:
        """The value that the model gets."""
        if self.choices:
            return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
        if self.integer:
            whole = np.floor(self.bins.value(np.asarray(unit)) + 0.5)
            return int(np.clip(whole, self.low, self.high))
        return float(self.value(np.asarray(unit)))

    @cached_property
    def bins(self) -> "Parameter":
        """Of whole numbers: the same over the real numbers that are rounded to them."""
        return replace(self, low=self.low - 0.5, high=self.high + 0.5, integer=False)

    def unit(self, value: Any) -> float:
        """The inverse of :meth:`at`; of a bin its middle."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices)
        if self.integer:
            return self.bins.unit(value)
        if self.distribution == "uniform":
            return float((value - self.low) / (self.high - self.low))
        if self.distribution == "loguniform":
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float(self._quantiles(stats.truncnorm.cdf, np.array(value)))

    def check(self, name: str) -> None:
        """Refuse bounds and distributions that make no sense.

        Raises:
            InputError: with the parameter's name.
        """
        where = f"parameters.{name}"
        if self.choices:
            if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
                raise InputError(f"{where}: values = {list(self.choices)}: give two or more different ones")
            return
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise InputError(
                f"{where}: low = {self.low} must lie below high = {self.high}; change one of them, or "
                "exchange both"
            )
        if not np.isfinite(self.high - self.low):
            raise InputError(
                f"{where}: low = {self.low}, high = {self.high}: their difference is no number; 'loguniform' "
                "serves values of many magnitudes"
            )
        if self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise InputError(f"{where}: low = {self.low}, high = {self.high}: of an integer, both are whole")
        if self.distribution == "loguniform" and self.low <= 0.0:
            raise InputError(
                f"{where}: low = {self.low}: 'loguniform' needs positive bounds; give a low above 0, or "
                "distribution = 'uniform'"
            )
        if self.distribution == "loguniform" and not np.isfinite(float(self.high) / float(self.low)):
            raise InputError(
                f"{where}: low = {self.low}, high = {self.high}: their ratio is no number; raise low"
            )
        if self.distribution == "normal" and (
            self.mean is None or not self.deviation or self.deviation <= 0.0
        ):
            raise InputError(f"{where}: 'normal' needs mean and a positive deviation")

    def _quantiles(self, function: Callable[..., Array], at: Array) -> Array:
        """A function of the normal distribution, truncated at the bounds."""
        mean, deviation = self.mean, self.deviation
        if mean is None or deviation is None:
            raise InputError("'normal' needs mean and deviation")
        return function(at, (self.low - mean) / deviation, (self.high - mean) / deviation, mean, deviation)


@dataclass(frozen=True)
class Space:
    """All parameters, in order.

    Attributes:
        parameters: those that are searched, by name.
        fixed: the values of others.
        constraints: inequalities that hold for every sample.

    Raises:
        InputError: no parameters, bounds that are empty or reversed, or a
            distribution that does not fit them; the parameter is named.
    """

    parameters: Mapping[str, Parameter]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    constraints: Sequence[Constraint] = ()

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InputError("parameters: there is none to calibrate")
        for name, p in self.parameters.items():
            p.check(name)

    @property
    def names(self) -> list[str]:
        """Of those that are searched, in order."""
        return list(self.parameters)

    @cached_property
    def free(self) -> NDArray[np.int64]:
        """Numbers of the coordinates that change continuously."""
        return np.array([k for k, p in enumerate(self.parameters.values()) if not p.discrete], dtype=np.int64)

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """Numbers of the coordinates that have bins."""
        return np.array([k for k, p in enumerate(self.parameters.values()) if p.discrete], dtype=np.int64)

    @cached_property
    def categories(self) -> list[int]:
        """Numbers of the coordinates whose bins have no order."""
        return [k for k, p in enumerate(self.parameters.values()) if p.choices]

    @property
    def plain(self) -> bool:
        """Whether all of the cube may be searched, in every direction."""
        return not len(self.bins) and not self.constraints

    def physical(self, unit: Array) -> dict[str, Any]:
        """The parameters of a point ``(d,)`` of the unit cube, fixed ones included."""
        pairs = zip(self.parameters.items(), unit, strict=True)
        return {name: p.at(float(u)) for (name, p), u in pairs} | dict(self.fixed)

    def unit(self, values: Mapping[str, Any]) -> Array:
        """The point ``(d,)`` of the unit cube for parameters by name."""
        return np.array([p.unit(values[name]) for name, p in self.parameters.items()])

    def snapped(self, points: Array) -> Array:
        """Points ``n x d`` with each coordinate that has bins in the middle of its bin."""
        snapped = np.array(points, dtype=float)
        parameters = list(self.parameters.values())
        for k in self.bins:
            p = parameters[k]
            snapped[:, k] = [p.unit(p.at(float(u))) for u in snapped[:, k]]
        return snapped

    def feasible(self, points: Array) -> NDArray[np.bool_]:
        """Whether the constraints hold at points ``n x d``."""
        if not self.constraints:
            return np.ones(len(points), dtype=bool)
        values = [self.physical(point) for point in points]
        return np.array([all(c.holds(v) for c in self.constraints) for v in values], dtype=bool)

    def margins(self, point: Array) -> Array:
        """What must not be negative at a point ``(d,)``; none without constraints."""
        values = {n: np.float64(v) for n, v in self.physical(point).items() if not isinstance(v, str)}
        with np.errstate(all="ignore"):
            each = [margin for c in self.constraints for margin in c.margins(values)]
        return np.nan_to_num(np.array(each, dtype=float), nan=-1e300)


def design(kind: Design, count: int, dimensions: int, seed: int) -> Array:
    """A start design ``count x dimensions`` in the unit cube."""
    if kind == "lhs":
        return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(count)
    if kind == "halton":
        return qmc.Halton(dimensions, rng=np.random.default_rng(seed)).random(count)
    # a power of two, cut off afterwards: only those are balanced
    sobol = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
    return sobol.random_base2(int(np.ceil(np.log2(max(count, 1)))))[:count]
