"""A model in a few lines, to show what can be calibrated: a damped spring, and heat in a plate."""

import numpy as np


def respond(stiffness, damping, width, points=60):
    """Displacement of a unit mass let go at 1, and a hot spot whose shape depends on ``width``."""
    if damping**2 >= 4 * stiffness:
        raise ValueError("overdamped")  # recorded as failed, and avoided
    t = np.linspace(0.0, 10.0, points)
    omega = np.sqrt(stiffness - damping**2 / 4)
    x, y = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 16))
    spots = [np.exp(-((x - k * y) ** 2 + y**2) / width**2) for k in (0.2, 0.8)]
    return {"displacement": np.exp(-damping * t / 2) * np.cos(omega * t), "heat": np.array(spots)}


def late(response, reference):
    """A user's own term: how far the second half of the curve is off at worst."""
    half = len(reference["displacement"]) // 2
    return np.abs(response["displacement"] - reference["displacement"])[half:].max()
