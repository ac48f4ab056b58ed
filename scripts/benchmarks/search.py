"""One trial of a calibration: fit of the surrogate and proposal of a point, beside others' defaults."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from mdbridge.calibrate.acquisition import propose
from mdbridge.calibrate.surrogate import Surrogate

from .rows import Contender, Job, Row, in_turn

Floats = NDArray[np.float64]
TITLE = "Calibration: one fit and one proposal"
NOTE = "Distances of a narrow curved valley at points of a Latin hypercube; scikit-learn: 50 restarts."


def jobs(quick: bool) -> list[Job]:
    """Points and parameters."""
    sizes = [(12, 2)] if quick else [(40, 4), (100, 4), (200, 8)]
    return [
        Job((str(points), str(parameters), "quick" if quick else "whole")) for points, parameters in sizes
    ]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """All in turn, on one rank."""
    count, dimensions, quick = int(arguments[0]), int(arguments[1]), arguments[2] == "quick"
    points = qmc.LatinHypercube(dimensions, rng=np.random.default_rng(1)).random(count)
    values = np.sqrt(
        0.01 + (10.0 * (points[:, 1] - points[:, 0] ** 2)) ** 2 + ((points - 0.6) ** 2).sum(axis=1)
    )
    contenders: list[Contender] = [("mdbridge", lambda: ours(points, values))]
    notes = {}
    for name, contender in (
        ("scikit-learn, 50 restarts", lambda: scikit(points, values, 2 if quick else 50)),
        ("BoTorch, defaults", lambda: botorch(points, values)),
    ):
        try:
            contender()
        except ImportError as missing:
            notes[name] = f"{missing.name} is not installed: scripts/requirements-bench.txt"
        else:
            contenders.append((name, contender))
    group = f"{count} points of {dimensions} parameters"
    rows = in_turn(comm, group, contenders, rounds, 1)
    return [*rows, *(Row(group, name, note=note) for name, note in notes.items())]


def ours(points: Floats, values: Floats) -> Any:
    """As a search does it for the first time: later fits begin where the last has ended."""
    surrogate = Surrogate(points, values)
    return propose(surrogate, points[np.argmin(values)], np.empty((0, points.shape[1])), [1])


def scikit(points: Floats, values: Floats, restarts: int) -> Floats:
    """[Kontolati2021, Algorithm 1]: a process with an RBF kernel, and the best EI of 10,000 random points."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    kernel = ConstantKernel() * RBF(np.ones(points.shape[1]))
    with warnings.catch_warnings():  # scales at their bounds
        warnings.simplefilter("ignore")
        process = GaussianProcessRegressor(
            kernel, n_restarts_optimizer=restarts, normalize_y=True, alpha=1e-8
        )
        process.fit(points, values)
        some = np.random.default_rng(1).random((10_000, points.shape[1]))
        mean, deviation = process.predict(some, return_std=True)
    better = values.min() - mean
    ratio = better / np.maximum(deviation, 1e-12)
    return some[np.argmax(better * norm.cdf(ratio) + deviation * norm.pdf(ratio))]


def botorch(points: Floats, values: Floats) -> Any:
    """Its own model, fit, and log-EI with the restarts of its tutorials."""
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    x, y = torch.as_tensor(points), -torch.as_tensor(values)[:, None]
    bounds = torch.tensor([[0.0] * points.shape[1], [1.0] * points.shape[1]], dtype=torch.double)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = LogExpectedImprovement(model, best_f=y.max())
        return optimize_acqf(acquisition, bounds, q=1, num_restarts=10, raw_samples=512)[0]
