"""How fast plastic flow relaxes stress: as the rate law says, or as fast as can be told apart from it.

Plastic flow holds the overstress s̃ − 1 where D makes up for the shear of the box.  The slower the
shear, the smaller the overstress and the faster its relaxation: per unit of strain both go with the
attempt rate ε0/(τ0 λ), the only place of the model where the rate λ stands.  Where the overstress is
far below the tolerance, its exact value no longer matters: the flow is what the yield stress,
equilibrium and the ratios of e^(−1/χ) demand.  The attempt rate is then lowered, everywhere alike,
so that the fastest relaxation is no faster than some multiple of the tolerance's inverse, unless any
overstress were larger than the tolerance for that; the model is solved at the rate λ that this makes.
"""

import math
from dataclasses import dataclass

OVERSTRESS = 10.0
"""Largest overstress s̃ − 1 for the sake of which relaxation is slowed, over the tolerance of a step."""

FASTEST = 300.0
"""Relaxation, per unit of strain, that is followed in any case, times the tolerance of a step.

Of flow in the whole sample it leaves an overstress of (μ/s_y)/300 of the tolerance; where a tenth of it
flows, ten times that.  The time of a run goes with its root.  Less would do for the mean stress, but
which bands a sample chooses hangs on what small overstresses do when it yields (docs/stz.md)."""

_KINK = 3.0 / math.e - 1.0  # slope of (1 − 1/s̃) F at yield, see ratelaw.activation
_MOST = 0.2  # of the logarithm of the attempt rate, in a step: the bound on its eigenvalues must hold
_SOON, _LATER = 5e-4, 5e-3  # of strain, within which overstress comes down, or may go up


def fastest_relaxation(attempt: float, hop: float, stiffness: float) -> float:
    """2μ/s_y ∂D/∂s̃ at yield, per unit of strain.

    Args:
        attempt: ε0/(τ0 λ) per unit of strain.
        hop: e^(−1/χ).
        stiffness: 2μ/s_y.
    """
    return stiffness * attempt * hop * _KINK


@dataclass
class Pace:
    """The attempt rate of a run, a continuous function of γ.

    Chebyshev steps damp fast transients little, and any jump would excite them: the overstress has to
    go along with the attempt rate.

    Attributes:
        true: ε0/τ0 per unit of strain, of the rate law.
        tolerance: of a step; None follows all relaxation.
        start: attempt rate at ``gamma``, at most ``true``.
        gamma: where the present step begins.
        growth: of the logarithm of the attempt rate in this step, per unit of strain.
    """

    true: float
    tolerance: float | None
    start: float
    gamma: float = 0.0
    growth: float = 0.0

    @classmethod
    def of(
        cls, true: float, tolerance: float, now: float, ever: float, gamma: float, last: float | None
    ) -> "Pace":
        """The pace where a loading begins.

        Args:
            true, tolerance, gamma: as above.
            now, ever: the fastest relaxation by the rate law of the sample as it is, and as it may become.
            last: attempt rate with which the sample has flowed so far.
        """
        if ever * tolerance <= FASTEST:
            return cls(true, None, true)
        if last is None:
            # e^(−1/χ) may be no number of the machine: then nothing flows at all
            last = true * FASTEST / max(tolerance * now, 1e-300)
        return cls(true, tolerance, min(true, last), gamma)

    def attempt(self, gamma: float) -> float:
        """What is used in place of ``true``."""
        if self.growth == 0.0:
            return self.start
        change = self.growth * (gamma - self.gamma)
        return min(self.true, self.start * math.exp(min(max(change, -_MOST), _MOST)))

    def follow(self, gamma: float, overstress: float, fastest: float) -> float:
        """Begin a step; returns the largest attempt rate in it over that at its beginning.

        Args:
            gamma: where.
            overstress: the largest s̃ − 1 anywhere, 0 below yield.
            fastest: the fastest relaxation anywhere at the present attempt rate, per unit of strain.
        """
        if self.tolerance is None:
            return 1.0
        self.start, length, self.gamma = self.attempt(gamma), gamma - self.gamma, gamma
        wanted = FASTEST / (self.tolerance * fastest)
        excess = overstress / (OVERSTRESS * self.tolerance)
        if excess > 1.0:
            wanted = max(wanted, excess)
        # answers come a step later: what is sooner than that would overshoot
        self.growth = math.log(wanted) / max(_SOON if wanted > 1.0 else _LATER, 2.0 * length)
        return math.exp(_MOST) if self.growth > 0.0 else 1.0
