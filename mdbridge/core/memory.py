"""How much memory this machine has to spare, and work that would need more."""

import os
from pathlib import Path

from .errors import InputError

_INFO = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def available() -> float:
    """Bytes that this process may still take; infinite where the system does not say."""
    amounts = [float("inf")]
    if _INFO.exists():
        lines = dict(line.split(":", 1) for line in _INFO.read_text().splitlines() if ":" in line)
        amounts += [1024.0 * float(lines[name].split()[0]) for name in ("MemAvailable",) if name in lines]
    elif "SC_PHYS_PAGES" in os.sysconf_names:
        amounts.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    # a container's own limit, which the machine's memory says nothing of
    if _LIMIT.exists() and (limit := _LIMIT.read_text().strip()).isdigit():
        amounts.append(float(limit))
    return min(amounts)


def require(needed: float, what: str, remedy: str) -> None:
    """Refuse work that the machine has no memory for, before it begins.

    Args:
        needed: bytes, roughly.
        what: takes them, as the beginning of a sentence.
        remedy: what to do, as its end.

    Raises:
        InputError: the machine has less.
    """
    there = available()
    if needed > there:
        raise InputError(
            f"{what} would need about {needed / 1e9:.3g} GB of memory, and this machine has "
            f"{there / 1e9:.3g} GB to spare: {remedy}"
        )
