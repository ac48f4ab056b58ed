"""Where to look next: the logarithm of expected improvement, [Kontolati2021, eq. 20]."""

import warnings
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from ..core.requires import requires
from .surrogate import Surrogate

with requires("botorch", "calibration"):
    import torch
    from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, qLogExpectedImprovement
    from botorch.exceptions import BadInitialCandidatesWarning, OptimizationWarning
    from botorch.optim import optimize_acqf
    from botorch.sampling import SobolQMCNormalSampler
    from linear_operator.utils.warnings import NumericalWarning

Array = NDArray[np.float64]


class Region(Protocol):
    """A part of the cube."""

    def maximiser(self, acquisition: AcquisitionFunction, everywhere: Array, near: Array) -> Array | None:
        """The best point ``(d,)``, from candidates ``n x d`` all over the cube and near the incumbent."""


CANDIDATES = 512
STARTS = 4
SAMPLES = 128

MANY = 8
"""Pending points beyond which these are taken to be as the surrogate expects: integrating over what
they may be takes 3.5 s for 63 of them, believing it a fifth of that."""


def propose(
    surrogate: Surrogate, incumbent: Array, pending: Array, seed: list[int], region: Region | None = None
) -> Array | None:
    """The point ``(d,)`` of the unit cube with the largest log-EI; None if all there are have been tried.

    Args:
        surrogate: of all that is known.
        incumbent: the best point, ``(d,)``; candidates are also drawn near it.
        pending: points under evaluation, ``p x d``.
        seed: of all randomness here.
        region: where it may be, if not anywhere.
    """
    dimensions = len(incumbent)
    bounds = torch.tensor([[0.0] * dimensions, [1.0] * dimensions], dtype=torch.double)
    # a stream of its own: the proposal depends on the seed given here, not on what torch drew before
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # an optimiser that stops early leaves a good point all the same, and the search goes on from any
        warnings.simplefilter("ignore", OptimizationWarning)
        warnings.simplefilter("ignore", BadInitialCandidatesWarning)
        # points of a refinement are near each other: a jitter of 1e-8 on a variance of 1 moves no proposal
        warnings.simplefilter("ignore", NumericalWarning)
        warnings.filterwarnings("ignore", "Optimization failed", RuntimeWarning)
        torch.manual_seed(int(np.random.default_rng(seed).integers(2**31)))
        if len(pending) > MANY:
            surrogate, pending = surrogate.believing(pending), pending[:0]
        acquisition = _improvement(surrogate, pending, seed)
        if region is not None:
            return region.maximiser(acquisition, *_candidates(incumbent, seed))
        starts = torch.cat([best_of(acquisition, points) for points in _candidates(incumbent, seed)])
        maximiser, _ = optimize_acqf(
            acquisition, bounds, 1, len(starts), batch_initial_conditions=starts, options={"maxiter": 60}
        )
    # the bounds hold to the optimiser's tolerance
    return np.clip(maximiser[0].numpy(), 0.0, 1.0)


def _improvement(surrogate: Surrogate, pending: Array, seed: list[int]) -> AcquisitionFunction:
    if not len(pending):
        # its logarithm: expected improvement itself is zero in double precision almost everywhere
        return LogExpectedImprovement(surrogate.model, best_f=surrogate.best)
    sampler = SobolQMCNormalSampler(
        torch.Size([SAMPLES]), seed=int(np.random.default_rng([*seed, 1]).integers(2**31))
    )
    return qLogExpectedImprovement(
        surrogate.model,
        best_f=surrogate.best,
        sampler=sampler,
        X_pending=torch.as_tensor(pending, dtype=torch.double),
    )


def best_of(acquisition: AcquisitionFunction, points: Array) -> torch.Tensor:
    """The best of ``n x d`` to start from, ``STARTS x 1 x d``, or all if they are fewer."""
    raw = torch.as_tensor(points)[:, None, :]
    with torch.no_grad():
        return raw[acquisition(raw).topk(min(STARTS, len(points))).indices]


def _candidates(incumbent: Array, seed: list[int]) -> tuple[Array, Array]:
    """Points all over the cube, and near the incumbent at several distances.

    Each kind has starts of its own, or else those near the incumbent, which are
    better before they are optimised, would leave none for other basins.
    """
    random = np.random.default_rng([*seed, 2])
    everywhere = qmc.Sobol(len(incumbent), rng=random).random(CANDIDATES)
    # log-uniform: how narrow the valley is, is not known
    widths = 10.0 ** random.uniform(-3.0, -0.5, (CANDIDATES // 4, 1))
    near = incumbent + widths * random.standard_normal((CANDIDATES // 4, len(incumbent)))
    return everywhere, np.clip(near, 0.0, 1.0)
