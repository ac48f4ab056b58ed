"""Evaluations over ranks that are threads here: answers belong to their numbers, nobody is left waiting."""

import time
from types import SimpleNamespace
from typing import ClassVar

import pytest
from mpi4py import MPI
from thread_ranks import Rank, together

from mdbridge.calibrate import pool as module
from mdbridge.calibrate.evaluate import Outcome
from mdbridge.calibrate.pool import with_pool
from mdbridge.core.errors import InputError, MdbridgeError


class Worker:
    """Takes ``wait`` s for each evaluation and says by whom it was made."""

    def __init__(self, rank, wait=0.0, broken=False):
        self.rank, self.wait, self.broken = rank, wait, broken
        self.task, self.parameters, self.done, self.closed = None, None, 0, False

    def assign(self, task):
        self.task = task

    def start(self, parameters, number):
        if self.broken:
            raise OSError("no process can be made")
        assert self.parameters is None, "one at a time"
        self.parameters, self._until = parameters, time.monotonic() + self.wait

    def poll(self, pause):
        if time.monotonic() < self._until:
            return None
        given, self.parameters = self.parameters, None
        self.done += 1
        outcome = Outcome("ok", message=f"{self.task} of {given['a']} on {self.rank}")
        return SimpleNamespace(failure=None, value=outcome, said="", seconds=0.0)

    def close(self):
        self.closed = True


@pytest.fixture(params=[1, 2, 4])
def size(request):
    return request.param


def all_of(count):
    """Hand out ``count`` evaluations whose number is their parameter, always as many as there is room for."""

    def master(pool):
        waiting, answers = list(range(count)), {}
        while len(answers) < count:
            while waiting and pool.free:
                number = waiting.pop(0)
                pool.submit(number, {"a": number})
            for number, outcome in pool.collect():
                assert number not in answers
                answers[number] = outcome.message
        return answers, pool.free

    return master


def test_each_answer_is_that_of_its_number_and_all_ranks_have_the_result(size):
    workers = [Worker(rank, wait=0.002 * (rank + 1)) for rank in range(size)]
    results = together(size, lambda comm: with_pool(comm, workers[comm.rank], "the task", all_of(12)))
    for answers, free in results:
        assert free == size
        assert set(answers) == set(range(12))
        for number, message in answers.items():
            assert message.startswith(f"the task of {number} on ")
    assert sum(worker.done for worker in workers) == 12
    assert all(worker.done for worker in workers), "a rank had nothing to do"


def test_what_is_done_at_once_is_collected_in_the_order_of_the_numbers():
    """Whoever was first: the search must not depend on it."""

    class Ready(Rank):
        """Rank 0 of three, the answers of the others being there: of the last one first."""

        arrived: ClassVar = [(2, "of 3"), (1, "of 4")]

        def __init__(self):
            self.rank, self.size = 0, 3

        def send(self, value, dest, tag=0):
            pass

        def iprobe(self, source, tag=0, status=None):
            status.source = self.arrived[0][0] if self.arrived else -1
            return bool(self.arrived)

        def recv(self, source, tag=0):
            return self.arrived.pop(0)[1]

    worker = Worker(0)
    worker.assign("t")
    pool = module.Pool(Ready(), worker)
    for number in (5, 4, 3):  # to ranks 0, 1, 2
        pool.submit(number, {"a": number})
    assert [number for number, _ in pool.collect()] == [3, 4, 5]
    assert pool.free == 3


def test_an_error_of_the_search_ends_all_ranks_though_some_are_at_work(size):
    def master(pool):
        for number in range(size):
            pool.submit(number, {"a": number})
        raise InputError("the search is over")

    workers = [Worker(rank, wait=0.05) for rank in range(size)]

    def work(comm: Rank):
        with pytest.raises(MdbridgeError, match="the search is over") as caught:
            with_pool(comm, workers[comm.rank], "t", master)
        return caught.value.exit_code

    assert together(size, work) == [2] * size


def test_a_worker_that_cannot_start_is_a_failed_evaluation_with_its_rank():
    workers = [Worker(0), Worker(1, broken=True)]

    def master(pool):
        pool.submit(0, {"a": 0})
        pool.submit(1, {"a": 1})
        outcomes = {}
        while len(outcomes) < 2:
            outcomes |= dict(pool.collect())
        return outcomes

    outcomes = together(2, lambda comm: with_pool(comm, workers[comm.rank], "t", master))[0]
    assert outcomes[0].status == "ok"
    assert outcomes[1].status == "failed" and "on rank 1: no process can be made" in outcomes[1].message


def test_what_nobody_waits_for_any_more_is_given_up():
    """The search ends at its target while the other rank has an hour to go."""
    workers = [Worker(0), Worker(1, wait=3600.0)]

    def master(pool):
        pool.submit(0, {"a": 0})
        pool.submit(1, {"a": 1})
        return pool.collect()[0][0]

    start = time.monotonic()
    assert together(2, lambda comm: with_pool(comm, workers[comm.rank], "t", master)) == [0, 0]
    assert time.monotonic() - start < 5 and workers[1].closed


def test_a_task_that_a_rank_cannot_take_ends_all():
    class Refuses(Worker):
        def assign(self, task):
            raise InputError("cannot be imported there")

    def work(comm):
        worker = Refuses(1) if comm.rank == 1 else Worker(comm.rank)
        with pytest.raises(MdbridgeError, match="cannot be imported there"):
            with_pool(comm, worker, "t", lambda pool: None)
        return True

    assert together(2, work) == [True, True]


def test_one_rank_needs_no_messages():
    assert module.with_pool(MPI.COMM_SELF, Worker(0), "t", all_of(3))[1] == 1
