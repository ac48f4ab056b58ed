"""Evaluations over the ranks of a communicator: rank 0 hands them out, every rank has a worker."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from mpi4py import MPI

from ..core import parallel
from .evaluate import Evaluation, Outcome
from .worker import Worker

_TASK, _ANSWER = 71, 72
_PAUSE = 0.002
"""Seconds between looks at the mailbox: a blocking receive would take the core that the model needs."""


class Pool:
    """The workers of all ranks, as rank 0 sees them."""

    def __init__(self, comm: MPI.Comm, worker: Worker):
        self._comm, self._worker = comm, worker
        self._jobs: dict[int, int] = {}

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return self._comm.size

    @property
    def free(self) -> int:
        """How many ranks have nothing to do."""
        return self.size - len(self._jobs)

    def submit(self, number: int, parameters: Mapping[str, float]) -> None:
        """Give an evaluation to a free rank; there must be one."""
        # rank 0 evaluates as well: its own work is a few numbers a trial
        rank = next(r for r in range(self._comm.size) if r not in self._jobs)
        self._jobs[rank] = number
        if rank == 0:
            self._worker.start(dict(parameters), number)
        else:
            self._comm.send((dict(parameters), number), dest=rank, tag=_TASK)

    @property
    def busy(self) -> int:
        """How many ranks evaluate."""
        return len(self._jobs)

    def collect(self, until: float = math.inf) -> list[tuple[int, Outcome]]:
        """The evaluations that are done, at least one; there must be some under way.

        Args:
            until: :func:`time.monotonic` at which to give up, with none.
        """
        while time.monotonic() < until:
            done = []
            if 0 in self._jobs and (answer := self._worker.poll(_PAUSE)) is not None:
                done.append((self._jobs.pop(0), Outcome.of(answer)))
            status = MPI.Status()
            while self._comm.size > 1 and self._comm.iprobe(MPI.ANY_SOURCE, _ANSWER, status):
                outcome = self._comm.recv(source=status.source, tag=_ANSWER)
                done.append((self._jobs.pop(status.source), outcome))
            if done:
                # by their number: which of two that are done was first shall not show in the record
                return sorted(done, key=lambda pair: pair[0])
            if 0 not in self._jobs:
                time.sleep(_PAUSE)
        return []


def with_pool(comm: MPI.Comm, worker: Worker, task: Evaluation, master: Callable[[Pool], Any]) -> Any:
    """Run ``master`` on rank 0 while the others evaluate ``task``; its result on all ranks (collective).

    Raises:
        MdbridgeError: on all ranks, if ``master`` or a rank failed.
    """
    _, error = parallel.attempt(lambda: worker.assign(task))
    parallel.agree(comm, error)
    if comm.rank == 0:
        pool = Pool(comm, worker)
        result, error = parallel.attempt(lambda: master(pool))
        for rank in range(1, comm.size):
            # the end, also after a failure: the others would wait for ever
            comm.send(None, dest=rank, tag=_TASK)
        _drain(comm, pool)
    else:
        result, error = parallel.attempt(lambda: _serve(comm, worker))
    parallel.agree(comm, error)
    return comm.bcast(result, root=0)


def _drain(comm: MPI.Comm, pool: Pool) -> None:
    """Take the answers nobody waits for any more."""
    for rank in [r for r in pool._jobs if r != 0]:
        comm.recv(source=rank, tag=_ANSWER)


def _serve(comm: MPI.Comm, worker: Worker) -> None:
    while True:
        while not comm.iprobe(0, _TASK):
            time.sleep(_PAUSE)
        job = comm.recv(source=0, tag=_TASK)
        if job is None:
            return
        outcome, error = parallel.attempt(lambda: _evaluate(comm, worker, *job))  # noqa: B023
        comm.send(outcome or Outcome("failed", message=f"on rank {comm.rank}: {error}"), dest=0, tag=_ANSWER)


def _evaluate(comm: MPI.Comm, worker: Worker, parameters: Mapping[str, float], number: int) -> Outcome:
    worker.start(parameters, number)
    while (answer := worker.poll(0.05)) is None:
        if comm.iprobe(0, _TASK):  # the end, before this is done: nobody waits for it
            worker.close()
            return Outcome("failed", message="given up: the calibration has ended")
    return Outcome.of(answer)
