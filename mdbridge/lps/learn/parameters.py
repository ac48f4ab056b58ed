"""What a fit moves: two moduli and the parameters of one or two influence functions, in one vector."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernel import InfluenceFunction
from ..material import LinearPeridynamicSolid
from ..quadrature import DEFAULT

Array = NDArray[np.float64]

_MODULUS = 0.7  # TPa, where both moduli start
_LEAST_MODULUS = 1e-6  # TPa


@dataclass(frozen=True)
class Layout:
    """The vector p = (λ + μ, μ, shape, D), and once more shape and D if the dilatation has its own K.

    Attributes:
        family: of the influence functions.
        horizon: δ (Å).
        degree: M.
        own_dilatation: whether the dilatation has an influence function of its own.
        quadrature: with which the model is learned, and which it keeps.
    """

    family: type[InfluenceFunction]
    horizon: float
    degree: int
    own_dilatation: bool = False
    quadrature: str = DEFAULT

    @property
    def size(self) -> int:
        """The length of p."""
        return 2 + self._each * (2 if self.own_dilatation else 1)

    @property
    def _each(self) -> int:
        return len(self.family.shape_parameters) + self.degree + 1

    @property
    def deviatoric(self) -> slice:
        """Where the parameters of the influence function are."""
        return slice(2, 2 + self._each)

    @property
    def volumetric(self) -> slice:
        """Where those of the dilatation's are: the same if it has none of its own."""
        return slice(self.size - self._each, self.size)

    @property
    def functions(self) -> list[slice]:
        """Where each influence function's parameters are."""
        return [self.deviatoric, self.volumetric] if self.own_dilatation else [self.deviatoric]

    def lame(self, p: Array) -> tuple[float, float]:
        """λ and μ (TPa)."""
        # λ + μ and μ, not λ and μ: that the model be solvable is then a bound on each
        return float(p[0] - p[1]), float(p[1])

    def start(self, random: np.random.Generator) -> Array:
        """Plausible moduli, and positive influence functions with random coefficients."""
        functions = [self.family.start(self.degree, random) for _ in self.functions]
        return np.concatenate([[_MODULUS, _MODULUS], *functions])

    def material(self, p: Array, slopes: Array) -> LinearPeridynamicSolid:
        """The model at ``p``.

        Args:
            slopes: ``(n, q)`` of K at all bonds with respect to one influence function's parameters.
        """
        functions = []
        for part in self.functions:
            q = p[part].copy()
            d = q[len(self.family.shape_parameters) :]
            d[:] = settled(d, slopes[:, -len(d) :])
            functions.append(self.family.from_parameters(self.horizon, q))
        own = functions[1] if self.own_dilatation else None
        return LinearPeridynamicSolid(functions[0], *self.lame(p), own, self.quadrature)

    def parameters(self, material: LinearPeridynamicSolid) -> Array:
        """The inverse of :meth:`material`, up to the scale of K.

        Raises:
            ValueError: the model is of another family or degree.
        """
        p = [np.array([material.lame_lambda + material.lame_mu, material.lame_mu])]
        functions = (material.influence, material.dilatation_influence)[: len(self.functions)]
        for function in functions:
            if not isinstance(function, self.family) or function.degree != self.degree:
                raise ValueError(
                    f"a start of {function.describe()} for a fit of {self.family.title}, M = {self.degree}"
                )
            q = function.parameters()
            # the scale of K means nothing, and a fit's tolerances are for numbers of order one
            q[len(function.shape) :] /= np.abs(q[len(function.shape) :]).mean()
            p.append(q)
        return np.concatenate(p)

    def bounds(self, positive: bool = False) -> tuple[Array, Array]:
        """Lower and upper; with ``positive`` no coefficient may be negative."""
        lower, upper = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        lower[:2] = _LEAST_MODULUS
        for part in self.functions:
            for index, parameter in enumerate(self.family.shape_parameters.values(), part.start):
                lower[index], upper[index] = parameter.bounds
            if positive:
                lower[self.coefficients(part)] = 0.0
        return lower, upper

    def coefficients(self, part: slice) -> slice:
        """Where D is among the parameters of one influence function."""
        return slice(part.start + len(self.family.shape_parameters), part.stop)

    def padded(self, slopes: Array, part: slice) -> Array:
        """Slopes ``(n, q)`` with respect to ``p[part]`` as slopes ``(n, p)`` with respect to all of p."""
        result = np.zeros((len(slopes), self.size))
        result[:, part] = slopes
        return result

    def fix(self, start: Array, bounds: tuple[Array, Array], shape: Mapping[str, float]) -> None:
        """Hold shape parameters, by name, at given values: ``start`` and ``bounds`` are changed in place.

        Raises:
            ValueError: the family has no such parameter.
        """
        names = list(self.family.shape_parameters)
        for name, value in shape.items():
            if name not in names:
                raise ValueError(f"{self.family.title} have no shape parameter {name!r}")
            for part in self.functions:
                index = part.start + names.index(name)
                start[index] = value
                bounds[0][index], bounds[1][index] = value - 1e-9, value + 1e-9  # as good as fixed

    def fix_lame(self, start: Array, bounds: tuple[Array, Array], lame_lambda: float, lame_mu: float) -> None:
        """Hold λ and μ (TPa): ``start`` and ``bounds`` are changed in place."""
        for index, value in enumerate((lame_lambda + lame_mu, lame_mu)):
            start[index] = value
            bounds[0][index], bounds[1][index] = value * (1 - 1e-9), value * (1 + 1e-9)  # as good as fixed


def settled(coefficients: Array, slopes: Array) -> Array:
    """Coefficients ``(m,)`` of which those that no bond feels are set between their neighbours.

    A function of bounded support may lie between the lengths of all bonds, or short of them; a fit
    leaves its coefficient where it began, at random.  At the bonds K does not change.

    Args:
        slopes: ``(n, m)`` of K at all bonds with respect to the coefficients.
    """
    index = np.arange(len(coefficients))
    felt = (slopes != 0).any(axis=0)
    return np.interp(index, index[felt], coefficients[felt])
