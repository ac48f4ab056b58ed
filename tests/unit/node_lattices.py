"""Square lattices of nodes about the origin, as they are or moved a little, for several tests."""

import numpy as np


def grid(count=21, spacing=(5.0, 5.0), perturbation=0.0):
    """``(count², 2)`` nodes, each moved by up to ``perturbation`` along both axes."""
    axes = [h * (np.arange(count) - count // 2) for h in spacing]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return points + np.random.default_rng(0).uniform(-perturbation, perturbation, points.shape)


def middle(points, radius=10.0):
    """The nodes within ``radius`` of the origin."""
    return np.flatnonzero(np.hypot(*points.T) < radius)
