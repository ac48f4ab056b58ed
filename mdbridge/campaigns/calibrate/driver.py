"""The loop of rank 0: ask for points, hand them out, record what comes back, tell it."""

import math
import time
from collections.abc import Mapping
from typing import Any

from mpi4py import MPI

from ...calibrate import pool
from ...calibrate.crowd import Crowd
from ...calibrate.ego import SPENT, Calibration
from ...calibrate.evaluate import Outcome
from ...calibrate.settings import Proposal
from ...calibrate.trials import Trial, TrialLog
from ...core.console import Tick, console
from ...core.errors import FileError, InputError, MdbridgeError
from .failing import Watch
from .problem import Problem

Search = tuple[Trial | None, list[Trial], str, int]
"""What a search gave: the best trial, all, why it ended, how many were in the record before."""

AGAIN = 75
"""Exit code of a run whose time is up: EX_TEMPFAIL of sysexits.h, go on with --resume."""


CROWDED = 4
"""Ranks from which on a proposal is made ahead."""


class Clock:
    """How much of the time that a run may take is left.

    Args:
        limit: in seconds; None for no limit.
    """

    def __init__(self, limit: float | None):
        self.end = math.inf if limit is None else time.monotonic() + limit

    def suffices(self, record: Mapping[int, Trial]) -> bool:
        """Whether a trial as long as most before it would end in time."""
        times = sorted(t.seconds for t in record.values() if t.status == "ok")
        usual = times[len(times) // 2] if times else 0.0
        return time.monotonic() + usual < self.end

    def stop(self, count: int) -> None:
        """End the run.

        Raises:
            MdbridgeError: always, with the exit code :data:`AGAIN`.
        """
        error = MdbridgeError(f"the time is up after {count} evaluations; go on with --resume")
        error.exit_code = AGAIN
        raise error


def drive(
    comm: MPI.Comm, workers: pool.Pool, problem: Problem, record: TrialLog, tick: Tick, clock: Clock
) -> Search:
    """Search until the end, or until the time is up.

    Raises:
        MdbridgeError: the time is up, or the model only fails.
        InputError: it has had no answer, and fails for something that no parameters mend.
    """
    if record.damaged:
        console(comm).print(
            f"{record.path}: {record.damaged} damaged line(s) left out; {len(record.trials)} intact trials "
            "recovered, the others are evaluated again"
        )
    for change in record.accepted:
        console(comm).print(f"{record.path}: {change}; accepted, and noted there", soft_wrap=True)
    _check_residuals(problem, record)
    recorded = len(record.trials)
    answered = False
    kind = Crowd if problem.search.asynchronous else Calibration
    if max(record.trials, default=-1) >= problem.search.evaluations:
        # a search with this budget would put other points, those at its end, in the place of some of these
        record.close()
        return _served(record, recorded)
    search = kind(problem.space, problem.search, problem.groups, record.trials.values(), problem.likelihood)
    watch = Watch(record.path.parent, list(record.trials.values()))
    waiting: list[Proposal] = []
    running: dict[int, Proposal] = {}

    def begin() -> None:
        while waiting and workers.free and clock.suffices(search.trials):
            proposal = waiting.pop(0)
            running[proposal.index] = proposal
            workers.submit(proposal.index, problem.space.physical(proposal.unit))

    try:
        while not search.done:
            if isinstance(search, Crowd):
                # one ahead: the next rank that is done has not to wait while a proposal is made; of few
                # ranks it would be a large share that does not know of the last answers
                ahead = 1 if workers.size >= CROWDED else 0
                waiting += search.ask(max(workers.free + ahead - len(waiting), 0))
            else:
                waiting += search.ask()
            # as many as there are ranks; the others wait for the first to be done
            begin()
            ended = workers.collect(clock.end) if workers.busy else []
            for index, outcome in ended:
                # not recorded: when it is mended, nothing has been spent on it.  A program that has answered
                # since it was started chooses its units itself; that trial alone has failed
                if outcome.hopeless and not answered:
                    raise InputError(outcome.message)
                answered = answered or outcome.score is not None
                trial = _trial(problem, running.pop(index), outcome)
                # on the disk before the search knows of it: what it proposes next depends on it
                record.append(trial)
                search.tell(trial)
                watch.see(outcome)
            begin()
            # nothing could be begun, or nothing ended before the time was up
            if not ended and not search.done:
                clock.stop(len(search.trials))
            tick(len(search.trials) / problem.search.evaluations, _note(search))
    finally:
        record.close()
    return search.best, [search.trials[k] for k in sorted(search.trials)], search.reason, recorded


def _check_residuals(problem: Problem, record: TrialLog) -> None:
    """Refuse a record of other residuals, as an earlier release made of a function whose number changes.

    Raises:
        FileError: a trial has more or fewer than the objective; it is named.
    """
    for trial in record.trials.values():
        if problem.groups is not None and trial.residual is not None:
            count, expected = len(trial.residual), len(problem.groups.index)
            if count != expected:
                record.close()
                raise FileError(
                    f"{record.path}: trial {trial.index} has {count} residuals, {expected} where the "
                    "reference is compared with itself: choose another --out"
                )


def _served(record: TrialLog, recorded: int) -> Search:
    """What a record comes to as it is."""
    trials = [record.trials[k] for k in sorted(record.trials)]
    answered = (t for t in trials if t.distance is not None)
    return min(answered, key=lambda t: (t.value, t.index), default=None), trials, SPENT, recorded


def _trial(problem: Problem, proposal: Proposal, outcome: Outcome) -> Trial:
    score = outcome.score
    return Trial(
        index=proposal.index,
        phase=proposal.phase,
        unit=[float(u) for u in proposal.unit],
        parameters=problem.space.physical(proposal.unit),
        status=outcome.status,
        distance=None if score is None else score.distance,
        terms=[] if score is None else score.terms,
        residual=None if score is None else score.residual,
        seconds=outcome.seconds,
        host=outcome.host,
        message=outcome.message,
        said=outcome.said,
        state=proposal.state,
    )


def _note(search: Calibration | Crowd) -> str:
    best = search.best
    count = f"evaluation {len(search.trials)}"
    return count if best is None else f"{count}, best {best.distance:.5g} at {on_one_line(best.parameters)}"


def on_one_line(parameters: Mapping[str, Any]) -> str:
    """Parameters on one line."""
    return ", ".join(
        f"{name} {value:.5g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in parameters.items()
    )
