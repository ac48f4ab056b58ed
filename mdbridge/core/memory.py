"""How much memory this machine has to spare."""

import os
from pathlib import Path

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
