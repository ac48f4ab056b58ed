"""Maximising an acquisition over whole numbers, choices and constraints, with BoTorch's mixed optimiser."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.requires import requires
from .acquisition import best_of
from .constraints import Constraint
from .sampling import sample
from .space import Parameter, Space

with requires("botorch", "calibration"):
    import torch
    from botorch.acquisition import AcquisitionFunction
    from botorch.exceptions.errors import CandidateGenerationError
    from botorch.optim import optimize_acqf

Array = NDArray[np.float64]
Margin = Callable[[torch.Tensor], torch.Tensor]

CLIMBS = 2
KNOWN = 1e-9
"""Points nearer to each other are the same."""


class MixedRegion:
    """The points of a space that its bins and constraints allow.

    Args:
        space: with bins or constraints.
        tried: points ``n x d`` that are not proposed again where nothing is continuous: trials, pending ones.
        seed: of the candidates.
    """

    def __init__(self, space: Space, tried: Array, seed: list[int]):
        self._space, self._tried, self._seed = space, tried, seed

    def maximiser(self, acquisition: AcquisitionFunction, everywhere: Array, near: Array) -> Array | None:
        """See :class:`~mdbridge.calibrate.acquisition.Region`.

        The best candidates are moved along what is continuous, each with its own whole numbers and choices.
        """
        space = self._space
        groups = [self._allowed(points) for points in (everywhere, near)]
        if len(groups[0]) < len(everywhere) // 8:  # the constraints leave little: look there for more
            random = np.random.default_rng([*self._seed, 4])
            groups[0] = np.vstack([groups[0], self._allowed(sample(space, len(everywhere), random))])
        # two of each kind: a climb with constraints takes a sequential quadratic programme
        starts = [best_of(acquisition, points)[:CLIMBS] for points in groups if len(points)]
        if not starts:
            return None
        # the starts themselves are points of the space: the best of them is the answer if no climb is better
        kept, values = torch.cat(starts), []
        with torch.no_grad():
            values = acquisition(kept).tolist()
        best, best_value = kept[int(np.argmax(values)), 0].numpy(), max(values)
        if not len(space.free):
            return np.array(best)
        for start in kept:
            point = self._climbed(acquisition, start)
            with torch.no_grad():
                value = float(acquisition(torch.as_tensor(point)[None, None]))
            # an optimiser stops a tolerance beyond a constraint
            if value > best_value and space.feasible(point[None])[0]:
                best, best_value = point, value
        return np.array(best)

    def _climbed(self, acquisition: AcquisitionFunction, start: torch.Tensor) -> Array:
        space, d = self._space, len(self._space.names)
        bounds = torch.tensor([[0.0] * d, [1.0] * d], dtype=torch.double)
        linear, others = _limits(space)
        limits: dict[str, Any] = {}
        if linear:
            limits["inequality_constraints"] = linear
        if others:
            limits["nonlinear_inequality_constraints"] = [(margin, True) for margin in others]
        try:
            point, _ = optimize_acqf(
                acquisition,
                bounds,
                1,
                1,
                batch_initial_conditions=start[None],
                fixed_features={int(k): float(start[0, k]) for k in space.bins},
                options={"maxiter": 60, "batch_limit": 1},
                retry_on_optimization_warning=False,
                **limits,
            )
        except CandidateGenerationError:  # a tolerance beyond a constraint: the start itself is good enough
            return np.array(start[0].numpy())
        return space.snapped(np.clip(point.numpy(), 0.0, 1.0))[0]

    def _allowed(self, points: Array) -> Array:
        points = self._space.snapped(points)
        points = points[self._space.feasible(points)]
        if len(self._space.free) or not len(self._tried) or not len(points):
            return points
        gaps = np.abs(points[:, None] - self._tried).max(axis=2).min(axis=1)
        return np.asarray(points[gaps > KNOWN])


def _limits(space: Space) -> tuple[list[tuple[torch.Tensor, torch.Tensor, float]], list[Margin]]:
    """The constraints over the unit cube, as BoTorch takes them: linear ones, and functions."""
    linear: list[tuple[torch.Tensor, torch.Tensor, float]] = []
    others: list[Margin] = []
    for constraint in space.constraints:
        moved = [p for name, p in space.parameters.items() if name in constraint.names]
        if all(p.discrete for p in moved):  # it holds at the start, and nothing in it is moved
            continue
        rows = constraint.affine()
        if rows is not None and all(p.distribution == "uniform" for p in moved):
            linear += [_row(space, *row) for row in rows]
        else:
            others += [_margin(space, constraint, k) for k in range(constraint.count)]
    return linear, others


def _row(
    space: Space, coefficients: dict[str, float], constant: float
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """A linear margin as numbers of coordinates, their coefficients, and what the sum must reach."""
    index, factors, least = [], [], -constant
    for k, (name, p) in enumerate(space.parameters.items()):
        # a coordinate that is fixed to a whole number lies in the middle of its bin
        if factor := coefficients.get(name, 0.0):
            bounds = p.bins if p.integer else p
            index.append(k)
            factors.append(factor * (bounds.high - bounds.low))
            least -= factor * bounds.low
    least -= sum(c * float(space.fixed[name]) for name, c in coefficients.items() if name in space.fixed)
    return torch.tensor(index), torch.tensor(factors, dtype=torch.double), least


def _margin(space: Space, constraint: Constraint, k: int) -> Margin:
    """The k-th margin of a constraint as a function of a point ``(d,)`` of the unit cube."""

    def margin(x: torch.Tensor) -> torch.Tensor:
        values = {name: torch.as_tensor(v) for name, v in space.fixed.items() if name in constraint.names}
        for j, (name, p) in enumerate(space.parameters.items()):
            if name in constraint.names:
                values[name] = _value(p.bins if p.integer else p, x[..., j])
        return torch.as_tensor(constraint.margins(values, torch)[k])

    return margin


def _value(p: Parameter, unit: torch.Tensor) -> torch.Tensor:
    """The quantiles of a parameter, differentiable."""
    if p.distribution == "uniform":
        return p.low + unit * (p.high - p.low)
    if p.distribution == "loguniform":
        return p.low * (p.high / p.low) ** unit
    mean, deviation = float(p.mean or 0.0), float(p.deviation or 1.0)
    ends = torch.special.ndtr((torch.tensor([p.low, p.high], dtype=torch.double) - mean) / deviation)
    # the outermost quantiles of the whole normal distribution are infinite
    inside = (ends[0] + unit * (ends[1] - ends[0])).clamp(1e-15, 1.0 - 1e-15)
    return mean + deviation * torch.special.ndtri(inside)
