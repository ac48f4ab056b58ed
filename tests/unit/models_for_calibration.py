"""Models that misbehave; started by test_calibrate_evaluate.py and the workflow's tests."""

import os
import signal
import sys
import time

import numpy as np


def line(a, b, points=8, mode="", slow=0.0):
    """a + b t, and a field; does ``mode`` where a > 0.7."""
    time.sleep(slow)
    if a > 0.7:
        if mode == "raise":
            raise RuntimeError("a is too large")
        if mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "exit":
            sys.exit(3)
        if mode == "hang":
            time.sleep(1000)
        if mode == "nan":
            a = np.nan
    sys.stdout.write("a model may print\n")
    t = np.linspace(0.0, 1.0, points)
    x, y = np.meshgrid(t, t[:5])
    return {"curve": a + b * t, "field": np.array([np.sin(3 * a * x + y), 1.0 + b * x * y])}


line.shapes = lambda points=8, **others: {"curve": (points,), "field": (2, 5, points)}

NOT_CALLABLE = 3


def never(a, b, **options):
    """Fails everywhere."""
    raise RuntimeError("no luck")


def nothing_like(response, reference):
    """A user's term that has no value."""
    return np.nan
