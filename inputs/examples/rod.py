"""A parallel program: the temperature of a heated rod as a sine series, each rank with terms of its own."""

import sys

import numpy as np
from mpi4py import MPI


def main(diffusivity, source, points=21, time=0.05):
    """Print the temperature at equally spaced points, from rank 0."""
    world = MPI.COMM_WORLD
    x = np.linspace(0.0, 1.0, points)
    # −D T'' = s on the ends held at zero, started cold
    mine = np.zeros(points)
    for k in range(1 + 2 * world.rank, 60, 2 * world.size):
        rate = diffusivity * (k * np.pi) ** 2
        mine += 4.0 * source / (k * np.pi) / rate * (1.0 - np.exp(-rate * time)) * np.sin(k * np.pi * x)
    whole = world.reduce(mine, root=0)
    if world.rank == 0:
        sys.stdout.write(" ".join(map(repr, whole.tolist())) + "\n")


main(float(sys.argv[1]), float(sys.argv[2]))
