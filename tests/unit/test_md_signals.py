"""Signals that arrive while LAMMPS runs: held, and delivered where nothing is lost."""

import os
import signal
import subprocess
import threading

import pytest

from mdbridge.md.signals import Signals, quiet_pipes


@pytest.fixture
def told():
    """Numbers of the signals that reached the program's own handlers."""
    arrived = []
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda n, _: arrived.append(n))
    yield arrived
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


def test_both_signals_are_held_and_delivered_in_order_after_the_block(told):
    signals = Signals()
    with signals.held():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
            send(number)
        assert told == []
    assert told == [signal.SIGINT, signal.SIGTERM, signal.SIGTERM]
    send(signal.SIGINT)  # the program's own handler is back
    assert len(told) == 4


def test_what_was_delivered_within_the_block_is_not_delivered_again(told):
    signals = Signals()
    with signals.held():
        send(signal.SIGINT)
        signals.deliver()
        assert told == [signal.SIGINT]
    assert told == [signal.SIGINT]


def test_ctrl_c_is_raised_after_the_block_although_that_failed():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught, Signals().held():
            send(signal.SIGINT)
            raise ValueError("of the block")
        assert isinstance(caught.value.__context__, ValueError)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_raises_leaves_the_rest_for_the_next_delivery(told):
    signals = Signals()

    def fail(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, fail)
    with pytest.raises(KeyboardInterrupt), signals.held():
        send(signal.SIGINT)
        send(signal.SIGTERM)
    assert told == []
    signals.deliver()
    assert told == [signal.SIGTERM]


def test_a_signal_that_the_program_ignores_stays_ignored(told):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Signals().held():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert told == []


def test_outside_the_main_thread_nothing_is_held(told):
    """There Python runs no handlers, and setting one is an error."""
    seen, before = [], signal.getsignal(signal.SIGINT)

    def work():
        with Signals().held():
            seen.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_blocks_within_blocks_hold_until_the_outer_one_is_over(told):
    signals = Signals()
    with signals.held():
        with signals.held():
            send(signal.SIGINT)
        assert told == []
    assert told == [signal.SIGINT]


def test_a_program_whose_words_are_read_no_further_ends_without_one():
    def unread():
        """What a program that writes for ever says in the end."""
        with subprocess.Popen(
            "yes", stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=False
        ) as program:
            program.stdout.readline()
            program.stdout.close()
            return program.stderr.read()

    before = signal.getsignal(signal.SIGPIPE)
    assert b"pipe" in unread()
    with quiet_pipes():
        assert unread() == b""
        # of this program a closed pipe is the error that it was
        read, write = os.pipe()
        os.close(read)
        with pytest.raises(BrokenPipeError):
            os.write(write, b"more")
        os.close(write)
    assert signal.getsignal(signal.SIGPIPE) == before
