"""Measure the STZ solver: a forward run, cost per cell, the PETSc projection, memory.

    OMP_NUM_THREADS=1 python scripts/bench_shear.py
    OMP_NUM_THREADS=1 mpiexec -n 2 python scripts/bench_shear.py

Alone it measures the Fourier path too; on several ranks the PETSc projection only.
"""

import resource
import time

import numpy as np
from mpi4py import MPI

from mdbridge.stz import initial, krylov
from mdbridge.stz.frame import FRAMES, SimpleShear
from mdbridge.stz.grid import Grid, WholeGrid, owned
from mdbridge.stz.model import Material
from mdbridge.stz.projection import FourierProjection
from mdbridge.stz.rates import Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.solver import Case, forward, initial_state

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)


def forward_run() -> None:
    """32 × 32 to γ = 0.5 with 100 frames."""
    grid = Grid()
    case = Case(MATERIAL, initial.random(grid, 0.068, 0.004, 50.0, seed=1), grid)
    forward(case)
    times = [_timed(lambda: forward(case)) for _ in range(5)]
    counts = forward(case).counts
    print(f"forward run 32²: {min(times):.3f} s, {counts}")


def cost_per_cell(sizes: tuple[int, ...], rounds: int = 10) -> None:
    """Nanoseconds per cell, evaluation and step in a flowing state, the sizes in turn."""
    samples: dict[int, list[tuple[float, float]]] = {n: [] for n in sizes}
    steppers = {n: _flowing(n) for n in sizes}
    for _ in range(rounds):
        for n, stepper in steppers.items():
            steps, count = max(1, (512 // n) ** 2), stepper.counts.evaluations
            start = time.perf_counter()
            stepper.advance_uniformly(stepper.gamma + steps * 3e-4, steps)
            seconds = time.perf_counter() - start
            evaluations = stepper.counts.evaluations - count
            samples[n].append((seconds / evaluations / n**2 * 1e9, seconds / steps / n**2 * 1e9))
    costs = {n: np.array(values) for n, values in samples.items()}
    for n, cost in costs.items():
        low, middle, high = np.percentile(cost[:, 0] / costs[sizes[0]][:, 0], [25, 50, 75])
        print(
            f"rates {n}²: {np.median(cost[:, 0]):.1f} ns per cell and evaluation, "
            f"{np.median(cost[:, 1]):.0f} per cell and step; per evaluation {middle:.3f} times "
            f"that at {sizes[0]}² (quartiles {low:.3f}, {high:.3f})"
        )


def _flowing(n: int) -> Stepper:
    """A stepper just beyond yield; prints the memory it took."""
    grid = Grid(n, n)
    domain = WholeGrid(grid)
    case = Case(MATERIAL, initial.random(grid, 0.068, 0.004, 50.0, seed=1), grid)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rates = Rates(MATERIAL, FRAMES["simple"](), 1e8, domain, FourierProjection(domain, MATERIAL))
    stepper = Stepper(rates, initial_state(case, domain), np.ones(7), 1e-3, domain)
    stepper.advance(0.09)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 8 / n**2
    print(f"memory {n}²: {grown:.0f} doubles per cell")
    return stepper


def petsc_projection(n: int, comm: MPI.Comm) -> None:
    """A solve from zero velocity, and one from that of a nearby force, as in a run."""
    grid, matrix = Grid(n, n), SimpleShear().matrix(0.2)
    random = np.random.default_rng(1).standard_normal((2, 2, n, n))
    random -= random.mean(axis=(2, 3), keepdims=True)
    board = 1 - 2 * (np.indices((n, n)).sum(axis=0) % 2)
    random -= board * (random * board).mean(axis=(2, 3), keepdims=True)
    with krylov.shared(grid, MATERIAL, comm) as (domain, projection):
        (row, column), (rows, columns) = domain.origin, domain.shape
        force, other = random[:, :, row : row + rows, column : column + columns]
        velocity = np.zeros((2, rows + 4, columns + 4))
        made = _timed(lambda: projection.solve(force.copy(), matrix, velocity), comm)
        owned(velocity)[...] = 0.0
        cold = _timed(lambda: projection.solve(force.copy(), matrix, velocity), comm)
        cold_count = projection.iterations
        warm = _timed(lambda: projection.solve(force + 1e-3 * other, matrix, velocity), comm)
        if comm.rank == 0:
            print(
                f"PETSc projection {n}² on {comm.size} ranks: first {made:.2f} s, from zero {cold:.3f} s "
                f"({cold_count} iterations), from near {warm:.3f} s ({projection.iterations})"
            )


def _timed(work, comm: MPI.Comm = MPI.COMM_SELF) -> float:
    comm.Barrier()
    start = time.perf_counter()
    work()
    comm.Barrier()
    return time.perf_counter() - start


if __name__ == "__main__":
    world = MPI.COMM_WORLD
    if world.size == 1:
        forward_run()
        cost_per_cell((128, 512))
    for n in (128, 512):
        petsc_projection(n, world)
