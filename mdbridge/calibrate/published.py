"""The published scheme, [Kontolati2021, Algorithm 1]: an RBF process of the distance, and EI by Monte Carlo.

It is here for comparison: the distance itself is modelled, not its logarithm, with the kernel (16), and
the expected improvement (20) is evaluated at N* random points, of which the best is taken.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..core.requires import requires
from .space import Space

with requires("botorch", "calibration"):
    import torch
    from botorch.exceptions import OptimizationWarning
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from gpytorch.kernels import RBFKernel, ScaleKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood

Array = NDArray[np.float64]

_CHUNK = 256  # the covariance of as many points with each other is made, of which the diagonal is used


def propose(space: Space, points: Array, values: Array, seed: Sequence[int], samples: int) -> Array:
    """The point ``(d,)`` with the largest expected improvement of N* random ones.

    Args:
        space: the parameters.
        points: of the trials, ``n x d`` in the unit cube.
        values: their distances, ``(n,)``.
        seed: of the random points.
        samples: N*; 100,000 in the authors' published code.
    """
    torch.set_num_threads(1)  # as for the other surrogate
    d = points.shape[1]
    x, y = torch.as_tensor(points), torch.as_tensor(values)[:, None]
    model = SingleTaskGP(
        x, y, covar_module=ScaleKernel(RBFKernel(ard_num_dims=d)), outcome_transform=Standardize(1)
    )
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizationWarning)
        fit_gpytorch_mll_scipy(likelihood, options={"maxiter": 50})
    model.eval()
    candidates = np.random.default_rng(list(seed)).random((samples, d))
    if not space.plain:
        candidates = space.snapped(candidates)
        candidates = candidates[space.feasible(candidates)]
    gains = []
    with torch.no_grad():
        for start in range(0, len(candidates), _CHUNK):
            posterior = model.posterior(torch.as_tensor(candidates[start : start + _CHUNK]))
            mean, deviation = posterior.mean[:, 0].numpy(), posterior.variance[:, 0].sqrt().numpy()
            gains.append(improvement(float(values.min()), mean, deviation))
    return np.asarray(candidates[int(np.argmax(np.concatenate(gains)))])


def improvement(least: float, mean: Array, deviation: Array) -> Array:
    """Expected improvement, [Kontolati2021, eq. 20], ``(n,)``."""
    gap, scale = least - mean, np.maximum(deviation, 1e-300)
    return np.asarray(gap * stats.norm.cdf(gap / scale) + scale * stats.norm.pdf(gap / scale))
