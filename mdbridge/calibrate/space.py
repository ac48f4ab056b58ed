"""The parameters, their distributions, and the unit cube in which the search lives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import qmc

from ..core.errors import InputError

Array = NDArray[np.float64]
Distribution = Literal["uniform", "loguniform", "normal"]
Design = Literal["lhs", "sobol", "halton"]


@dataclass(frozen=True)
class Parameter:
    """A parameter between two bounds.

    Attributes:
        low, high: bounds.
        distribution: of the samples: "uniform", "loguniform", or "normal"
            (truncated at the bounds).
        mean, deviation: of "normal".
    """

    low: float
    high: float
    distribution: Distribution = "uniform"
    mean: float | None = None
    deviation: float | None = None

    def value(self, unit: Array) -> Array:
        """The quantiles ``unit`` (0 … 1) of the distribution."""
        if self.distribution == "uniform":
            return self.low + unit * (self.high - self.low)
        if self.distribution == "loguniform":
            # equal steps of the unit cube are equal factors
            return self.low * (self.high / self.low) ** unit
        # the outermost quantiles may leave the bounds by round-off
        return np.clip(self._quantiles(stats.truncnorm.ppf, unit), self.low, self.high)

    def unit(self, value: float) -> float:
        """The inverse of :meth:`value`."""
        if self.distribution == "uniform":
            return (value - self.low) / (self.high - self.low)
        if self.distribution == "loguniform":
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float(self._quantiles(stats.truncnorm.cdf, np.array(value)))

    def _quantiles(self, function: Callable[..., Array], at: Array) -> Array:
        """A function of the normal distribution, truncated at the bounds."""
        mean, deviation = self.mean, self.deviation
        if mean is None or deviation is None:
            raise InputError("'normal' needs mean and deviation")
        return function(at, (self.low - mean) / deviation, (self.high - mean) / deviation, mean, deviation)


@dataclass(frozen=True)
class Space:
    """All parameters, in order.

    Raises:
        InputError: no parameters, bounds that are empty or reversed, or a
            distribution that does not fit them; the parameter is named.
    """

    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InputError("parameters: there is none to calibrate")
        for name, p in self.parameters.items():
            if not (np.isfinite(p.low) and np.isfinite(p.high) and p.low < p.high):
                raise InputError(f"parameters.{name}: low = {p.low} must lie below high = {p.high}")
            if p.distribution == "loguniform" and p.low <= 0.0:
                raise InputError(f"parameters.{name}: low = {p.low}: 'loguniform' needs positive bounds")
            if p.distribution == "normal" and (p.mean is None or not p.deviation or p.deviation <= 0.0):
                raise InputError(f"parameters.{name}: 'normal' needs mean and a positive deviation")

    @property
    def names(self) -> list[str]:
        """In order."""
        return list(self.parameters)

    def physical(self, unit: Array) -> dict[str, float]:
        """The parameters of a point ``(d,)`` of the unit cube."""
        pairs = zip(self.parameters.items(), unit, strict=True)
        return {name: float(p.value(np.asarray(u))) for (name, p), u in pairs}

    def unit(self, values: Mapping[str, float]) -> Array:
        """The point ``(d,)`` of the unit cube for parameters by name."""
        return np.array([p.unit(values[name]) for name, p in self.parameters.items()])


def design(kind: Design, count: int, dimensions: int, seed: int) -> Array:
    """A start design ``count x dimensions`` in the unit cube."""
    if kind == "lhs":
        return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(count)
    if kind == "halton":
        return qmc.Halton(dimensions, rng=np.random.default_rng(seed)).random(count)
    # a power of two, cut off afterwards: only those are balanced
    sobol = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
    return sobol.random_base2(int(np.ceil(np.log2(max(count, 1)))))[:count]
