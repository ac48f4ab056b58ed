"""Signals end a program, whatever it is doing, with one line and the code that shells know."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mdbridge.core import interrupts

START = "import os, signal, sys, time\nfrom mdbridge.core import interrupts\n"


def started(text, tmp_path):
    """A program that says 'ready' when it has begun."""
    script = tmp_path / "program.py"
    script.write_text(START + text)
    job = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert job.stdout.readline() == "ready\n"
    return job


DEAF = """
with interrupts.raised(grace=0.3):
    while True:
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)]
)
def test_a_program_that_does_not_answer_is_ended(tmp_path, number, code):
    job = started(DEAF, tmp_path)
    job.send_signal(number)
    _, said = job.communicate(timeout=20)
    assert job.returncode == code
    assert said.startswith(f"mdbridge: {interrupts.words(number)}") and said.count("\n") == 1


@pytest.mark.parametrize("aloud", [True, False])
def test_a_second_signal_ends_it_at_once(tmp_path, aloud):
    # of many ranks one alone says it
    job = started(DEAF.replace("0.3", f"60, aloud={aloud}"), tmp_path)
    job.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=20)
    assert job.returncode == 143
    assert said == (f"mdbridge: {interrupts.words(signal.SIGTERM)}\n" if aloud else "")


ABORTED = """
from types import SimpleNamespace
from mdbridge.core import parallel
def abort(code):
    print("ready", flush=True)
    time.sleep(60)
with interrupts.raised(grace=60):
    try:
        {first}
    except KeyboardInterrupt:
        pass
    parallel.abort(SimpleNamespace(Abort=abort), 1)
"""


@pytest.mark.parametrize("first", ["os.kill(os.getpid(), signal.SIGTERM)", "pass"])
def test_what_a_launcher_adds_to_an_abort_is_not_told(tmp_path, first):
    job = started(ABORTED.format(first=first), tmp_path)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=20)
    assert job.returncode == 143 and said == ""


def test_a_program_in_compiled_code_is_ended(tmp_path):
    # a wait in C that no signal cuts short: another thread gets it, and no instruction of Python is met
    text = """
import ctypes
wait = ctypes.CDLL(None).sleep
with interrupts.raised(grace=0.3):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    print("ready", flush=True)
    wait(60)
"""
    job = started(text, tmp_path)
    time.sleep(0.5)
    start = time.monotonic()
    job.send_signal(signal.SIGHUP)
    job.communicate(timeout=40)
    assert job.returncode == 129 and time.monotonic() - start < 20


def test_it_is_raised_with_its_number_and_what_was_there_comes_back():
    before = [signal.getsignal(number) for number in interrupts.ENDING]
    for number in interrupts.ENDING:
        with pytest.raises(interrupts.Interrupted) as caught, interrupts.raised():
            os.kill(os.getpid(), number)
            time.sleep(5)
        assert caught.value.number == number
        assert interrupts.again().number == number  # for a parser that makes something else of it
    assert [signal.getsignal(number) for number in interrupts.ENDING] == before


def test_other_signals_do_not_wake_it(tmp_path):
    text = """
signal.signal(signal.SIGCHLD, lambda *_: None)
with interrupts.raised(grace=0.1):
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGCHLD)
    time.sleep(0.5)
sys.exit(7)
"""
    job = started(text, tmp_path)
    job.communicate(timeout=20)
    assert job.returncode == 7


def test_a_limit_of_time_interrupts_with_an_exit_code_of_its_own():
    with pytest.raises(interrupts.Interrupted) as caught, interrupts.raised():
        interrupts.stop_after(0.05)
        time.sleep(5)
    assert interrupts.exit_code(caught.value.number) == 75
    assert "the same command goes on" in interrupts.words(caught.value.number)


LOST = """
import ctypes

@ctypes.CFUNCTYPE(None)
def callback():
    print("ready", flush=True)
    time.sleep(60)  # what the handler raises here is dropped on the way through C

try:
    with interrupts.raised(grace=60):
        callback()
        time.sleep(60)
except KeyboardInterrupt as stop:
    sys.exit(interrupts.exit_code(stop.number))
"""


def test_a_signal_that_a_callback_drops_is_raised_again(tmp_path):
    job = started(LOST, tmp_path)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=20)
    assert (job.returncode, said) == (143, "")


def test_what_is_ignored_at_the_start_stays_ignored(tmp_path):
    """As after nohup, whose programs outlive their terminal."""
    text = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + DEAF.replace(
        "time.sleep(60)", "time.sleep(0.5); sys.exit(3)"
    )
    job = started(text, tmp_path)
    job.send_signal(signal.SIGHUP)
    _, said = job.communicate(timeout=20)
    assert (job.returncode, said) == (3, "")


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGXCPU])
def test_other_words_for_the_end_of_the_time(number):
    assert interrupts.exit_code(number) == interrupts.TIME_IS_UP
    assert "goes on" in interrupts.words(number)


def test_further_signals_are_ignored_on_the_way_out():
    before = {number: signal.getsignal(number) for number in interrupts.ENDING}
    try:
        interrupts.ignore()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
