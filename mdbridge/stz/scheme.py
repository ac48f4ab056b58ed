"""Runge–Kutta–Chebyshev time stepping with error control, [Sommeijer1998].

Plastic flow makes the rates stiff (2μ/s_y ∂D/∂s̃ is 10⁴ to 10⁶ per unit of
strain) with real negative eigenvalues, coupled over the whole box by
equilibrium.  A Chebyshev method of s stages is stable over 0.65 (s² − 1) and second
order, needs no Jacobian, and keeps every linear invariant: a stress that
starts in equilibrium stays in it through all stages.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.loops import compiled
from .localstage import Weights
from .staggered import CHI, GHOST, Domain, Fields, owned

# ε of the paper: undamped, the stable strip about the negative axis closes wherever the polynomial is
# ±1
DAMPING = 2.0 / 13.0


class Coefficients(NamedTuple):
    """The recurrence of one stage count; rows are stages 1 … s, [Sommeijer1998, eqs. 2.2-2.4]."""

    mu: NDArray[np.float64]
    nu: NDArray[np.float64]
    mu_rate: NDArray[np.float64]
    gamma_rate: NDArray[np.float64]
    time: NDArray[np.float64]


@lru_cache(maxsize=256)
def coefficients(stages: int) -> Coefficients:
    """The coefficients of the damped second-order method with ``stages`` >= 2."""
    w0 = 1.0 + DAMPING / stages**2
    value, first, second = np.ones(stages + 1), np.zeros(stages + 1), np.zeros(stages + 1)
    # Chebyshev's polynomials and their first two derivatives at w0, by recurrence
    value[1], first[1] = w0, 1.0
    for j in range(2, stages + 1):
        value[j] = 2.0 * w0 * value[j - 1] - value[j - 2]
        first[j] = 2.0 * w0 * first[j - 1] - first[j - 2] + 2.0 * value[j - 1]
        second[j] = 2.0 * w0 * second[j - 1] - second[j - 2] + 4.0 * first[j - 1]
    w1 = first[-1] / second[-1]
    b = np.empty(stages + 1)
    b[2:] = second[2:] / first[2:] ** 2
    b[:2] = b[2]
    a = 1.0 - b * value
    mu, nu, mu_rate, gamma_rate = (np.zeros(stages + 1) for _ in range(4))
    mu_rate[1] = b[1] * w1
    mu[2:] = 2.0 * w0 * b[2:] / b[1:-1]
    nu[2:] = -b[2:] / b[:-2]
    mu_rate[2:] = 2.0 * w1 * b[2:] / b[1:-1]
    gamma_rate[2:] = -a[1:-1] * mu_rate[2:]
    time = np.zeros(stages + 1)
    time[2:] = w1 * second[2:] / first[2:]
    time[1] = time[2] / first[2]
    return Coefficients(mu, nu, mu_rate, gamma_rate, time)


def _weights(c: Coefficients, stage: int, step: float) -> Weights:
    """Of stage 2 … s of a step.

    While the first stage, Y0 + weight F0, is among what a stage is made of, its difference
    to Y0 stands for F0, which need not be read from memory then.
    """
    base, base_rate = 1.0 - c.mu[stage] - c.nu[stage], c.gamma_rate[stage] * step
    last, before = c.mu[stage], c.nu[stage]
    first = c.gamma_rate[stage] / c.mu_rate[1]
    if stage == 2:  # Y' is Y0
        base, base_rate, last, before = base - first + before, 0.0, last + first, 0.0
    elif stage == 3:
        base, base_rate, before = base - first, 0.0, before + first
    return Weights(base, base_rate, last, before, rate=c.mu_rate[stage] * step)


@compiled(fastmath={"contract"})
def _first_stage(y0: Fields, rate0: Fields, weight: float, out: Fields) -> None:
    """out = Y0 + weight F0."""
    a, b, o = y0.ravel(), rate0.ravel(), out.ravel()
    for n in range(len(o)):
        o[n] = a[n] + weight * b[n]


@compiled(fastmath={"contract", "reassoc"})
def _squares(y0: Fields, rate0: Fields, y: Fields, rate: Fields, step: float) -> float:
    """Sum of squares of the local error along a row, [Sommeijer1998, eq. 2.7]."""
    total = 0.0
    for i in range(len(y)):
        change = 0.8 * (y0[i] - y[i]) + 0.4 * step * (rate0[i] + rate[i])
        total += change * change
    return total


@compiled(error_model="numpy")
def _error_estimate(
    y0: Fields, rate0: Fields, y: Fields, rate: Fields, step: float, scales: Fields
) -> tuple[float, int, int]:
    """Sum of squares of the scaled local error, and the worst owned place."""
    total, worst, field, row = 0.0, -1.0, 0, GHOST
    inner = slice(GHOST, y.shape[2] - GHOST)
    for f in range(len(y)):
        for j in range(GHOST, y.shape[1] - GHOST):
            rows = (y0[f, j, inner], rate0[f, j, inner], y[f, j, inner], rate[f, j, inner])
            square = _squares(*rows, step) / scales[f] ** 2
            total += square
            if not square <= worst:  # NaN is the worst there is
                worst, field, row = square, f, j
    change = 0.8 * (y0[field, row] - y[field, row]) + 0.4 * step * (rate0[field, row] + rate[field, row])
    return total, row - GHOST, int(np.argmax(np.abs(change[GHOST:-GHOST])))


@dataclass
class Counts:
    """Work done so far."""

    steps: int = 0
    rejected: int = 0
    evaluations: int = 0


class System(Protocol):
    """What the stepper integrates."""

    def __call__(self, gamma: float, state: Fields, rate: Fields) -> None:
        """Set ``rate`` to F(γ, Y) (collective)."""

    def stage(
        self, gamma: float, state: Fields, base: Fields, base_rate: Fields, weights: Weights, out: Fields
    ) -> None:
        """Make ``out``, which is Y', the sum with Y0, F0, ``state`` and its F, see Weights (collective)."""

    def pace(self, gamma: float, state: Fields) -> None:
        """A step is to begin here; what it cannot resolve may be slowed (collective)."""

    def spectral_radius(self) -> float:
        """A bound on the eigenvalues of the last evaluation, at the pace that was set since."""

    def accept(self, step: float) -> None:
        """A step that ended with the last evaluation is taken (collective)."""

    def forget(self) -> None:
        """Drop what was kept from the last evaluation, which failed."""


