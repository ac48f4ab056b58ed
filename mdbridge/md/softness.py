"""How a glass at rest answers to a small shear, atom by atom: where it is soft.

The sample is taken to the nearest minimum of its energy, sheared homogeneously by a small
strain, and taken to a minimum again.  What its atoms have moved beyond the shear is the
nonaffine displacement; its square is large at soft spots [Falk, Langer, Phys. Rev. E 57,
7192 (1998); Tanguy et al., Europhys. Lett. 90, 16004 (2010)].
"""

from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from . import cuzr

Array = NDArray[np.float64]

FORCE = 1e-3
"""Largest force at a minimum (eV/Å)."""
ITERATIONS = 20_000
"""At most, to a minimum."""


def nonaffinity(
    comm: MPI.Comm, restart: Path, potential: Path, timestep: float, strain: float
) -> tuple[Array, Array, Array]:
    """Squared nonaffine displacement of each atom under ± ``strain`` (collective).

    Args:
        comm: the ranks that do it.
        restart: the glass at rest.
        potential: its EAM file.
        timestep: (ps); nothing moves in time, LAMMPS wants one.
        strain: small against yield.

    Returns:
        ``(N, 3)`` places at the minimum, from the corner of the box (Å); ``(N,)`` the mean over both signs of
        the squared displacement over the squared strain (Å²); ``(3,)`` the edges of the upright box (Å).

    Raises:
        ConvergenceError: a minimum was not found.
    """
    squares: list[Array] = []
    places, edges = np.zeros((0, 3)), np.zeros((3, 3))
    for sign in (1.0, -1.0):
        with cuzr.resume(comm, restart, potential, timestep) as session:
            session.minimize(FORCE, ITERATIONS)
            edges = session.box()
            places = session.gather("x", 3, unwrapped=True) - session.corner()
            session.commands(f"change_box all xy delta $({sign * strain!r}*ly) remap units box")
            # where the homogeneous shear alone would take them
            affine = places + sign * strain * places[:, 1:2] * np.array([1.0, 0.0, 0.0])
            session.minimize(FORCE, ITERATIONS)
            moved = session.gather("x", 3, unwrapped=True) - session.corner() - affine
            # all of it may slip: only what atoms do to each other counts
            moved -= moved.mean(axis=0)
            squares.append((moved**2).sum(axis=1) / strain**2)
    return places, np.mean(squares, axis=0), np.diag(edges).copy()


def window_means(
    places: Array, values: Array, box: Array, shape: tuple[int, int], window: float, cutoff: float
) -> Array:
    """Gaussian averages ``(ny, nx)`` of atoms' values at the centres of the cells of an upright periodic box.

    Args:
        places: ``(N, 2 or 3)`` from the corner of the box; atoms may lie beyond its edges.
        values: ``(N,)``.
        box: ``(2 or 3,)`` edges along x and y first.
        shape: cells along y and x.
        window: c of exp(−r²/2c²), r in the plane, [Kontolati2021, eq. 37].
        cutoff: where the window ends, in units of c.

    Raises:
        ValueError: a cell has no atom in its window.
    """
    ny, nx = shape
    y, x = (np.arange(ny) + 0.5) * box[1] / ny, (np.arange(nx) + 0.5) * box[0] / nx
    means = np.empty(shape)
    across = places[:, 0] - x[:, None]
    # the nearest image of each atom
    across -= box[0] * np.round(across / box[0])
    for row, height in enumerate(y):
        along = places[:, 1] - height
        along -= box[1] * np.round(along / box[1])
        squared = across**2 + along**2
        weight = np.where(squared < (cutoff * window) ** 2, np.exp(-0.5 * squared / window**2), 0.0)
        total = weight.sum(axis=1)
        if not (total > 0).all():
            raise ValueError(f"a window of {window:g} leaves cells without an atom")
        means[row] = weight @ values / total
    return means
