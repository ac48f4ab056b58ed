"""``--dry-run`` of a glass campaign: steps, memory and time, from a short timed run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpi4py import MPI
from rich.table import Table

from ...core import demand, parallel, scratch
from ...core.console import console
from ...md import cuzr, localyield, setup
from ...md.session import Session
from .. import demands
from . import plan
from .frames import Times, attach_observers
from .input import LATTICE, GlassInput
from .plan import Segment
from .stages import read

REPLICA = 4000
"""Most atoms a rank of the timed replica."""
MINIMUM = 500
"""Evaluations of the forces to a minimum, about."""
YIELD = 900
"""The same until a cylinder has yielded."""


@dataclass(frozen=True)
class Timing:
    """A short run: atoms, seconds a step without and with observers, bytes an atom on all ranks."""

    atoms: int
    plain: float
    observed: float
    bytes_per_atom: float


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Tell what a campaign would take; ``out`` is left alone (collective).

    Raises:
        InputError: as the run itself would.
    """
    config, material, _ = parallel.on_root(comm, lambda: read(source, overrides))
    demand.require(comm, demands.glass(config))
    run(comm, config, material, source)


def run(comm: MPI.Comm, config: GlassInput, material: Path, source: Path) -> None:
    """Print the steps, the memory and the time that the campaign takes on these ranks (collective)."""
    # LAMMPS's log of a script goes somewhere, and there need be no output folder yet
    with scratch.shared(comm) as out:
        _run(comm, config, material, source, out)


def _run(comm: MPI.Comm, config: GlassInput, material: Path, source: Path, out: Path) -> None:
    segments = [
        *plan.preparation(config, material),
        *plan.production(config, material, source, out),
    ]
    if config.md.script is None:
        timing = _time_replica(comm, config, material)
        atoms = 2 * int(np.prod(config.md.cells))
    else:
        timing = _time_script(comm, config, segments[0])
        atoms = timing.atoms
    steps: dict[str, int] = {}
    for segment in segments:
        # with what Monte Carlo moves cost between the steps
        steps[segment.stage] = steps.get(segment.stage, 0) + round(segment.evaluations)
    if config.md.script is None:
        # ± shear and ± volume
        steps["moduli"] = 4 * round(config.md.modulus_ps / config.md.timestep_ps)
        steps |= {name: _evaluations(name, config) for name in config.measured}
    _print(comm, config, timing, atoms, steps, {s.stage for s in segments if s.observed})


def _evaluations(test: str, config: GlassInput) -> int:
    """About what a test of the glass at rest takes, in evaluations of all forces."""
    if test == "nonaffinity":
        # ± shear, a minimum before and after
        return 4 * MINIMUM
    box = LATTICE * np.array(config.md.cells)
    part = np.pi * (0.5 * localyield.smallest_edge()) ** 2 / (box[0] * box[1])
    return round(len(localyield.lattice(box)) * part * YIELD)


def _time_replica(comm: MPI.Comm, config: GlassInput, material: Path) -> Timing:
    """The campaign's own crystal, cut down to a size that a short run can time, and sheared."""
    md, observe = config.md, config.observe
    cells = np.array(md.cells)
    # two atoms a cell; thinner along the longer of the two edges in the plane, never along the third,
    # which the windows average over
    while 2 * cells.prod() > REPLICA * comm.size and cells[:2].max() > 6:
        cells[np.argmax(cells[:2])] -= 1
    # nodes as far from each other as in the whole: an atom then meets as many in its windows
    grid = [
        max(4, round(n * part / all)) for n, part, all in zip(observe.grid, cells, md.cells, strict=False)
    ]
    config = config.model_copy(update={"observe": observe.model_copy(update={"grid": grid})})
    with cuzr.crystal(comm, tuple(cells), md.temperature_K, md.seed, material, md.timestep_ps) as session:
        cuzr.in_shear(session, md.temperature_K, config.shear.rate_per_ps, begin=True)
        return _measure(comm, config, session)


def _time_script(comm: MPI.Comm, config: GlassInput, segment: Segment) -> Timing:
    """The user's own system as it stands after the script."""
    with segment.open(comm, None) as session:
        return _measure(comm, config, session)


def _measure(comm: MPI.Comm, config: GlassInput, session: Session) -> Timing:
    """Steps alone; then frames without a pause, the first of which compiles the loops."""
    # the first steps build neighbour lists and settle what memory and caches do
    session.run(20, "post no")
    plain = _timed(comm, session, 100) / 100
    span = max(config.observe.samples * config.observe.sample_every, config.observe.curve_points)
    total = config.frame_steps * config.observe.frames
    # frames without a pause: what they cost then stands out from the noise of the steps
    observe = config.observe.model_copy(update={"frames": max(1, total // span)})
    dense = config.model_copy(update={"observe": observe})
    times = Times.of(dense, session.step + config.hold_steps, session.step - 1)
    # of our own samples: that atoms take over the velocity of the box changes nothing of the cost
    known = setup.Setup() if session.log is None else setup.read(comm, session, session.log)
    attach_observers(session, dense, times, lambda _: None, known)
    # compiles the observers' loops, which is no part of a long run
    session.run(dense.frame_steps + 1, "post no")
    frame = _timed(comm, session, dense.frame_steps) - dense.frame_steps * plain
    # noise may make the observers' share negative
    observed = plain + max(0.0, frame) / config.frame_steps
    return Timing(session.natoms, plain, observed, session.memory() / session.natoms)


def _timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    # one clock for all ranks: they decide alike on what they print
    return comm.bcast(time.perf_counter() - start)


def _print(
    comm: MPI.Comm, config: GlassInput, timing: Timing, atoms: int, steps: dict[str, int], observed: set[str]
) -> None:
    scale = atoms / timing.atoms
    out = console(comm)
    table = Table(title=f"{atoms:,} atoms on {comm.size} rank(s)")
    for heading in ("stage", "steps", "time"):
        table.add_column(heading, justify="right" if heading != "stage" else "left")
    total = 0.0
    for stage, count in steps.items():
        seconds = count * scale * (timing.observed if stage in observed else timing.plain)
        total += seconds
        table.add_row(stage, f"{count:,}", _spell(seconds))
    table.add_row("all", f"{sum(steps.values()):,}", _spell(total))
    if config.ensemble.seeds > 1:
        groups = max(1, comm.size // config.ensemble.ranks_per_sample)
        # a group has a part of the ranks that were timed, and makes one sample after the other
        seconds = total * groups * -(-config.ensemble.seeds // groups)
        table.add_row(f"{config.ensemble.seeds} samples", "", _spell(seconds))
    out.print(table)
    # doubles; nine fields beside the extra ones
    frame = 8.0 * config.observe.grid[0] * config.observe.grid[1] * (9 + len(config.observe.extra))
    out.print(
        f"timed: {1e3 * timing.plain:.2f} ms a step with {timing.atoms:,} atoms on {comm.size} rank(s)"
        + (", scaled by the number of atoms" if scale != 1 else "")
        + f"; observers {100 * (timing.observed / timing.plain - 1):.1f} %\n"
        f"memory: LAMMPS {timing.bytes_per_atom * atoms / 1e9:.2f} GB on all ranks, and about 0.2 GB a rank "
        f"for Python and libraries; disk: {frame * (config.observe.frames + 1) / 1e6:.0f} MB of fields",
        soft_wrap=True,
    )


def _spell(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