class StepTooSmall(ArithmeticError):
    """No step meets the tolerance.

    Attributes:
        gamma: where the run stopped.
        cell: (row, column) of the worst owned cell.
        reason: what was wrong with the last trial.
    """

    def __init__(self, gamma: float, cell: tuple[int, int], reason: str):
        super().__init__(f"at strain {gamma:.6f}: {reason}")
        self.gamma, self.cell, self.reason = gamma, cell, reason


class Stepper:
    """Steps dY/dγ = F(γ, Y) with four copies of the state.

    Attributes:
        gamma: where the state is.
        counts: steps taken, rejected, evaluations of F.
    """

    smallest_step = 1e-9
    most_stages = 10_000  # of a step; real rates ask for hundreds at most
    largest_growth, smallest_growth, safety = 5.0, 0.1, 0.8

    def __init__(
        self,
        rates: System,
        state: Fields,
        scales: NDArray[np.float64],
        tolerance: float,
        domain: Domain,
        first_step: float = 1e-4,
    ):
        """Start at γ = 0.

        Args:
            rates: F.
            state: Y(0) with ghost layers, ``(fields, rows + 4, columns + 4)``; taken over.
            scales: what an error of each field is measured by, ``(fields,)``.
            tolerance: on the root mean square of the scaled error of one step.
            domain: for norms over all ranks.
        """
        self._rates, self._domain, self._scales, self._tolerance = rates, domain, scales, tolerance
        self._state = state
        self._rate, self._trial, self._trial_rate = (np.zeros_like(state) for _ in range(3))
        self._values = float(np.prod(domain.grid.shape) * len(state))
        self._first_step = first_step
        self.gamma, self.counts = 0.0, Counts()
        self.restart()

    @property
    def state(self) -> Fields:
        """Y at :attr:`gamma`, ghosts filled; valid until the next step."""
        return self._state

    def restart(self) -> None:
        """Begin again from where the state is, with another F or for the first time (collective)."""
        self._rates.pace(self.gamma, self._state)
        self._evaluate(self.gamma, self._state, self._rate)
        # a step of no length: what the first real one begins with is kept
        self._rates.accept(0.0)
        self._radius, self._paced = self._rates.spectral_radius(), True
        self._step = self._first_step

    def advance(self, target: float) -> None:
        """Go to γ = ``target`` exactly, with as many steps as the tolerance asks for (collective).

        Raises:
            StepTooSmall: on all ranks alike.
        """
        while target - self.gamma > 1e-12:
            left = target - self.gamma
            self._begin()
            # stable over 0.65 (s² − 1), as below: what is stiffer than that is made in smaller steps
            longest = self.most_stages**2 / (1.54 * self._radius + 1.0)
            self._step = min(self._step, longest)
            if longest < self.smallest_step:
                rates = f"rates of {self._radius:.1e} per unit of strain, too fast to be followed"
                raise StepTooSmall(self.gamma, self._fastest(), rates)
            # equal steps up to the frame, rather than a sliver at its end
            step = left / math.ceil(left / self._step * (1.0 - 1e-9))
            error, valid, cell = self.try_step(step)
            if valid and error <= 1.0:
                self._accept(step)
            else:
                self.counts.rejected += 1
                # what was extrapolated may be what went wrong
                if not valid:
                    self._rates.forget()
                if step < self.smallest_step:
                    reason = (
                        f"error {error:.3g} times the tolerance" if valid else "no finite, positive state"
                    )
                    raise StepTooSmall(self.gamma, cell, f"{reason} at step {step:.1e}")
            # second order: the error of one step goes with its cube
            growth = self.safety * max(error, 1e-9) ** (-1.0 / 3.0) if valid else 0.0
            self._step = step * min(self.largest_growth, max(self.smallest_growth, growth))

    def advance_uniformly(self, target: float, steps: int) -> None:
        """Go to γ = ``target`` in equal steps without error control, for convergence studies (collective)."""
        step = (target - self.gamma) / steps
        for _ in range(steps):
            self._begin()
            self.try_step(step)
            self._accept(step)

    def try_step(self, step: float) -> tuple[float, bool, tuple[int, int]]:
        """Compute a trial at γ + ``step``; the state stays.

        Returns:
            The scaled error (1 is the tolerance), whether the trial is finite
            and positive in χ, and the worst cell of the whole grid.
        """
        self._chebyshev(step)
        self._evaluate(self.gamma + step, self._trial, self._trial_rate)
        square, row, column = _error_estimate(
            self._state, self._rate, self._trial, self._trial_rate, step, self._scales
        )
        # e^(−1/χ) of a negative χ would be huge, and finite: the error alone may not tell
        chi = owned(self._trial)[CHI]
        positive = bool(chi.min() > 0.0)
        if not positive:
            row, column = (int(n) for n in np.unravel_index(np.argmin(chi), chi.shape))
        bad = 0.0 if positive and math.isfinite(square) else 1.0
        # a number from every rank, bad or not: all of them refuse the step, or none
        total, bad_anywhere = self._domain.total(np.array([square if not bad else 0.0, bad]))
        cell = self._domain.worst(math.inf if bad else square, (int(row), int(column)))
        return math.sqrt(total / self._values) / self._tolerance, bad_anywhere == 0.0, cell

    def _chebyshev(self, step: float) -> None:
        """Leave Y(γ + step) in the trial; the trial's rate is scratch, the stage before the last."""
        # stable over 0.65 (s² − 1), [Sommeijer1998]; 1.54 = 1/0.65
        stages = max(2, 1 + int(math.sqrt(1.0 + 1.54 * step * self._radius)))
        c = coefficients(stages)
        before, last = self._trial_rate, self._trial
        _first_stage(self._state, self._rate, c.mu_rate[1] * step, last)
        for j in range(2, stages + 1):
            weights = _weights(c, j, step)
            self._rates.stage(
                self.gamma + c.time[j - 1] * step, last, self._state, self._rate, weights, before
            )
            self.counts.evaluations += 1
            before, last = last, before
        self._trial_rate, self._trial = before, last

    def _fastest(self) -> tuple[int, int]:
        """The (row, column) where the state changes fastest, by the scales of errors (collective)."""
        change = (np.abs(owned(self._rate)) / self._scales[:, None, None]).max(axis=0)
        row, column = np.unravel_index(np.argmax(change), change.shape)
        return self._domain.worst(float(change[row, column]), (int(row), int(column)))

    def _accept(self, step: float) -> None:
        self._state, self._trial = self._trial, self._state
        self._rate, self._trial_rate = self._trial_rate, self._rate
        self.gamma += step
        self.counts.steps += 1
        self._rates.accept(step)
        self._paced = False

    def _begin(self) -> None:
        """Ask for the pace of the next step, and how stiff that makes it (collective)."""
        # once, however often the step is tried: or each trial that fails would make it faster
        if not self._paced:
            self._rates.pace(self.gamma, self._state)
            self._radius, self._paced = self._rates.spectral_radius(), True

    def _evaluate(self, gamma: float, state: Fields, out: Fields) -> None:
        self._rates(gamma, state, out)
        self.counts.evaluations += 1
