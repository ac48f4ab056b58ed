"""Measure the STZ solver: a forward run, the cost per cell on growing grids, memory.

    OMP_NUM_THREADS=1 python scripts/bench_shear.py [fourier|petsc] [sample|cells]
    OMP_NUM_THREADS=1 mpiexec -n 2 python scripts/bench_shear.py petsc

Grids grow with the sample (the default: cells of 12.5 Å), or have finer cells in the same box.
Compare the last line of the two PETSc runs for the gain of a second rank.  The first run
compiles, which hides memory: run it twice.
"""

import contextlib
import resource
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from mpi4py import MPI

from mdbridge.stz import initial
from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.equilibrium.projection import FourierProjection, Projection
from mdbridge.stz.forwardrun import TOLERANCE, Case, error_scales, forward, initial_state
from mdbridge.stz.frame import FRAMES
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.rates import Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.staggered import Domain, Grid, WholeGrid

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
SIZES = (128, 512)
WINDOW = (0.10, 0.25)  # strains between which a run is timed: yield is over, a band grows


def case_of(n: int, growing: str = "sample", seed: int = 1) -> Case:
    """A random field that varies over 50 Å: on cells of 12.5 Å, or means of one field in a box of 400 Å."""
    finest = n if growing == "sample" else SIZES[-1]
    box = 12.5 * n if growing == "sample" else 400.0
    chi = initial.random(Grid(finest, finest, box, box), 0.068, 0.004, 50.0, seed)
    means = chi.reshape(n, finest // n, n, finest // n).mean(axis=(1, 3))
    return Case(MATERIAL, means, Grid(n, n, box, box))


def forward_run() -> None:
    """32 × 32 to γ = 0.5 with 100 frames."""
    case = case_of(32)
    forward(case)
    times = [_timed(lambda: forward(case)) for _ in range(9)]
    low, middle, high = np.percentile(times, [0, 50, 100])
    print(f"forward run 32²: {middle:.3f} s ({low:.3f} to {high:.3f}), {forward(case).counts}")


def cost_per_cell(kind: str, growing: str, comm: MPI.Comm, parts: int = 15) -> None:
    """Runs at the default tolerance through WINDOW, the sizes in turn.

    Of the smaller size as many samples as have the cells of the larger one, one after another: what
    differs between samples, and the machine's mood from second to second, are averaged alike.  With
    finer cells it is the same sample each time.
    """
    spent: dict[int, list[tuple[float, int, int]]] = {n: [] for n in SIZES}
    with contextlib.ExitStack() as stack:
        _stepper(case_of(32), kind, comm, stack)  # what is compiled takes memory too
        steppers = {n: _flowing(n, kind, growing, comm, stack) for n in SIZES}
        for part in range(parts):
            end = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * (part + 1) / parts
            for n, samples in steppers.items():
                before = _work(samples)
                seconds = _timed(partial(_advance, samples, end), comm)
                spent[n].append((seconds / n**2 * 1e9, *(_work(samples) - before)))
    base = np.array(spent[SIZES[0]])
    for n in SIZES if comm.rank == 0 else ():
        cost = np.array(spent[n])
        print(f"{kind} {n}² ({growing}) on {comm.size} rank(s), per cell, and over {SIZES[0]}²:")
        for name, column in (("evaluation", 1), ("step", 2)):
            ratios = (cost[:, 0] / cost[:, column]) / (base[:, 0] / base[:, column])
            own, other = (each[:, 0].sum() / each[:, column].sum() for each in (cost, base))
            low, middle, high = np.percentile(ratios, [10, 50, 90])
            spread = f"in parts of the run {middle:.3f}, {low:.3f} to {high:.3f} for eight in ten"
            print(f"    {name:10s} {own:6.1f} ns, {own / other:.3f} times ({spread})")


def _work(steppers: list[Stepper]) -> np.ndarray:
    """Evaluations, and steps, rejected ones too, so far."""
    counts = [stepper.counts for stepper in steppers]
    return np.array([(one.evaluations, one.steps + one.rejected) for one in counts]).sum(axis=0)


def _flowing(n: int, kind: str, growing: str, comm: MPI.Comm, stack: contextlib.ExitStack) -> list[Stepper]:
    """Steppers at the beginning of WINDOW; prints the memory of all ranks (what they share, of each)."""
    count = (SIZES[-1] // n) ** 2
    before, seeds = _memory(), [1 if growing == "cells" else 1 + sample for sample in range(count)]
    steppers = [_stepper(case_of(n, growing, seed), kind, comm, stack) for seed in seeds]
    grown = comm.allreduce(_memory() - before) / 8 / n**2 / len(seeds)
    if comm.rank == 0:
        print(f"memory of {kind} {len(seeds)} × {n}² on {comm.size} rank(s): {grown:.0f} doubles per cell")
    return steppers


def _stepper(case: Case, kind: str, comm: MPI.Comm, stack: contextlib.ExitStack) -> Stepper:
    """At the beginning of WINDOW."""
    domain: Domain
    projection: Projection
    if kind == "petsc":
        domain, projection = stack.enter_context(krylov.shared(case.grid, MATERIAL, comm))
    else:
        domain = WholeGrid(case.grid)
        projection = FourierProjection(domain, MATERIAL)
    rates = Rates(MATERIAL, FRAMES["simple"](), 1e8, domain, projection)
    stepper = Stepper(rates, initial_state(case, domain), error_scales(case), TOLERANCE, domain)
    stepper.advance(WINDOW[0])
    return stepper


def _advance(steppers: list[Stepper], end: float) -> None:
    for one in steppers:
        one.advance(end)


def _memory() -> float:
    """Largest resident size so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _timed(work: Callable[[], object], comm: MPI.Comm = MPI.COMM_SELF) -> float:
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
