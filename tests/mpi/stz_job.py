"""Started by test_stz_mpi.py: forward runs on all ranks, or transforms, written by rank 0.

Arguments: "run", "reversed", "fail" or "exchange", the file to write.
"""

import sys

import numpy as np
from mpi4py import MPI

from mdbridge.core.parallel import run_main
from mdbridge.stz import initial, scheme
from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.equilibrium.distributed import DistributedColumns, DistributedGrid
from mdbridge.stz.equilibrium.fourier import Columns, SpectralSolver, WholeRows
from mdbridge.stz.forwardrun import Case, forward
from mdbridge.stz.frame import inverse
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.referencemap import ReferenceMap
from mdbridge.stz.staggered import Grid, ghosted, owned

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)


def exchanged(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """By both ways: the spectrum along x of a random field, the field back, what is solved and smoothed."""
    grid, gathered = Grid(21, 18), {}
    domain = DistributedGrid(grid, comm)
    whole = np.random.default_rng(5).random((2, 18, 21))
    rows = np.ascontiguousarray(whole[:, domain.origin[0] : domain.origin[0] + domain.shape[0]])
    for way in ("memory", "messages"):
        columns, back = DistributedColumns(domain, by_messages=way == "messages"), np.empty_like(rows)
        for count in (2, 1, 2):
            spectrum = columns.forward(rows[:count])
            mine = np.array(spectrum[..., columns.mine])
            columns.backward(spectrum, back[:count])
        parts = comm.gather((columns.first, mine))
        gathered[f"{way}_back"] = domain.gather(back)
        if parts is not None:
            gathered[f"{way}_spectrum"] = np.concatenate([part for _, part in parts], axis=2)
            gathered[f"{way}_first"] = np.array([first for first, _ in parts])
        for boundary in ("periodic", "clamped"):
            gathered[f"{way}_{boundary}"] = domain.gather(solved(boundary, columns, rows))
    for boundary in ("periodic", "clamped"):
        gathered[boundary] = solved(boundary, WholeRows(grid), whole)
    return gathered | {"whole": whole}


def solved(boundary: str, columns: Columns, rows: np.ndarray) -> np.ndarray:
    """The velocity of a force, and its first component smoothed."""
    matrix, velocity = np.array([[1.0, 0.3], [0.0, 1.0]]), np.empty_like(rows)
    solver = SpectralSolver(Grid(21, 18, boundary=boundary), MATERIAL, columns)
    solver.solve(rows, matrix, inverse(matrix), velocity)
    smooth = velocity[0].copy()
    solver.smooth(smooth, np.eye(2), 1e-3)
    return np.concatenate([velocity, smooth[None]])


def main(task: str, path: str) -> int:
    comm = MPI.COMM_WORLD
    tasks = {"exchange": exchanged, "reversed": reversed_run}
    arrays = tasks[task](comm) if task in tasks else forward_runs(task, comm)
    if comm.rank == 0:
        np.savez(path, **arrays)
    return 0


def forward_runs(task: str, comm: MPI.Comm) -> dict[str, np.ndarray]:
    """Fields of a periodic and a clamped run."""
    fields = {}
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
            fields[f"{boundary}_{name}"] = getattr(result, name)
        fields[f"{boundary}_map"] = carried(DistributedGrid(grid, comm))
    return fields


def reversed_run(comm: MPI.Comm) -> dict[str, np.ndarray]:
    """There at 1 /s, where relaxation is slowed, and back a little faster."""
    grid = Grid(12, 10)
    chi = initial.random(grid, 0.07, 0.004, 60.0, seed=1)
    case = Case(MATERIAL, chi, grid, strains=(0.056, -0.05), rates=(1.0, 100.0), frames=2, fields_at=[2, 4])
    with krylov.shared(grid, MATERIAL, comm) as (domain, projection):
        result = forward(case, domain, projection)
    return {name: getattr(result, name) for name in ("gamma", "dev_stress", "chi", "stress", "exy")}


def carried(domain: DistributedGrid) -> np.ndarray | None:
    """The reference map after two steps in each of which the flow crosses three cells."""
    grid, (row, _), (rows, _) = domain.grid, domain.origin, domain.shape
    clamped = grid.boundary == "clamped"
    carrier = ReferenceMap(domain, clamped and row == 0, clamped and row + rows == grid.ny)
    whole = np.random.default_rng(7).standard_normal((2, grid.ny, grid.nx))
    if clamped:
        whole[:, 0] = 0.0  # the plate
    velocity = ghosted(2, domain.shape)
    owned(velocity)[...] = whole[:, row : row + rows]
    domain.fill(velocity)
    for _ in range(2):
        carrier.carry(0.1, velocity, -0.5 * velocity, 3.0)
    return domain.gather(owned(carrier.displacement))


if __name__ == "__main__":
    run_main(MPI.COMM_WORLD, lambda: main(*sys.argv[1:]))
