"""All benchmarks, each beside what a user would take instead, as one Markdown table.

    scripts/bench [observers learning solve shear search campaigns] [--quick] [--rounds N] [--out FOLDER]

Each measurement is a process of its own, so that memory is its own; the rounds go through all of them in
turn, so that the machine's mood from minute to minute meets all alike.  Every row is in FOLDER/rows.jsonl
when it is done, and FOLDER/table.md is written anew after each: stopped and started again, the same command
goes on.
A measurement that fails is a row that says why.  The second rank of what runs on two needs a core of its own.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.rows import Job, Row, merged, table
from mpi4py import MPI

from mdbridge.core.console import progress
from mdbridge.core.files import write_text
from mdbridge.core.versions import versions

NAMES = ("observers", "learning", "solve", "shear", "search", "campaigns")
LIMIT = 3600  # s for one measurement: what hangs is a row that says so
MARK = "rows: "


class Benchmark(Protocol):
    """A module of :mod:`benchmarks`."""

    TITLE: str
    NOTE: str

    def jobs(self, quick: bool) -> list[Job]:
        """What there is to measure, in the order of the table."""

    def measure(self, comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
        """Measure a job on the ranks of ``comm``; what is not done in turn within it is done once."""


@dataclass(frozen=True)
class Done:
    """A measurement on the record.

    Attributes:
        key: benchmark, arguments, ranks and round, in one text.
        rows: what it gave.
    """

    key: str
    rows: list[Row]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none is given")
    parser.add_argument("--quick", action="store_true", help="sizes that show in seconds whether it works")
    parser.add_argument("--rounds", type=int, help="how often all is measured (3; 1 with --quick)")
    parser.add_argument("--turns", type=int, default=7, help="pairs of what is timed in one process")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)  # a single measurement, on its ranks
    given = parser.parse_args(arguments)
    if given.job:
        name, *rest = given.job
        rows = benchmark(name).measure(MPI.COMM_WORLD, rest, given.turns)
        if MPI.COMM_WORLD.rank == 0:
            print(MARK + json.dumps([asdict(row) for row in rows]), flush=True)
        return 0
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"there is no benchmark '{unknown[0]}': {', '.join(NAMES)}")
    names = given.names or list(NAMES)
    rounds = given.rounds or (1 if given.quick else 3)
    given.out.mkdir(parents=True, exist_ok=True)
    record = given.out / ("quick.jsonl" if given.quick else "rows.jsonl")
    plan = [
        (name, job, number)
        for number in range(rounds)
        for name in names
        for job in benchmark(name).jobs(given.quick)
    ]
    turns = 1 if given.quick else given.turns
    with progress(MPI.COMM_SELF, "bench") as tick:
        for count, (name, job, number) in enumerate(plan):
            key = " ".join([name, *job.arguments, f"on {job.ranks}, round {number + 1}"])
            tick(count / len(plan), key)
            if key not in {done.key for done in read(record)}:
                append(record, Done(key, run(name, job, turns)))
                write_text(given.out / "table.md", page(names, read(record)))
    print(page(names, read(record)))
    return 0


def benchmark(name: str) -> Benchmark:
    """The module of a benchmark."""
    module: Benchmark = importlib.import_module(f"benchmarks.{name}")
    return module


def run(name: str, job: Job, turns: int) -> list[Row]:
    """A measurement in processes of its own; without rows of its own, one that says what went wrong."""
    command = [sys.executable, str(Path(__file__)), "--turns", str(turns), "--job", name, *job.arguments]
    if job.ranks > 1:
        command = ["mpiexec", "-n", str(job.ranks), *command]
    what = f"{name} {' '.join(job.arguments)}"
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return [Row(what, "mdbridge", ranks=job.ranks, note=f"not done in {LIMIT} s")]
    lines = [line for line in ended.stdout.splitlines() if line.startswith(MARK)]
    if ended.returncode or not lines:
        last = (ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"])[-1]
        return [Row(what, "mdbridge", ranks=job.ranks, note=last[:100].replace("|", "/"))]
    return [Row(**row) for row in json.loads(lines[-1].removeprefix(MARK))]


def append(path: Path, done: Done) -> None:
    """Add a measurement; it is on the disk when this returns."""
    with path.open("ab") as file:
        # first an end of line: the last one may be half a line, of a run that was killed
        file.write(b"\n" + json.dumps(asdict(done)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Done]:
    """The measurements of a record, without lines that are none."""

    def each() -> Iterator[Done]:
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                data = json.loads(line)
                yield Done(data["key"], [Row(**row) for row in data["rows"]])
            except (ValueError, TypeError, KeyError):
                continue

    return list(each())


def _processor() -> str:
    """Its model, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def page(names: Sequence[str], record: Sequence[Done]) -> str:
    """The whole table."""
    stack = ", ".join(f"{name} {version}" for name, version in versions().items() if isinstance(version, str))
    machine = _processor()
    parts = [
        f"# Benchmarks\n\n{machine}, {os.cpu_count()} processors, {stack}. Median [10th … 90th percentile]; "
        "multiples of the reference are taken run by run, in turn.\n"
    ]
    for name in names:
        rows = [row for done in record if done.key.split()[0] == name for row in done.rows]
        if rows:
            module = benchmark(name)
            parts.append(f"## {module.TITLE}\n\n{module.NOTE}\n\n{table(merged(rows))}")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
