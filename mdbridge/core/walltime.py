"""A limit of time as people and job schedulers write it."""

import re

from .errors import InputError


def seconds(text: str) -> float:
    """Seconds of ``3h30m``, a number of seconds, ``MM:SS``, ``HH:MM:SS``, or these with ``DAYS-`` before.

    Raises:
        InputError: it is none of them, or not a positive time.
    """
    spelt = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if spelt and text:
        total = sum(int(n or 0) * unit for n, unit in zip(spelt.groups(), (86400, 3600, 60, 1), strict=True))
        return _positive(float(total), text)
    days, dash, clock = text.rpartition("-")
    try:
        parts = [float(part) for part in clock.split(":")]
        total_s = 86400.0 * float(days) if dash else 0.0
        for power, part in enumerate(reversed(parts)):
            total_s += part * 60.0**power
    except ValueError:
        total_s = -1.0
    return _positive(total_s if len(clock.split(":")) <= 3 else -1.0, text)


def _positive(value: float, text: str) -> float:
    if not 0.0 < value < float("inf"):
        raise InputError(f"--max-walltime {text}: expected 3h30m, seconds or [DAYS-]HH:MM:SS")
    return value
