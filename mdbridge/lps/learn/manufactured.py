"""Manufactured data with a known influence function, [You2022, sec. 5].

The loads are those of the continuum, so that a discretised model reproduces them
only up to its quadrature error, even with the true influence function.
"""

import itertools
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0, j1

from .. import families, symbol
from ..kernel import InfluenceFunction
from ..material import C1, C2, LinearPeridynamicSolid, combined
from ..stencil import Stencil
from . import spectral
from .residuals import FitSettings, LeastSquaresProblem
from .spectral import Samples

Array = NDArray[np.float64]


def continuum_symbol(
    influence: Callable[[Array], Array], horizon: float, lame: tuple[float, float], k: Array
) -> tuple[Array, Array]:
    """The operator on longitudinal and transverse waves of wave number ``k`` ``(n,)``, each ``(n,)``.

    The integrals of (3.4) over the ball of radius ``horizon`` (Å), the angular ones in
    closed form, the radial one by Gauss's rule.  With (λ, μ) in TPa: TPa/Å².
    """
    # exact to round-off for waves down to a tenth of the horizon, and cheap
    nodes, weights = np.polynomial.legendre.leggauss(200)
    r = 0.5 * horizon * (nodes + 1)
    w = 0.5 * horizon * weights * influence(r) * r
    x = np.outer(k, r)
    # J₁(x)/x, 1/2 at 0
    ratio = np.where(x > 1e-8, j1(x) / np.where(x > 1e-8, x, 1.0), 0.5)
    volume = 2 * np.pi * (w * r**2).sum()
    g = C1 / volume * ((2 * np.pi * j1(x)) @ (w * r))
    along = C2 / volume * ((np.pi - 2 * np.pi * (j0(x) - ratio)) @ w)
    across = C2 / volume * ((np.pi - 2 * np.pi * ratio) @ w)
    return combined(*lame, g**2, along), combined(*lame, 0.0, across)


def standing_waves(
    spacing: float,
    length: float,
    amplitude: float,
    operator: Callable[[Array], tuple[Array, Array]],
    waves: int = 5,
) -> Samples:
    """u = amplitude cos(2π n₁ x₁/length) cos(2π n₂ x₂/length) e_i, and what ``operator`` makes of it.

    Args:
        spacing: of the nodes (Å).
        operator: on longitudinal and transverse waves, as :func:`continuum_symbol`.
        waves: largest n.
    """
    numbers = np.arange(-waves, waves + 1)
    n = np.stack(np.meshgrid(numbers, numbers, indexing="ij"), axis=-1).reshape(-1, 2)
    # a uniform displacement has no load
    n = n[np.any(n != 0, axis=1)]
    k = 2 * np.pi / length * n
    modes = [(a, b) for a in range(waves + 1) for b in range(waves + 1) if a + b]
    u = np.zeros((2 * len(modes), len(n), 2), dtype=complex)
    for index, mode in enumerate(modes):
        members = np.all(np.abs(n) == mode, axis=1)
        for axis in range(2):
            # a product of cosines is the mean of its four (on an axis two) plane waves ±k
            u[2 * index + axis, members, axis] = amplitude / members.sum()
    size = np.linalg.norm(k, axis=1)
    direction = k / size[:, None]
    along, across = operator(size)
    projected = (u * direction).sum(axis=2)[..., None] * direction
    b = along[:, None] * projected + across[:, None] * (u - projected)
    return Samples(np.full(2, spacing), k, u, b)


def learn_positive(
    samples: Samples,
    stencil: Stencil,
    degree: int,
    shape: Mapping[str, float] | None = None,
    start: InfluenceFunction | None = None,
    kernel: str = families.DEFAULT,
) -> tuple[LinearPeridynamicSolid, float]:
    """The prediction step of Algorithm 1, by least squares: a positive influence function, λ and μ.

    Such a model is solvable without further conditions.

    Args:
        shape: the shape parameters, by name, that are not to be learned.
        start: an influence function of a lower degree to start from, beside constant coefficients
            with several shapes.
        kernel: the family of influence functions.

    Returns:
        The model, and its mean relative residual.
    """
    settings = FitSettings(
        solution_weight=0.0, consistency_weight=0.0, positive=True, kernel=kernel, shape=shape or {}
    )
    problem = LeastSquaresProblem([(spectral.moments(samples), stencil)], [stencil], degree, settings)
    family = families.family(kernel)
    shapes = itertools.product(
        *(np.linspace(*parameter.starts, 4) for parameter in family.shape_parameters.values())
    )
    starts = [family(stencil.horizon, np.ones(degree + 1), values) for values in shapes]
    if start is not None:
        # the same function in the larger basis: the loss cannot grow with M
        starts.append(start.elevated(degree))
    tries = [
        problem.minimize(problem.parameters(LinearPeridynamicSolid(influence, 0.0, 0.7)), 400)
        for influence in starts
    ]
    material = problem.material(min(tries, key=lambda result: result.cost).x)
    return material, mean_residual(material, samples, stencil)


def mean_residual(material: LinearPeridynamicSolid, samples: Samples, stencil: Stencil) -> float:
    """Mean relative residual of (4.1)."""
    operator = symbol.operator(material, symbol.rings(stencil, samples.wavevectors))
    return float(spectral.errors(operator, samples)[0].mean())
