"""Measure the STZ solver: a forward run, the cost per cell on growing grids, memory.

    OMP_NUM_THREADS=1 python scripts/bench_shear.py [fourier|petsc] [sample|cells]
    OMP_NUM_THREADS=1 mpiexec -n 2 python scripts/bench_shear.py petsc

Grids grow with the sample (the default: cells of 12.5 Å), or have finer cells in the same box.
Compare the last line of the two PETSc runs for the gain of a second rank.
"""

import contextlib
import resource
import sys
import time

import numpy as np
from mpi4py import MPI

from mdbridge.stz import initial, krylov
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.grid import Grid, WholeGrid
from mdbridge.stz.model import Material
from mdbridge.stz.projection import FourierProjection
from mdbridge.stz.rates import Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.solver import TOLERANCE, Case, error_scales, forward, initial_state

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
SIZES = (128, 512)
WINDOW = (0.10, 0.25)  # strains between which a run is timed: yield is over, a band grows


def case_of(n: int, growing: str = "sample") -> Case:
    """A random field that varies over 50 Å, on cells of 12.5 Å or in a box of 400 Å."""
    box = 400.0 if growing == "cells" else 12.5 * n
    grid = Grid(n, n, box, box)
    return Case(MATERIAL, initial.random(grid, 0.068, 0.004, 50.0, seed=1), grid)


def forward_run() -> None:
    """32 × 32 to γ = 0.5 with 100 frames."""
    case = case_of(32)
    forward(case)
    times = [_timed(lambda: forward(case)) for _ in range(9)]
    low, middle, high = np.percentile(times, [0, 50, 100])
    print(f"forward run 32²: {middle:.3f} s ({low:.3f} to {high:.3f}), {forward(case).counts}")


def cost_per_cell(kind: str, growing: str, comm: MPI.Comm, rounds: int = 5) -> None:
    """A run at the default tolerance through WINDOW, the sizes in turn."""
    samples: dict[int, list[tuple[float, int, int]]] = {n: [] for n in SIZES}
    with contextlib.ExitStack() as stack:
        steppers = {n: _flowing(case_of(n, growing), kind, comm, stack) for n in SIZES}
        for part in range(rounds):
            for n, stepper in steppers.items():
                counts = (stepper.counts.steps + stepper.counts.rejected, stepper.counts.evaluations)
                end = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * (part + 1) / rounds
                seconds = _timed(lambda s=stepper, e=end: s.advance(e), comm)
                steps = stepper.counts.steps + stepper.counts.rejected - counts[0]
                evaluations = stepper.counts.evaluations - counts[1]
                samples[n].append((seconds / n**2 * 1e9, evaluations, steps))
    base = np.array(samples[SIZES[0]])
    for n in SIZES if comm.rank == 0 else ():
        cost = np.array(samples[n])
        print(
            f"{kind} {n}² ({growing}) on {comm.size} rank(s), per cell, and over {SIZES[0]}² (part by part):"
        )
        for name, column in (("evaluation", 1), ("step", 2)):
            parts = (cost[:, 0] / cost[:, column]) / (base[:, 0] / base[:, column])
            own, other = (each[:, 0].sum() / each[:, column].sum() for each in (cost, base))
            spread = f"({parts.min():.3f} to {parts.max():.3f})"
            print(f"    {name:10s} {own:6.1f} ns, {own / other:.3f} times {spread}")


def _flowing(case: Case, kind: str, comm: MPI.Comm, stack: contextlib.ExitStack) -> Stepper:
    """A stepper at the beginning of WINDOW; prints the memory it took on all ranks."""
    n, before = case.grid.nx, _memory()
    if kind == "petsc":
        domain, projection = stack.enter_context(krylov.shared(case.grid, MATERIAL, comm))
    else:
        domain = WholeGrid(case.grid)
        projection = FourierProjection(domain, MATERIAL)
    rates = Rates(MATERIAL, FRAMES["simple"](), 1e8, domain, projection)
    stepper = Stepper(rates, initial_state(case, domain), error_scales(case), TOLERANCE, domain)
    stepper.advance(WINDOW[0])
    grown = comm.allreduce(_memory() - before) / 8 / n**2
    if comm.rank == 0:
        print(f"memory of {kind} {n}² on {comm.size} rank(s): {grown:.0f} doubles per cell")
    return stepper


def _memory() -> float:
    """Largest resident size so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _timed(work, comm: MPI.Comm = MPI.COMM_SELF) -> float:
    comm.Barrier()
    start = time.perf_counter()
    work()
    comm.Barrier()
    return time.perf_counter() - start


if __name__ == "__main__":
    chosen, growing = (*sys.argv[1:3], *("fourier", "sample")[len(sys.argv) - 1 :])
    if len(sys.argv) > 3 or chosen not in ("fourier", "petsc") or growing not in ("sample", "cells"):
        sys.exit(__doc__)
    if chosen == "fourier":
        forward_run()
    cost_per_cell(chosen, growing, MPI.COMM_WORLD)
