"""``mdbridge observe --dry-run``: whether all fits, and steps, memory and time, from a short timed run."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from mpi4py import MPI
from rich.table import Table

from ...core import parallel
from ...core.console import console
from ...md import script
from ...md.session import Session
from . import trajectory
from .input import FieldsInput
from .run import Times, Watch

_SHORT = 50
"""Steps that are timed."""


def run(comm: MPI.Comm, config: FieldsInput, source: Path) -> None:
    """Run the script, look at a few frames, print what the whole takes (collective); nothing is kept.

    Raises:
        InputError: as the run itself would.
    """
    with _scratch(comm) as folder:
        if config.md.trajectory is not None:
            # a replay costs what reading does: there is nothing to time before it
            dump = source.parent / config.md.trajectory
            frames = parallel.on_root(comm, lambda: trajectory.frames(dump))
            console(comm).print(
                f"{len(frames)} frames in {config.md.trajectory}, steps {frames[0]} … {frames[-1]}"
            )
            return
        path = source.parent / str(config.md.script)
        with script.start(comm, path, folder / "lammps.log", config.md.variables, None) as session:
            _time(comm, config, session, folder)


def _time(comm: MPI.Comm, config: FieldsInput, session: Session, folder: Path) -> None:
    observe = config.observe
    assert observe.every is not None and config.md.steps is not None
    # without observers first: afterwards LAMMPS writes its dumps
    plain = _timed(comm, session, _SHORT) / _SHORT
    # as dense as the looks of a frame allow, so that few steps show what a frame costs
    span = max(_SHORT, observe.average_over * observe.average_every)
    now = session.step
    times = Times(now, now - 1, span, observe.average_over, observe.average_every, span)
    watch = Watch(comm, config, session, folder / "lammps.log", folder, None, times)
    watch.attach(lambda _: None)
    # the first frame is no measure of the others
    session.run(span, "post no")  # compiles the loops
    frame = max(0.0, _timed(comm, session, 2 * span) / 2 - span * plain)
    frames = config.md.steps // observe.every
    nodes = float(np.prod(config.grid.cells))
    whole = config.md.steps * plain + frames * frame
    table = Table(title=f"{session.natoms:,} atoms on {comm.size} rank(s)")
    for heading in ("", "number", "time"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("steps", f"{config.md.steps:,}", spell(config.md.steps * plain))
    table.add_row("frames", f"{frames:,}", spell(frames * frame))
    table.add_row("all", "", spell(whole))
    out = console(comm)
    out.print(table)
    out.print(
        f"timed: {1e3 * plain:.3g} ms a step, {1e3 * frame:.3g} ms a frame "
        f"({100 * frame / (observe.every * plain):.1f} % of the MD); memory of LAMMPS "
        f"{session.memory() / 1e9:.2g} GB; {frames + 1} frames of {nodes:,.0f} nodes",
        soft_wrap=True,
    )


def _timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    # a rank that is late would be timed with what the others wait for
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    return float(comm.bcast(time.perf_counter() - start))


@contextmanager
def _scratch(comm: MPI.Comm) -> Iterator[Path]:
    """A folder that is gone afterwards, the same on all ranks."""
    # LAMMPS opens its log by name on rank 0; the others only need to agree on it
    made = parallel.on_root(comm, lambda: tempfile.mkdtemp(prefix="mdbridge-"))
    try:
        yield Path(made)
    finally:
        if comm.rank == 0:
            import shutil

            shutil.rmtree(made, ignore_errors=True)


def spell(seconds: float) -> str:
    """A duration in words."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s"
