"""What the schemes of bench_calibrate.py are compared on: functions of the unit cube with known minima.

Branin and Hartmann-6 are numbers.  The others have residuals: the dynamic moduli of a Maxwell model with
ten modes, exact and with noise, and the validation of [Kontolati2021, sec. 5.3].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from mdbridge.calibrate.refine import Groups
from mdbridge.calibrate.space import Parameter, Space

Array = NDArray[np.float64]
Answer = tuple[float, Array | None] | None
"""Value and residuals; None where the model has no answer."""

VALIDATION = Path(__file__).parent.parent / "inputs" / "calibrate_validation.toml"


@dataclass(frozen=True)
class Problem:
    """A function to minimise.

    Attributes:
        name: of the problem.
        dimensions: of the unit cube that is searched.
        evaluations: the budget of every scheme.
        initial: start design of our scheme.
        at: where it is least, ``(d,)``; of several such points one.
        least: the value there.
        near: what counts as arrived, above the minimum.
        respond: point ``(d,)`` -> answer.
        groups: how residuals make up the value; None where there are none.
        signed: whether values may be negative.
    """

    name: str
    dimensions: int
    evaluations: int
    initial: int
    at: Array
    least: float
    near: float
    respond: Callable[[Array], Answer]
    groups: Groups | None = None
    signed: bool = False

    @property
    def space(self) -> Space:
        """The unit cube as parameters."""
        return Space({f"u{k}": Parameter(0.0, 1.0) for k in range(self.dimensions)})


def branin() -> Problem:
    """Two parameters, three minima that are equal."""

    def respond(unit: Array) -> Answer:
        x, y = 15.0 * unit[0] - 5.0, 15.0 * unit[1]
        valley = (y - 5.1 * x**2 / (4.0 * np.pi**2) + 5.0 * x / np.pi - 6.0) ** 2
        return float(valley + 10.0 * (1.0 - 1.0 / (8.0 * np.pi)) * np.cos(x) + 10.0), None

    # in closed form: the valley's square vanishes at x = π, y = 2.275, where the cosine is -1
    at = np.array([(np.pi + 5.0) / 15.0, 2.275 / 15.0])
    return Problem("Branin", 2, 40, 10, at, 10.0 / (8.0 * np.pi), 1e-2, respond)


def hartmann() -> Problem:
    """Six parameters, six minima."""
    height = np.array([1.0, 1.2, 3.0, 3.2])
    rows = ["10 3 17 3.5 1.7 8", "0.05 10 17 0.1 8 14", "3 3.5 1.7 10 17 8", "17 8 0.05 10 0.1 14"]
    steepness = np.array([row.split() for row in rows], dtype=float)
    rows = [
        "1312 1696 5569 124 8283 5886",
        "2329 4135 8307 3736 1004 9991",
        "2348 1451 3522 2883 3047 6650",
        "4047 8828 8732 5743 1091 381",
    ]
    centres = 1e-4 * np.array([row.split() for row in rows], dtype=float)

    def respond(unit: Array) -> Answer:
        return float(-height @ np.exp(-(steepness * (unit - centres) ** 2).sum(axis=1))), None

    at = np.array([0.201690, 0.150011, 0.476874, 0.275332, 0.311652, 0.657300])
    return Problem("Hartmann-6", 6, 100, 20, at, -3.322368, 1e-2, respond, signed=True)


MODES, NOISE = 10, 0.02


def maxwell(noise: float = 0.0, seed: int = 20) -> Problem:
    """20 parameters: moduli and relaxation times of a generalised Maxwell model.

    G' + iG'' = Σ g iωτ/(1 + iωτ) at 40 frequencies of ten decades; g and τ within a factor of 100
    each, and the τ a decade apart: neighbours overlap.  The value is the root mean square of the relative
    differences of both moduli (of their logarithms).

    Args:
        noise: standard deviation of the relative noise of the data.
        seed: of the true parameters and of the noise.
    """
    frequencies, decades = np.logspace(-5.0, 5.0, 40), np.arange(MODES) - 4.5

    def moduli(unit: Array) -> Array:
        g, tau = 10.0 ** (2.0 * unit[:MODES] - 1.0), 10.0 ** (decades + 2.0 * unit[MODES:] - 1.0)
        product = 1j * frequencies[:, None] * tau
        modulus = (g * product / (1.0 + product)).sum(axis=1)
        return np.log(np.concatenate([modulus.real, modulus.imag]))

    random = np.random.default_rng(seed)
    truth = random.uniform(0.15, 0.85, 2 * MODES)
    data = moduli(truth)
    data = data + noise * random.standard_normal(len(data))
    groups = Groups(np.zeros(len(data), dtype=np.int64), np.array([len(data) ** -0.5]))

    def respond(unit: Array) -> Answer:
        residual = difference(unit)
        return groups.value(residual), residual

    def difference(unit: Array) -> Array:
        return moduli(unit) - data

    # of noisy data the best fit is not the truth
    fit = least_squares(difference, truth, bounds=(0.0, 1.0), xtol=1e-14, ftol=1e-14)
    at = fit.x if noise else truth
    least = groups.value(moduli(at) - data)
    name = f"Maxwell-20, {100 * noise:g} % noise" if noise else "Maxwell-20"
    return Problem(name, 2 * MODES, 150, 40, at, least, 0.1 * NOISE, respond, groups)


def validation(overrides: Sequence[str] = ()) -> Problem:
    """The STZ model against itself, four parameters, as inputs/calibrate_validation.toml has it.

    Args:
        overrides: places of the authors' files, as for ``mdbridge calibrate --set``.

    Raises:
        InputError: the authors' files are not there.
    """
    from mdbridge.campaigns.calibrate import problem

    given = problem.prepare(VALIDATION, overrides)

    def respond(unit: Array) -> Answer:
        # in this process: it is our own model, and times should be its alone
        score = given.task(given.space.physical(unit)).score
        return None if score is None else (score.distance, score.residual)

    at = given.space.unit({name: parameter.truth for name, parameter in given.settings.parameters.items()})
    search, count = given.search, len(given.space.names)
    return Problem("validation", count, 140, search.initial, at, 0.0, search.target, respond, given.groups)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "branin": branin,
    "hartmann": hartmann,
    "maxwell": maxwell,
    "maxwell-noisy": lambda: maxwell(NOISE),
    "validation": validation,
}
