"""The STZ solver: runs on growing grids, at low rates, through a reversal; beside the published code."""

import os
import resource
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace

from mpi4py import MPI

from mdbridge.stz import initial
from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.forwardrun import Case, forward
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid

from .rows import Job, Row, gigabytes, timed

TITLE = "Metallic glass: one STZ run"
NOTE = (
    "A random field on cells of 12.5 Å; to γ = 0.5 with 100 frames at 32², to 0.1 on other grids. The "
    "published C++ code runs its own 32² example, where STZ_PUBLISHED holds the command that starts it."
)
MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
OURS, PUBLISHED = "mdbridge", "the published C++ code"
# the command of the published code, if it is installed: it comes without a package
COMMAND = "STZ_PUBLISHED"


def jobs(quick: bool) -> list[Job]:
    """The runs, in the order of the table."""
    if quick:
        return [Job(("16", "1e8")), Job(("16", "1.0")), Job(("published",))]
    sizes = [Job((str(n), "1e8"), ranks) for n in (32, 128, 512) for ranks in (1, 2)[: 1 + (n > 32)]]
    return [
        sizes[0],
        Job(("published",)),
        Job(("32", "1.0")),
        Job(("32", "1e-3")),
        Job(("32", "1e8", "cycle")),
        *sizes[1:],
    ]


def measure(comm: MPI.Comm, arguments: Sequence[str], rounds: int) -> list[Row]:
    """A run on all ranks of ``comm``; the published one by itself."""
    if arguments[0] == "published":
        return [published()]
    n, rate, cyclic = int(arguments[0]), float(arguments[1]), "cycle" in arguments
    case = case_of(n, rate)
    if cyclic:
        case = replace(case, strains=(0.25, -0.25, 0.25))
    with krylov.shared(case.grid, MATERIAL, comm) as (domain, projection):
        # one rank has the exact inverse without PETSc
        solver = (domain, projection) if comm.size > 1 else (None, None)
        forward(replace(case, max_strain=1e-3, strains=None, frames=1, fields_at=[1]), *solver)  # compiles
        counts: list[int] = []

        def work() -> None:
            counts.append(forward(case, *solver).counts.evaluations)

        # larger ones take long enough to be one of a round
        took = [timed(comm, work) for _ in range(rounds if n <= 32 else 1)]
    group = f"{n}², {rate:g} /s" + (", to 0.25, −0.25 and 0.25" if cyclic else f", to {case.max_strain:g}")
    return [
        Row(
            group,
            OURS,
            [busy for busy, _ in took],
            [wall for _, wall in took],
            comm.size,
            gigabytes(comm),
            comm.size == 1,
            f"{counts[-1]} evaluations",
        )
    ]


def case_of(n: int, rate: float = 1e8, seed: int = 1) -> Case:
    """A random field that varies over 50 Å, on cells of 12.5 Å."""
    grid = Grid(n, n, 12.5 * n, 12.5 * n)
    chi = initial.random(grid, 0.068, 0.004, 50.0, seed)
    strain = 0.5 if n == 32 else 0.1
    return Case(MATERIAL, chi, grid, rate=rate, max_strain=strain, fields_at=[100])


def published() -> Row:
    """The command of :data:`COMMAND`, in a folder of its own; processor time of its processes."""
    group = "32², 1e+08 /s, to 0.5"
    command = os.environ.get(COMMAND)
    if not command:
        return Row(group, PUBLISHED, note=f"not installed: {COMMAND} names no command")
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        job = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, check=False)
    took, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    if job.returncode:
        return Row(group, PUBLISHED, note=f"{COMMAND} ended with {job.returncode}")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(group, PUBLISHED, [busy], [took])
