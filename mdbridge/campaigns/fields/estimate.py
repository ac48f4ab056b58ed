"""``--dry-run`` of fields: whether all fits, and steps, memory and time, from a short timed run."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mpi4py import MPI
from rich.table import Table

from ...core import demand, parallel, scratch
from ...core.console import console
from ...core.demand import size
from ...core.errors import InputError, MdbridgeError
from ...md import language, script
from ...md.session import Session
from .. import demands, forecast
from . import dumpheaders, trajectory
from .input import FieldsInput
from .run import Times, Watch
from .stages import read

_SHORT = 50
"""Steps that are timed."""


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Tell what observing would take; ``out`` is left alone (collective).

    Raises:
        InputError: as the run itself would.
    """
    config, _ = parallel.on_root(comm, lambda: read(source, overrides))
    demand.require(comm, demands.fields(config))
    run(comm, config, source)


def run(comm: MPI.Comm, config: FieldsInput, source: Path) -> None:
    """Run the script, look at a few frames, print what the whole takes (collective); nothing is kept.

    Raises:
        InputError: as the run itself would.
    """
    with scratch.shared(comm) as folder:
        if config.md.trajectory is not None:
            _replay(comm, config, source, folder)
            return
        path = source.parent / str(config.md.script)
        over = parallel.on_root(comm, lambda: sorted(language.dumped(path, config.md.variables)))
        if over:
            raise InputError(
                f"--dry-run runs {path.name} up to its end, whose own steps would dump over {over[0].name}, "
                "which is there. Move it away first, or define the dump after the last 'run'"
            )
        with script.start(comm, path, folder / "lammps.log", config.md.variables, None) as session:
            # those of a run that is over must outlive a question
            script.silence(session)
            _time(comm, config, session, folder)


class _EnoughError(MdbridgeError):
    """The first frames of a dump have told what there is to know."""


def _replay(comm: MPI.Comm, config: FieldsInput, source: Path, folder: Path) -> None:
    """Read the dump for as long as a person waits, and print what the whole takes."""
    dump = source.parent / str(config.md.trajectory)
    steps = parallel.on_root(comm, lambda: dumpheaders.frames(dump))
    done, start, begun = 0.0, time.perf_counter(), 0.0

    def tell(fraction: float) -> None:
        nonlocal done, begun
        now = comm.bcast(time.perf_counter() - start)
        # the first frame makes LAMMPS's box, and compiles
        begun = begun or now
        done = fraction
        # one clock: all ranks end at the same frame
        if now > forecast.PATIENCE:
            raise _EnoughError("enough")

    try:
        trajectory.observe(comm, config, source, folder / "lammps.log", folder, tell)
    except MdbridgeError:
        if comm.bcast(time.perf_counter() - start) <= forecast.PATIENCE:
            raise
    # a dump that ends before is known exactly
    elapsed = comm.bcast(time.perf_counter() - start)
    first = 1 / len(steps)
    whole = elapsed if done >= 1 else begun + (elapsed - begun) * (1 - first) / max(done - first, first)
    out = console(comm)
    out.print(
        f"{len(steps)} frames in {config.md.trajectory}, steps {steps[0]} … {steps[-1]}: {spell(whole)}"
    )
    _say_disk(comm, folder, len(steps), done * len(steps), config.output.vtk)


def _say_disk(comm: MPI.Comm, folder: Path, frames: float, seen: float, vtk: bool) -> None:
    """Tell the memory of all ranks, and the disk by the files that some frames have left (collective)."""
    memory = forecast.peak_memory(comm)
    if comm.rank == 0:
        left = sum(path.stat().st_size for path in folder.glob("*.npz")) / max(seen, 1.0)
        # as files of frames, gathered in fields.h5, and for ParaView
        kept = (3 if vtk else 2) * left * frames
        console(comm).print(
            f"memory: about {size(memory)} on all ranks; disk: about {size(kept)}",
            soft_wrap=True,
        )


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
    table.add_row("all, but figures", "", spell(whole))
    out = console(comm)
    out.print(table)
    out.print(
        f"timed: {1e3 * plain:.3g} ms a step, {1e3 * frame:.3g} ms a frame "
        f"({100 * frame / (observe.every * plain):.1f} % of the MD); memory of LAMMPS "
        f"{session.memory() / 1e9:.2g} GB; {frames + 1} frames of {nodes:,.0f} nodes",
        soft_wrap=True,
    )
    # three spans were looked at
    _say_disk(comm, folder, frames + 1, 3, config.output.vtk)


def _timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    # a rank that is late would be timed with what the others wait for
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    return float(comm.bcast(time.perf_counter() - start))


def spell(seconds: float) -> str:
    """A duration in words."""
    for span, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= span:
            return f"{seconds / span:.1f} {unit}"
    return f"{seconds:.2g} s"
