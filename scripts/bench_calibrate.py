"""Compare calibration schemes at equal evaluations: every problem with every scheme and several seeds.

    scripts/bench_calibrate --out OUT [--seeds 9] [--problems branin maxwell] [--schemes ours TuRBO-1]
    scripts/bench_calibrate --out OUT --set options.energy_file=… --set options.final_energy_file=…

Each run is a line of OUT/runs.jsonl, on the disk when it ends: killed and started again, it goes on with
those that are missing.  OUT/table.md and OUT/schemes.png are of all lines that there are.  The validation
needs the authors' files (docs/calibration.md, Use) and is left out, with a message, where they are not.
"""

import argparse
import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bench_calibrate_problems import PROBLEMS, Problem, validation
from bench_calibrate_schemes import SCHEMES, Budget, Spent
from mpi4py import MPI  # before torch: both bring libraries of the same names
from numpy.typing import NDArray

from mdbridge import __version__
from mdbridge.core import plots
from mdbridge.core.console import progress
from mdbridge.core.errors import InputError
from mdbridge.core.files import write_text

Array = NDArray[np.float64]
COLOURS = dict(zip(SCHEMES, ("black", plots.BLUE, plots.GREEN, plots.ORANGE, "0.55"), strict=True))


@dataclass(frozen=True)
class Run:
    """One scheme on one problem with one seed.

    Attributes:
        problem, scheme, seed: which.
        evaluations: the budget.
        least, near: of the problem.
        values: of all evaluations, in order; None where the model had no answer.
        seconds: processor time, the model's included.
        version: of mdbridge.
    """

    problem: str
    scheme: str
    seed: int
    evaluations: int
    least: float
    near: float
    values: list[float | None]
    seconds: float
    version: str = __version__

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What it is known by; with another budget it is another run."""
        return self.problem, self.scheme, self.seed, self.evaluations

    @property
    def gaps(self) -> Array:
        """Best value so far above the minimum, ``(evaluations,)``."""
        values = [np.inf if value is None else value for value in self.values]
        return np.asarray(np.minimum.accumulate(values) - self.least)

    @property
    def arrived(self) -> float:
        """Evaluations until the value is near the minimum; infinite if it never is."""
        there = np.flatnonzero(self.gaps <= self.near)
        return float(there[0] + 1) if len(there) else np.inf


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of runs.jsonl, table and figure")
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE, a place of the authors' files")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    problems = [problem for name in given.problems if (problem := _made(name, given.set)) is not None]
    # seeds last: stopped early, all schemes have as many
    jobs = [
        (problem, scheme, seed)
        for seed in range(given.seeds)
        for problem in problems
        for scheme in given.schemes
        if problem.groups is not None or scheme != "least squares"
    ]
    record = given.out / "runs.jsonl"
    missing = [job for job in jobs if _key(*job) not in {run.key for run in read(record)}]
    with progress(MPI.COMM_SELF, "schemes") as tick:
        for count, job in enumerate(missing):
            append(record, measured(*job))
            tick((count + 1) / len(missing), f"{job[0].name}, {job[1]}, seed {job[2]}")
    runs = read(record)
    write_text(given.out / "table.md", table(runs))
    draw(given.out / "schemes.png", runs)
    print(table(runs))


def _made(name: str, overrides: Sequence[str]) -> Problem | None:
    try:
        return partial(validation, overrides)() if name == "validation" else PROBLEMS[name]()
    except InputError as error:
        print(f"{name} is left out: {error}", flush=True)
        return None


def _key(problem: Problem, scheme: str, seed: int) -> tuple[str, str, int, int]:
    return problem.name, scheme, seed, problem.evaluations


def measured(problem: Problem, scheme: str, seed: int) -> Run:
    """Let a scheme spend the budget of a problem."""
    budget, start = Budget(problem), time.process_time()
    with contextlib.suppress(Spent):
        SCHEMES[scheme](problem, budget, seed)
    seconds = time.process_time() - start
    return Run(
        problem.name, scheme, seed, problem.evaluations, problem.least, problem.near, budget.values, seconds
    )


def append(path: Path, run: Run) -> None:
    """Add a run; it is on the disk when this returns."""
    with path.open("ab") as file:
        # first an end of line: the last one may be half a line, of a run that was killed
        file.write(b"\n" + json.dumps(run.__dict__).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Run]:
    """The runs of a record, without lines that are no runs; the last of two that are the same."""
    runs: dict[tuple[str, str, int, int], Run] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            run = Run(**json.loads(line))
        except (ValueError, TypeError):
            continue
        runs[run.key] = run
    return list(runs.values())


def table(runs: Iterable[Run]) -> str:
    """Markdown: the gap to the minimum at the end, and when runs were near it."""
    lines = [
        "| problem | evaluations | scheme | seeds | gap, median | worst | near after (worst) | CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (problem, scheme), group in grouped(runs).items():
        gaps, arrived = [run.gaps[-1] for run in group], [run.arrived for run in group]
        lines.append(
            f"| {problem} | {group[0].evaluations} | {scheme} | {len(group)} | {np.median(gaps):.2g} | "
            f"{max(gaps):.2g} | {_count(float(np.median(arrived)))} ({_count(max(arrived))}) | "
            f"{np.median([run.seconds for run in group]):.0f} |"
        )
    return "\n".join(lines) + "\n"


def _count(number: float) -> str:
    return f"{number:.0f}" if np.isfinite(number) else "–"


def grouped(runs: Iterable[Run]) -> dict[tuple[str, str], list[Run]]:
    """Runs by problem and scheme; both in the order in which they are defined or came."""
    order = list(SCHEMES)
    by: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        by.setdefault((run.problem, run.scheme), []).append(run)
    problems = list(dict.fromkeys(problem for problem, _ in by))
    return dict(sorted(by.items(), key=lambda pair: (problems.index(pair[0][0]), order.index(pair[0][1]))))


def draw(path: Path, runs: Iterable[Run]) -> None:
    """The gap against evaluations: the median of the seeds, and the band that holds all of them."""
    groups = grouped(runs)
    problems = list(dict.fromkeys(problem for problem, _ in groups))
    columns, rows = min(3, len(problems)), -(-len(problems) // 3)
    shape = {"nrows": rows, "ncols": columns, "squeeze": False}
    with plots.figure(path, 3.0 * columns, 2.7 * rows, **shape) as (fig, axes):
        lines: dict[str, Any] = {}
        for panel in axes.flat[len(problems) :]:
            panel.set_axis_off()
        for problem, panel in zip(problems, axes.flat, strict=False):
            near = 0.0
            for (name, scheme), group in groups.items():
                if name != problem:
                    continue
                # what is below round-off of the noisy problem's minimum cannot be drawn
                gaps = np.maximum([run.gaps for run in group], 1e-6)
                count, near = np.arange(1, gaps.shape[1] + 1), group[0].near
                colour = COLOURS[scheme]
                panel.fill_between(count, gaps.min(axis=0), gaps.max(axis=0), color=colour, alpha=0.12, lw=0)
                (lines[scheme],) = panel.semilogy(count, np.median(gaps, axis=0), color=colour, linewidth=1.8)
            panel.axhline(near, color="black", linestyle=":", linewidth=0.9)
            panel.set_title(problem)
            panel.set_xlabel("evaluations")
        for panel in axes[:, 0]:
            panel.set_ylabel("least value so far − minimum")
        # not every scheme is in every panel
        fig.legend(lines.values(), list(lines), loc="outside upper center", ncols=len(lines))


if __name__ == "__main__":
    main()
