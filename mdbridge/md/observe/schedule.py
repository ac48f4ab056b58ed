"""When an observer acts: a schedule is a function of the timestep."""

from collections.abc import Callable, Iterable

Schedule = Callable[[int], bool]


def every(steps: int) -> Schedule:
    """Act on the timesteps that ``steps`` divides."""
    if steps < 1:
        raise ValueError(f"every({steps}): the interval must be at least 1")
    return lambda step: step % steps == 0


def on(steps: Iterable[int]) -> Schedule:
    """Act on the listed timesteps."""
    chosen = frozenset(steps)
    return chosen.__contains__
