"""What one rank can tell of the parallel helpers; the rest runs under MPI."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from launch import begin, launch
from mpi4py import MPI
from thread_ranks import together

from mdbridge.core import parallel
from mdbridge.core.errors import FileError, InputError, MdbridgeError

SELF = MPI.COMM_SELF


@dataclass
class Rank:
    """A communicator's outside: rank, size, and a split that returns its arguments."""

    rank: int
    size: int

    def Split(self, colour, key):
        return colour, key


@pytest.fixture(autouse=True)
def _signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_attempt_never_raises():
    assert parallel.attempt(lambda: 3) == (3, None)
    result, error = parallel.attempt(lambda: 1 // 0)
    assert result is None
    assert isinstance(error, ZeroDivisionError)


def test_agree_on_success_and_on_failure():
    parallel.agree(SELF, None)
    known = InputError("wrong")
    with pytest.raises(InputError) as caught:
        parallel.agree(SELF, known)
    assert caught.value is known


def test_an_unexpected_error_is_told_with_its_traceback():
    _, error = parallel.attempt(lambda: 1 // 0)
    with pytest.raises(MdbridgeError, match=r"Traceback(.|\n)*ZeroDivisionError") as caught:
        parallel.agree(SELF, error)
    assert caught.value.exit_code == 1
    assert caught.value.__cause__ is error


def too_large():
    return np.empty(2**57, dtype=np.int8)


def test_too_little_memory_is_said_in_a_line(capsys):
    """Whether ranks agree on it or not."""
    _, error = parallel.attempt(too_large)
    with pytest.raises(MdbridgeError) as caught:
        parallel.agree(SELF, error)
    assert ended(too_large) == 1
    said = capsys.readouterr().err
    assert said == f"mdbridge: error: {caught.value}\n" and said.count("\n") == 1
    assert "out of memory (Unable to allocate 128. PiB" in said and "use more nodes" in said


def test_what_rank_0_returns_or_raises_comes_back():
    assert parallel.on_root(SELF, lambda: {"a": 1}) == {"a": 1}
    with pytest.raises(FileError):
        parallel.on_root(SELF, lambda: (_ for _ in ()).throw(FileError("gone")))


@pytest.mark.parametrize(
    ("size", "per_group", "expected"),
    [(6, 2, [0, 0, 1, 1, 2, 2]), (7, 2, [0, 0, 1, 1, 2, 2, 2]), (3, 8, [0, 0, 0]), (2, 1, [0, 1])],
)
def test_ranks_are_split_into_groups_and_none_is_left_over(size, per_group, expected):
    splits = [parallel.split_groups(Rank(rank, size), per_group) for rank in range(size)]
    assert splits == [(group, rank) for rank, group in enumerate(expected)]


def ended(main):
    with pytest.raises(SystemExit) as caught:
        parallel.run_main(SELF, main)
    return caught.value.code


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_return_value_is_the_exit_code(code):
    assert ended(lambda: code) == code


@pytest.mark.parametrize(("error", "code"), [(InputError("wrong key"), 2), (FileError("wrong key"), 1)])
def test_an_agreed_error_is_one_line(capsys, error, code):
    assert ended(raising(error)) == code
    assert capsys.readouterr().err == "mdbridge: error: wrong key\n"


class Aborted(BaseException):
    """What a rank of a fake job ends with."""


def job_of_two(rank, everybody_comes):
    """The outside of one rank of two, whose peer comes to the end as well or not."""
    said = []

    def abort(code):
        said.append(code)
        raise Aborted

    meeting = SimpleNamespace(Ibarrier=lambda: SimpleNamespace(Test=lambda: everybody_comes))
    return SimpleNamespace(rank=rank, size=2, Dup=lambda: meeting, Abort=abort, said=said)


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_of_one_rank_alone_ends_the_others_too(monkeypatch, capsys, rank):
    """The peers wait in a collective for a rank that raised past it: they would for ever."""
    monkeypatch.setattr(parallel, "_UNTIL_ALL_END", 0.03)
    job = job_of_two(rank, everybody_comes=False)
    with pytest.raises(Aborted):
        parallel.run_main(job, raising(InputError("wrong key")))
    assert job.said == [2]
    assert capsys.readouterr().err.count("wrong key") == 1


@pytest.mark.parametrize(("rank", "lines"), [(0, 1), (1, 0)])
def test_an_error_of_all_ranks_is_said_once_and_none_is_ended(capsys, rank, lines):
    job = job_of_two(rank, everybody_comes=True)
    with pytest.raises(SystemExit) as caught:
        parallel.run_main(job, raising(InputError("wrong key")))
    assert (caught.value.code, job.said) == (2, [])
    assert capsys.readouterr().err.count("\n") == lines


LONELY = """
import sys
from mpi4py import MPI
from mdbridge.core import parallel
from mdbridge.core.errors import InputError

parallel._UNTIL_ALL_END = 0.5

def main():
    if MPI.COMM_WORLD.rank == 1:
        raise InputError("only here")
    MPI.COMM_WORLD.Barrier()
    return 0

parallel.run_main(MPI.COMM_WORLD, main)
"""


@pytest.mark.mpi
def test_a_job_whose_ranks_do_not_agree_ends(tmp_path):
    (tmp_path / "job.py").write_text(LONELY)
    job = launch(tmp_path / "job.py", 2, timeout=60)
    assert job.returncode == 2
    assert "on rank 1 alone: only here" in job.stderr


INTERRUPTED = """
import os
import signal
from mpi4py import MPI
from mdbridge.core import parallel

parallel._UNTIL_ALL_HEAR = 0.5

def main():
    if MPI.COMM_WORLD.rank == 0:
        os.kill(os.getpid(), signal.SIGTERM)
    MPI.COMM_WORLD.Barrier()
    return 0

parallel.run_main(MPI.COMM_WORLD, main)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("attempt", range(3))
def test_a_rank_that_is_interrupted_alone_says_so_once(tmp_path, attempt):
    (tmp_path / "job.py").write_text(INTERRUPTED)
    job = launch(tmp_path / "job.py", 2, timeout=60)
    assert job.returncode == 143
    assert job.stderr.count("finished work is kept") == 1, job.stderr


def test_an_unexpected_error_is_a_line_and_its_traceback_a_file(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ended(raising(ZeroDivisionError("oops"))) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "unexpected ZeroDivisionError: oops" in said
    kept = tmp_path / "mdbridge-traceback-0.txt"
    assert str(kept) in said
    assert "Traceback (most recent call last)" in kept.read_text()


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (3, 3), ("text", 1)])
def test_the_code_of_a_system_exit_is_passed_on(code, expected):
    assert ended(raising(SystemExit(code))) == expected


def test_interrupts_say_that_finished_work_is_kept(capsys):
    assert ended(raising(KeyboardInterrupt())) == 130
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert ended(lambda number=number: os.kill(os.getpid(), number) or time.sleep(5)) == 128 + number
    assert capsys.readouterr().err == 4 * "mdbridge: interrupted; finished work is kept\n"


def test_agreed_work_gives_its_result_or_raises_what_it_raised():
    assert parallel.agreed(MPI.COMM_SELF, lambda: 3) == 3
    with pytest.raises(InputError, match="no"):
        parallel.agreed(MPI.COMM_SELF, lambda: (_ for _ in ()).throw(InputError("no")))


def raised_by(size, work):
    """What each of several ranks raises."""

    def call(comm):
        try:
            work(comm)
        except MdbridgeError as error:
            return error
        return None

    return together(size, call)


def test_all_ranks_raise_the_error_of_the_first_that_has_one():
    errors = [None, InputError("wrong"), ValueError("odd"), None]
    ended = raised_by(4, lambda comm: parallel.agree(comm, errors[comm.rank]))
    assert ended[1] is errors[1]  # its class lives on where it came from
    for other in (ended[0], ended[2], ended[3]):
        assert str(other) == "on rank 1: wrong"
    assert {error.exit_code for error in ended} == {InputError.exit_code} == {2}
    assert ended[2].__cause__ is errors[2]
    assert raised_by(3, lambda comm: parallel.agree(comm, None)) == [None] * 3


def test_an_error_without_an_exit_code_of_its_own_is_a_failure_on_all_ranks():
    ended = raised_by(2, lambda comm: parallel.agree(comm, ValueError("odd") if comm.rank else None))
    assert [error.exit_code for error in ended] == [1, 1]
    assert all("on rank 1: " in str(error) and "ValueError: odd" in str(error) for error in ended)


def test_what_the_first_rank_does_all_have_or_none():
    assert together(3, lambda comm: parallel.on_root(comm, lambda: 10 + comm.rank)) == [10, 10, 10]
    assert together(3, lambda comm: parallel.agreed(comm, lambda: 10 + comm.rank)) == [10, 11, 12]

    def fails():
        raise InputError("not there")

    ended = raised_by(3, lambda comm: parallel.on_root(comm, fails))
    assert [error.exit_code for error in ended] == [2, 2, 2] and all("not there" in str(e) for e in ended)
    ended = raised_by(3, lambda comm: parallel.agreed(comm, fails if comm.rank == 2 else int))
    assert [error.exit_code for error in ended] == [2, 2, 2]
    assert [str(error) for error in ended] == ["on rank 2: not there"] * 2 + ["not there"]


STUCK = """
import time
from mpi4py import MPI
from mdbridge.core import parallel

def main():
    MPI.COMM_WORLD.Barrier()  # both have begun
    if MPI.COMM_WORLD.rank == 0:
        print("ready", flush=True)
    if MPI.COMM_WORLD.rank == 1:
        time.sleep(100)
    MPI.COMM_WORLD.Barrier()
    return 0

parallel.run_main(MPI.COMM_WORLD, main)
"""


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_of_which_a_rank_waits_for_another_ends_when_it_is_told(tmp_path, number):
    (tmp_path / "job.py").write_text(STUCK)
    job = begin(tmp_path / "job.py", 2)
    assert job.stdout.readline() == "ready\n"
    job.send_signal(number)
    start = time.monotonic()
    _, said = job.communicate(timeout=60)
    assert time.monotonic() - start < 20 and job.returncode != 0
    assert "finished work is kept" in said and "Traceback" not in said


def test_a_reader_that_goes_away_costs_nothing(monkeypatch):
    class Gone:
        def write(self, text=""):
            raise BrokenPipeError(32, "Broken pipe")

        flush = write

    monkeypatch.setattr(sys, "stderr", Gone())
    assert ended(raising(InputError("no"))) == 2
