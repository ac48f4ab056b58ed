"""Started by test_stz_mpi.py: forward runs on all ranks, written by rank 0.

Arguments: "run" or "fail", the file to write.
"""

import sys

import numpy as np
from mpi4py import MPI

from mdbridge.parallel import run_main
from mdbridge.stz import initial, krylov, scheme
from mdbridge.stz.grid import Grid
from mdbridge.stz.model import Material
from mdbridge.stz.solver import Case, forward

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)


def main(task: str, path: str) -> int:
    comm = MPI.COMM_WORLD
    found = {}
    if task == "fail":
        scheme.Stepper.smallest_step = 2e-3
    for boundary in ("periodic", "clamped"):
        grid = Grid(21, 18, boundary=boundary)
        chi = initial.random(grid, 0.07, 0.004, 40.0, seed=1)
        tolerance = 1e-9 if task == "fail" else 1e-4
        case = Case(MATERIAL, chi, grid, max_strain=0.16, frames=8, fields_at=[4, 8], tolerance=tolerance)
        with krylov.shared(grid, MATERIAL, comm) as (domain, projection):
            result = forward(case, domain, projection)
        for name in ("shear_stress", "exy", "chi", "velocity", "stress"):
            found[f"{boundary}_{name}"] = getattr(result, name)
    if comm.rank == 0:
        np.savez(path, **found)
    return 0


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, lambda: main(*sys.argv[1:]))
