"""What an observer sends: MPI calls and bytes of the busiest rank, per step, on 1, 2, 4 and 8 ranks.

    python scripts/bench_messages.py [--ranks 1 2 4 8] [--steps 20]        prints a Markdown table

A small sheet of graphene is run without observers, with the time filter at every step, and with fields on a
grid at every step; the differences to the run without are what observers add.  Calls are counted by a small
library that stands before MPI (benchmarks/mpicount.c, built by mpicc for the purpose), so that what LAMMPS
sends counts too.  Ranks may be more than there are cores: counts do not depend on it.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.observers import fields, filters, sheet, watched
from mpi4py import MPI
from numpy.typing import NDArray

from mdbridge.md.observe.schedule import every

SOURCE = Path(__file__).parent / "benchmarks" / "mpicount.c"
COUNTER = "MDBRIDGE_MPICOUNT"
Counts = dict[str, list[float]]
"""Name of a call -> how often, and bytes, per step."""


def counted() -> NDArray[np.float64]:
    """Calls and bytes so far, ``(2, kinds)``."""
    library = ctypes.CDLL(os.environ[COUNTER])
    values = np.zeros((2, 32))
    pointers = [row.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for row in values]
    return values[:, : library.mpicount(*pointers)]


def names(count: int) -> list[str]:
    """What the columns of :func:`counted` are."""
    library = ctypes.CDLL(os.environ[COUNTER])
    library.mpicount_name.restype = ctypes.c_char_p
    return [library.mpicount_name(kind).decode() for kind in range(count)]


def measure(steps: int) -> dict[str, Counts] | None:
    """Counts per step on the busiest rank, on rank 0: without observers, and what they add to that."""
    comm = MPI.COMM_WORLD
    times: dict[str, NDArray[np.float64]] = {}
    with sheet(comm, (12, 8)) as session:
        filtered = [(filters(session)[0][0], every(1))]
        taken = fields(session, ("density", "velocity", "stress"), "xy", 1)
        for name, observers in (("LAMMPS alone", []), ("filter", filtered), ("fields", taken)):
            spent = []
            # twice: what is sent once, to begin with, is the same in a run of one step and of many
            for length in (1, steps + 1):
                before = counted()
                watched(session, observers, length)
                spent.append(counted() - before)
            times[name] = (spent[1] - spent[0]) / steps
    busiest = {name: np.empty_like(values) for name, values in times.items()}
    for name, values in times.items():
        comm.Reduce(values, busiest[name], MPI.MAX)
    if comm.rank:
        return None
    kinds = names(len(next(iter(times.values()))[0]))
    alone = busiest["LAMMPS alone"]
    more = {
        name: values if name == "LAMMPS alone" else np.maximum(values - alone, 0.0)
        for name, values in busiest.items()
    }
    return {
        name: {kind: values[:, k].tolist() for k, kind in enumerate(kinds) if values[0, k] > 0.0}
        for name, values in more.items()
    }


def built(folder: Path) -> Path:
    """The library that counts.

    Raises:
        SystemExit: mpicc is missing or does not make it.
    """
    library = folder / "libmpicount.so"
    command = ["mpicc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("mpicc is not on the PATH: the counter of MPI calls cannot be built")
    except subprocess.CalledProcessError as failure:
        sys.exit(f"mpicc: {failure.stderr.strip()}")
    return library


def table(ranks: Sequence[int], steps: int) -> str:
    """Markdown: calls and bytes per step of each number of ranks."""
    lines = ["| ranks | of | calls a step of the busiest rank (bytes) |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        library = str(built(Path(folder)))
        for count in ranks:
            command = ["mpiexec", "-n", str(count), "-genv", "LD_PRELOAD", library, sys.executable, __file__]
            job = subprocess.run(
                [*command, "--measure", "--steps", str(steps)],
                capture_output=True, text=True, check=False, env=os.environ | {COUNTER: library},
            )  # fmt: skip
            if job.returncode:
                sys.exit(job.stderr.strip()[-500:])
            for name, counts in json.loads(job.stdout.strip().splitlines()[-1]).items():
                each = [f"{kind} {calls:.3g} ({size:,.0f})" for kind, (calls, size) in counts.items()]
                what = name if name == "LAMMPS alone" else f"+ {name}"
                lines.append(f"| {count} | {what} | {', '.join(each) or 'none'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.measure:
        print(table(given.ranks, given.steps))
        return
    counts = measure(given.steps)
    if counts is not None:
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
