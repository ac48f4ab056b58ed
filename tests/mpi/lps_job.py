"""Started by test_lps_solver_mpi.py: solve, and let rank 0 write what it found.

Arguments: what to do ("solve" or "cut"), the file to write.
"""

import sys

import numpy as np
from mpi4py import MPI

from mdbridge.core.parallel import run_main
from mdbridge.lps import solver
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

MATERIAL = LinearPeridynamicSolid(Bernstein(20.0, np.array([-1.4, -0.8, 2.8, 1.0]), (1.0,)), -0.197, 0.722)
SMOOTH = LinearPeridynamicSolid(Bernstein(20.0, np.array([1.0]), (1.0,)), -0.197, 0.722)
CONE = LinearPeridynamicSolid(Bernstein(20.0, np.array([1.0, 0.0]), (0.0,)), -0.197, 0.722, None, "isotropic")


def grid(count: int, perturbation: float = 0.0) -> np.ndarray:
    """``count²`` points 5 Å apart around the origin, perturbed by a fraction of that."""
    axis = 5.0 * (np.arange(count) - count // 2)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return points + 5 * np.random.default_rng(1).uniform(-perturbation, perturbation, points.shape)


def solve(comm: MPI.Comm, path: str) -> int:
    """A periodic, a uniform Dirichlet and a scattered Dirichlet problem."""
    random = np.random.default_rng(2)
    points, box = grid(14), np.array([70.0, 70.0])
    periodic = solver.solve_periodic(
        comm, points, box, MATERIAL, random.standard_normal((2, 196, 2)), imbalance=1.0
    )
    arrays = [periodic.displacement]
    for material, perturbation in ((MATERIAL, 0.0), (SMOOTH, 0.2), (CONE, 0.2)):
        points = grid(27, perturbation)
        free = np.hypot(*points.T) < 22
        loads, collar = random.standard_normal((2, 1, len(points), 2))
        solution = solver.solve_dirichlet(comm, points, free, material, loads, collar)
        image = solver.apply(comm, points, material, solution.displacement, at=free)
        arrays += [solution.displacement, image, np.array(list(solution.moduli.values()))]
    if comm.rank == 0:
        np.savez(path, *arrays)
    return 0


def cut(comm: MPI.Comm, path: str) -> int:
    """A cloud that ends too early, at a side that only one rank sees."""
    points = grid(27)
    free = np.hypot(*points.T) < 22
    points, free = points[points[:, 0] < 50], free[points[:, 0] < 50]
    none = np.zeros((1, len(points), 2))
    solver.solve_dirichlet(comm, points, free, MATERIAL, none, none)
    return 0


if __name__ == "__main__":
    world = MPI.COMM_WORLD
    run_main(world, lambda: {"solve": solve, "cut": cut}[sys.argv[1]](world, sys.argv[2]))
