"""``--dry-run`` of a calibration: its first trials, whose record is thrown away."""

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from ...calibrate import pool
from ...calibrate.trials import TrialLog
from ...core import demand, parallel
from ...core.console import duration
from ...core.errors import MdbridgeError
from .. import demands, forecast
from ..forecast import Row
from . import verdict
from .driver import AGAIN, Clock, drive
from .problem import Problem, load, prepare, worker_for


@dataclass(frozen=True)
class Beginning:
    """The first trials of a search.

    Attributes:
        trials: how many ended.
        seconds: what they took, the search between them included.
        model_s: what the model took of one, in the mean.
        bytes: of the record.
        over: why the search ended by itself, if it did.
    """

    trials: int
    seconds: float
    model_s: float
    bytes: int
    over: str


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Print the time, the memory and the disk that a calibration takes (collective).

    The model is called as the search would call it, for as long as a person waits.

    Raises:
        InputError: as the calibration itself would.
        MdbridgeError: the model only fails.
    """
    # as the calibration itself begins, but for the folder, which is not claimed
    settings, folder = parallel.on_root(comm, lambda: load(source, overrides))
    demand.require(comm, demands.calibrate(settings))
    with contextlib.ExitStack() as held:
        worker = held.enter_context(worker_for(settings, folder))
        problem = parallel.on_root(comm, lambda: prepare(source, overrides, worker))
        scratch = parallel.on_root(
            comm, lambda: held.enter_context(tempfile.TemporaryDirectory(prefix="mdbridge-"))
        )
        task = problem.task_in(Path(scratch))
        begun = pool.with_pool(
            comm,
            worker,
            task,
            lambda workers: begin(comm, workers, problem, Path(scratch), forecast.PATIENCE),
        )

    budget = problem.search.evaluations

    def done() -> int:
        record = Path(out) / "trials.jsonl"
        # the first line says what the record is of
        return min(budget, len(record.read_bytes().splitlines()) - 1) if record.exists() else 0

    total, disk = (
        (begun.trials, begun.bytes) if begun.over else (budget, begun.bytes / max(1, begun.trials) * budget)
    )
    kept = parallel.on_root(comm, done)
    each = begun.seconds / begun.trials if begun.trials else None
    row = Row("trials", total, min(kept, total), None if each is None else each * (total - min(kept, total)))
    notes = [*_notes(begun, budget), *verdict.unscaled(problem.likelihood, len(problem.space.free))]
    forecast.show(comm, f"{source.name}: {len(problem.space.names)} parameters", [row], disk, *notes)


def _notes(begun: Beginning, budget: int) -> list[str]:
    patience = duration(forecast.PATIENCE)
    # the best that can be known: how it goes, and not only how long a trial takes
    if begun.over:
        return [f"the search itself ended within {patience}, after {begun.trials} evaluations: {begun.over}"]
    if not begun.trials:
        return [f"no evaluation ended within {patience}: {budget} times what one takes is the most"]
    return [
        f"an evaluation takes {begun.model_s:.3g} s; 'ego.evaluations' = {budget} is the most that there can "
        "be, a search often ends earlier; proposals take longer the more trials there are"
    ]


def begin(comm: MPI.Comm, workers: pool.Pool, problem: Problem, scratch: Path, patience: float) -> Beginning:
    """Search until the end or until ``patience`` is over; on rank 0."""
    path, start, over = scratch / "trials.jsonl", time.perf_counter(), ""
    record = TrialLog(path, problem.configuration(), False)
    try:
        _, _, over, _ = drive(comm, workers, problem, record, lambda done, note="": None, Clock(patience))
    except MdbridgeError as error:
        # the time is up, as it was meant to be; others are failures of the model
        if error.exit_code != AGAIN:
            raise
    seconds = time.perf_counter() - start
    trials = list(record.trials.values())
    model_s = sum(trial.seconds for trial in trials) / max(1, len(trials))
    return Beginning(len(trials), seconds, model_s, path.stat().st_size, over)
