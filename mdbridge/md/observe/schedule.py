"""When an observer acts: a trigger is a function of the timestep; it knows nothing of what is observed."""

from collections.abc import Callable, Iterable

Schedule = Callable[[int], bool]
"""Whether to act on a timestep.  It must depend on nothing else: all ranks ask it and must agree."""

_LOOK_AHEAD = 10_000_000  # steps within which the next one of any trigger is looked for


class Every:
    """Act on ``first``, ``first + steps``, … (:func:`every`)."""

    def __init__(self, steps: int, first: int = 0):
        if steps < 1:
            raise ValueError(f"every({steps}): the interval must be at least 1")
        self.steps, self.first = steps, first

    def __call__(self, step: int) -> bool:
        return step >= self.first and (step - self.first) % self.steps == 0

    def following(self, step: int) -> int:
        """The first timestep after ``step`` on which to act."""
        if step < self.first:
            return self.first
        return step + self.steps - (step - self.first) % self.steps


class On:
    """Act on listed timesteps (:func:`on`)."""

    def __init__(self, steps: Iterable[int]):
        self.steps = frozenset(steps)

    def __call__(self, step: int) -> bool:
        return step in self.steps

    def following(self, step: int) -> int | None:
        """The first timestep after ``step`` on which to act, or none."""
        return min((s for s in self.steps if s > step), default=None)


def every(steps: int, first: int = 0) -> Every:
    """Act on the timesteps from ``first`` on whose distance from it ``steps`` divides."""
    return Every(steps, first)


def on(steps: Iterable[int]) -> On:
    """Act on the listed timesteps."""
    return On(steps)


def following(schedule: Schedule, step: int) -> int | None:
    """The first timestep after ``step`` on which ``schedule`` acts; none if it is too far to be met."""
    known = getattr(schedule, "following", None)
    if known is not None:
        return known(step)
    return next((n for n in range(step + 1, step + 1 + _LOOK_AHEAD) if schedule(n)), None)
