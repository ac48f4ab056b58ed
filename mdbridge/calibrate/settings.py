"""Settings of a search, and what it proposes."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .refine import Options
from .space import Design

Array = NDArray[np.float64]
Scheme = Literal["ego", "ego+refine", "published"]


_LEAST = {
    "initial": 1,
    "explore": 0,
    "evaluations": 1,
    "batch": 1,
    "patience": 1,
    "stall": 0,
    "seed": 0,
    "samples": 1,
}
"""The least that each may be."""


def descent(free: int) -> int:
    """How many evaluations a descent takes in so many continuous parameters.

    Those are their slopes, a few steps, and the slopes once more for the intervals.
    """
    return 6 * (free + 1)


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes, and when it ends.

    Attributes:
        scheme: "ego" is expected improvement to the end; "ego+refine" finds basins so and descends each
            by Gauss–Newton; "published" is that of [Kontolati2021], see
            :mod:`~mdbridge.calibrate.published`.
        initial: points of the start design.
        design: "lhs", "sobol" or "halton".
        explore: EGO trials before the first refinement, and a third of it before every other.
        evaluations: the budget.
        batch: trials proposed at a time; those of EGO the later with the earlier pending.
        target: stop at this distance.
        patience: refinements without improvement after which to stop.
        stall: trials without improvement after which to stop ("ego", "published"); never if 0.
        seed: of all randomness.
        samples: N*, the random points of which "published" takes the best.
        options: of the refinement.
        asynchronous: whether workers that would wait evaluate further points meanwhile, see
            :mod:`~mdbridge.calibrate.crowd`.
        signed: whether what is minimised may be negative: a number of the user's own, no distance.
    """

    scheme: Scheme = "ego+refine"
    initial: int = 40
    design: Design = "lhs"
    explore: int = 15
    evaluations: int = 200
    batch: int = 1
    target: float = 0.0
    patience: int = 3
    stall: int = 0
    seed: int = 0
    samples: int = 100_000
    options: Options = field(default_factory=Options)
    signed: bool = False
    asynchronous: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no search.

        Raises:
            InputError: a value that cannot be, by its name.
        """
        for name, known in (("scheme", get_args(Scheme)), ("design", get_args(Design))):
            if getattr(self, name) not in known:
                raise InputError(f"{name} = {getattr(self, name)!r}: must be one of {', '.join(known)}")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise InputError(f"{name} = {getattr(self, name)!r}: must be {least} or more")
        if np.isnan(self.target):
            raise InputError("target = nan: must be a number")

    @property
    def left(self) -> int:
        """How many evaluations there are after the start design and the first look for basins."""
        return self.evaluations - self.initial - self.explore

    @property
    def refines(self) -> bool:
        """Whether there is more than expected improvement."""
        return self.scheme == "ego+refine"


@dataclass(frozen=True)
class Proposal:
    """A point to evaluate: its number, where it comes from, and the surrogate's hyperparameters."""

    index: int
    phase: str
    unit: Array
    state: list[float] | None = None
