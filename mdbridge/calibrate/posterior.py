"""The posterior of the parameters, for flat priors over the unit cube.

It is Laplace's approximation: near the most likely point the likelihood is that of a normal
distribution; where its scale is estimated from the residuals, of Student's t.  With a discrepancy it
is what :mod:`~mdbridge.calibrate.discrepancy` draws.  Draws beyond the bounds or the constraints have
no prior and are left out.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .slices import Slice
from .uncertainty import Inference

Array = NDArray[np.float64]

DRAWS, KEPT = 4096, 500
LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)


def described(here: Slice, inference: Inference, seed: int) -> dict[str, Any] | None:
    """Mean, deviation, quantiles and draws by parameter, in physical units; None if too few are allowed.

    Args:
        here: where the whole numbers and choices are those of the most likely point.
        inference: of the free coordinates.
        seed: of the draws.
    """
    drawn = inference.drawn
    if drawn is None:
        points, said = _laplace(inference, seed)
    else:
        points, said = drawn.points, "Markov chain over sizes and lengths of the discrepancies and the noise"
    points = here.up(points[np.all((points >= 0.0) & (points <= 1.0), axis=1)])
    points = points[here.space.feasible(points)]
    if len(points) < KEPT:
        return None
    draws = [here.space.physical(point) for point in points]
    names = [here.space.names[k] for k in here.space.free]
    columns = {name: np.array([draw[name] for draw in draws]) for name in names}
    return {
        "from": f"{said}, priors as the parameters are distributed, within the bounds",
        "mean": {name: float(column.mean()) for name, column in columns.items()},
        "deviation": {name: float(column.std()) for name, column in columns.items()},
        "quantiles": {
            name: dict(zip(map(str, LEVELS), np.quantile(column, LEVELS).tolist(), strict=True))
            for name, column in columns.items()
        },
        # all over the draws: those of a chain resemble their neighbours
        "draws": {
            name: column[np.linspace(0, len(column) - 1, KEPT).astype(int)].tolist()
            for name, column in columns.items()
        },
    }


def _laplace(inference: Inference, seed: int) -> tuple[Array, str]:
    """Draws ``n x d``, and what they are of."""
    random = np.random.default_rng([seed, 7])
    likelihood, d = inference.model.likelihood, len(inference.estimate)
    values, axes = np.linalg.eigh(inference.covariance)
    steps = random.standard_normal((DRAWS, d)) * np.sqrt(np.maximum(values, 0.0)) @ axes.T
    if likelihood.known:
        return inference.estimate + steps, "Laplace's approximation: normal"
    # the scale is not known better than the residuals that are left tell it
    freedom = max(likelihood.count - d, 1.0)
    steps *= np.sqrt(freedom / random.chisquare(freedom, (DRAWS, 1)))
    said = f"Laplace's approximation: Student's t with {freedom:.0f} degrees of freedom"
    return inference.estimate + steps, said
