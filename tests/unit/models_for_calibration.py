"""Models that misbehave; started by the tests of calibrate and of its campaign."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def line(a, b, points=8, mode="", slow=0.0):
    """a + b t, and a field; does ``mode`` where a > 0.7."""
    time.sleep(slow)
    if a > 0.7:
        misbehave(mode)
        if mode == "nan":
            a = np.nan
    sys.stdout.write("a model may print\n")
    t = np.linspace(0.0, 1.0, points)
    x, y = np.meshgrid(t, t[:5])
    return {"curve": a + b * t, "field": np.array([np.sin(3 * a * x + y), 1.0 + b * x * y])}


line.shapes = lambda points=8, **others: {"curve": (points,), "field": (2, 5, points)}

NOT_CALLABLE = 3


def misbehave(mode):
    """Fail in one of many ways."""
    if mode == "raise":
        raise RuntimeError("a is too large")
    if mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "abort":
        sys.stderr.write("FATAL: the licence is gone\n")
        os.abort()
    if mode == "exit":
        sys.exit(3)
    if mode == "_exit":
        os._exit(0)
    if mode == "hang":
        time.sleep(1000)


def never(a, b, **options):
    """Fails everywhere."""
    raise RuntimeError("no luck")


def nothing_like(response, reference):
    """A user's term that has no value."""
    return np.nan


def start_program(seconds, how):
    """Start a program that outlives a careless model, then do as ``how`` says."""
    command = [sys.executable, "-c", f"import time; time.sleep({seconds})"]
    if how == "daemon":  # a session of its own, and no parent any more
        script = f"import subprocess, sys; subprocess.Popen({command!r}, start_new_session=True)"
        subprocess.run([sys.executable, "-c", script], check=True)
    else:
        subprocess.Popen(command)
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "fork" and os.fork() == 0:  # holds all that this process has open
        time.sleep(seconds)
        os._exit(0)
    if how == "return":
        return os.getpid()
    if how == "fork":
        os._exit(4)
    time.sleep(seconds)
    return None


def hold_the_interpreter(seconds):
    """Compiled code that never lets Python run: no signal handler, no thread."""
    import ctypes

    ctypes.PyDLL(None).sleep(seconds)


def echo(*values):
    """What it is given."""
    return values


def say(text, many=1):
    """Print, and fail."""
    sys.stdout.write(text * many)
    raise ValueError("no")


def close_output():
    sys.stdout.close()
    sys.stderr = object()
    return 1


def read_input():
    """A program that asks gets nothing."""
    return sys.stdin.read()


def fork_and_leave():
    """A child that leaves by an exception must not go on answering."""
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    return "parent"


class Slow:
    """Takes its time to get ready."""

    def __init__(self, seconds):
        self.seconds = seconds

    def prepare(self):
        """Imports, say."""
        time.sleep(self.seconds)

    def __call__(self):
        """Answer at once."""
        return "ready"


class Unwilling:
    """Cannot be imported, as it were."""

    def prepare(self):
        """No seat."""
        raise RuntimeError("LICENSE ERROR -18")

    def __call__(self):
        """Is never called."""
        return "called"


def echo_mapping(response):
    """What it is given, as a response."""
    return response


def rewrite(name, text):
    """What stood in a file that is then written anew, as programs with fixed file names do."""
    before = Path(name).read_text()
    Path(name).write_text(text)
    return before
