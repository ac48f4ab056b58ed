"""When an observer acts: a trigger is a function of the timestep; it knows nothing of what is observed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

Schedule = Callable[[int], bool]
"""Whether to act on a timestep.  It must depend on nothing else: all ranks ask it and must agree."""

_LOOK_AHEAD = 10_000_000  # steps within which the next one of any trigger is looked for


class Trigger(ABC):
    """A schedule that knows its steps beforehand."""

    @abstractmethod
    def __call__(self, step: int) -> bool:
        """Whether to act on ``step``."""

    @abstractmethod
    def following(self, step: int) -> int | None:
        """The first timestep after ``step`` on which to act, or none."""

    @property
    @abstractmethod
    def divisor(self) -> int:
        """A number that divides all its steps.

        Outputs of fixes are current on certain multiples alone; LAMMPS refuses those on other steps.
        """


class Every(Trigger):
    """Act on ``first``, ``first + steps``, … (:func:`every`)."""

    def __init__(self, steps: int, first: int = 0):
        if steps < 1:
            raise ValueError(f"every({steps}): the interval must be at least 1")
        self.steps, self.first = steps, first

    def __call__(self, step: int) -> bool:
        return step >= self.first and (step - self.first) % self.steps == 0

    def following(self, step: int) -> int:
        if step < self.first:
            return self.first
        return step + self.steps - (step - self.first) % self.steps

    @property
    def divisor(self) -> int:
        return math.gcd(self.steps, self.first)


class On(Trigger):
    """Act on listed timesteps (:func:`on`)."""

    def __init__(self, steps: Iterable[int]):
        self.steps = frozenset(steps)

    def __call__(self, step: int) -> bool:
        return step in self.steps

    def following(self, step: int) -> int | None:
        return min((s for s in self.steps if s > step), default=None)

    @property
    def divisor(self) -> int:
        # no steps at all: 1 divides whatever comes
        return math.gcd(*self.steps) or 1


class Before(Trigger):
    """Act on ``count`` steps, ``spacing`` apart, that end on each step of another (:func:`before`)."""

    def __init__(self, frames: Every, count: int, spacing: int):
        if count < 1 or spacing < 1 or (count - 1) * spacing >= frames.steps:
            raise ValueError(
                f"{count} samples at intervals of {spacing} steps do not fit between frames {frames.steps} "
                "steps apart"
            )
        self.frames, self.count, self.spacing = frames, count, spacing

    def __call__(self, step: int) -> bool:
        # the first frame has samples before it, too, where the simulation has such steps
        left = (self.frames.first - step) % self.frames.steps
        earliest = self.frames.first - (self.count - 1) * self.spacing
        return step >= earliest and left % self.spacing == 0 and left < self.count * self.spacing

    def following(self, step: int) -> int:
        earliest = self.frames.first - (self.count - 1) * self.spacing
        return next(
            n for n in range(max(step + 1, earliest), max(step, earliest) + self.frames.steps + 2) if self(n)
        )

    @property
    def divisor(self) -> int:
        # a single sample is that of the frame itself
        return self.frames.divisor if self.count == 1 else math.gcd(self.frames.divisor, self.spacing)


class After(Trigger):
    """Act as another, but not before the step after ``start`` (:func:`after`)."""

    def __init__(self, start: int, trigger: Trigger):
        self.start, self.trigger = start, trigger

    def __call__(self, step: int) -> bool:
        return step > self.start and self.trigger(step)

    def following(self, step: int) -> int | None:
        return self.trigger.following(max(step, self.start))

    @property
    def divisor(self) -> int:
        return self.trigger.divisor


def every(steps: int, first: int = 0) -> Every:
    """Act on the timesteps from ``first`` on whose distance from it ``steps`` divides."""
    return Every(steps, first)


def on(steps: Iterable[int]) -> On:
    """Act on the listed timesteps."""
    return On(steps)


def before(frames: Every, count: int, spacing: int) -> Before:
    """Act ``count`` times, ``spacing`` steps apart, the last on each step of ``frames``: for averages."""
    return Before(frames, count, spacing)


def after(start: int, trigger: Trigger) -> After:
    """Act as ``trigger`` from the step after ``start`` on: that step belongs to the run before."""
    return After(start, trigger)


def following(schedule: Schedule, step: int) -> int | None:
    """The first timestep after ``step`` on which ``schedule`` acts; none if it is too far to be met."""
    if isinstance(schedule, Trigger):
        return schedule.following(step)
    return next((n for n in range(step + 1, step + 1 + _LOOK_AHEAD) if schedule(n)), None)


def divisor(schedules: Iterable[Schedule]) -> int:
    """A number that divides all steps of the schedules, as far as they know them."""
    return math.gcd(*(s.divisor if isinstance(s, Trigger) else 1 for s in schedules))
