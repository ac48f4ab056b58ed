"""Started by test_lps_bodies_mpi.py: bodies in equilibrium, and let rank 0 write what it found.

Arguments: what to do ("solve" or "mechanism"), the file to write.
"""

import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from mdbridge.core.parallel import run_main
from mdbridge.lps import bodies, elements, geometry

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import bodies_for_tests as made


def pressure(places: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Not uniform, and even in x and y."""
    return 1e-6 * (1 + places[:, :1] ** 2) * normals


def solve(comm: MPI.Comm, path: str) -> int:
    """A plate with a hole without supports, an L that is clamped, scattered nodes on rollers."""
    results = []
    for body, held in (
        (made.plate_with_hole(), None),
        (made.l_shape(), [True, True]),
        (made.scattered(30), [True, False]),
    ):
        solid = made.material(3.5, made.SIGN_CHANGING, 0.5, quadrature="isotropic")
        displacement = np.full(body.points.shape, np.nan)
        x = body.points[:, 0]
        if held is not None:
            displacement[np.ix_(x < x.min() + 0.5, held)] = 0.0
        outer = np.flatnonzero(body.facet_kind == geometry.OUTLINE)
        # in balance by its symmetry where nothing holds the body
        load = elements.facet_loads(body, outer, pressure)
        result = bodies.solve_body(
            comm,
            body,
            solid,
            displacement=displacement,
            body_load=0 * body.points,
            facet_load=load,
            rtol=1e-12,
        )
        results += [result.displacement, result.residual]
    if comm.rank == 0:
        np.savez(path, *results)
    return 0


def mechanism(comm: MPI.Comm, path: str) -> int:
    """Loads that nothing holds."""
    body = made.plate_with_hole()
    push = np.tile([1e-3, 0.0], (len(body.points), 1))
    free = np.full(body.points.shape, np.nan)
    bodies.solve_body(comm, body, made.material(), displacement=free, body_load=push)
    return 0


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, lambda: globals()[sys.argv[1]](MPI.COMM_WORLD, sys.argv[2]))
