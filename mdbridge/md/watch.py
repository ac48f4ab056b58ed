"""An attached observer: who, when, and what it has seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .observe.base import Atoms, Observer
from .observe.schedule import Every, Schedule, following


@dataclass(eq=False)
class Watch:
    """An attached observer, its trigger, and the step it acted on last."""

    plain: Any  # as it was attached
    observer: Observer
    schedule: Schedule
    last: int = -1

    def __post_init__(self) -> None:
        self.combines = self.observer.combines  # asked at every step
        self.steady = (
            isinstance(self.schedule, Every) and self.schedule.steps == 1 and self.schedule.first <= 0
        )

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self.plain).__name__

    def due(self, step: int, again: bool = False) -> bool:
        """Whether it acts on ``step``; ``again``: although it has, since the step was set up anew."""
        return self.schedule(step) and (self.last != step or (again and not self.observer.once))


Look = tuple[Watch, Atoms]


def next_step(watches: Sequence[Watch], step: int) -> int | None:
    """The first step after ``step`` on which any of them acts."""
    coming = [following(watch.schedule, step) for watch in watches]
    return min((n for n in coming if n is not None), default=None)


def stride(watches: Sequence[Watch]) -> str:
    """LAMMPS's formula of the next step on which any may act: for when it does not call back in between."""
    known = [w.schedule for w in watches if isinstance(w.schedule, Every)]
    if len(known) < len(watches):
        return "step+1"
    first = known[0].first
    steps = math.gcd(*(s.steps for s in known), *(s.first - first for s in known))
    return f"step-(step+{steps - first % steps})%{steps}+{steps}"
