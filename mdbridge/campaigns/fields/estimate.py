"""``--dry-run`` of fields: whether all fits, what is done, and the time of the rest, from a short run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpi4py import MPI

from ...core import demand, parallel, scratch
from ...core.errors import MdbridgeError
from ...core.workspace import Workspace
from ...md import goingon, script, setup
from ...md.session import Session
from .. import demands, forecast
from ..forecast import Row
from . import dumpheaders, trajectory
from .input import FieldsInput
from .run import RESTART, Times, Watch, goes_on_after
from .stages import CAMPAIGN, Campaign, read

_SHORT = 50
"""Steps that are timed."""


@dataclass(frozen=True)
class Tried:
    """What a short run tells of the whole.

    Attributes:
        title: of what is run.
        work: what the run makes, in words.
        seconds: that it takes.
        disk: bytes of its results.
        note: what else there is to say.
    """

    title: str
    work: str
    seconds: float
    disk: float
    note: str = ""


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Tell what observing would take beside what is done in ``out``, which is left alone (collective).

    Raises:
        InputError: as the run itself would.
    """
    config, files = parallel.on_root(comm, lambda: read(source, overrides))
    demand.require(comm, demands.fields(config))
    tried = run(comm, config, source)

    # one rank looks at the folder: the others might see another state of it
    def table() -> list[Row]:
        workspace = Workspace(out.resolve(), CAMPAIGN)
        return rows(Campaign(MPI.COMM_SELF, config, source, workspace, files), tried)

    notes = [tried.note] if tried.note else []
    forecast.show(comm, tried.title, parallel.on_root(comm, table), tried.disk, *notes)


def rows(campaign: Campaign, tried: Tried) -> list[Row]:
    """The table of a campaign; for one rank."""
    (chain, *products) = campaign.plan()
    left = forecast.unfinished(campaign.workspace, chain)
    # segments differ in length, the last of them at least
    part = sum(link.cost for link in campaign.links if link.name in left)
    whole = sum(link.cost for link in campaign.links)
    count = len(campaign.links)
    table = [Row(tried.work, count, count - len(left), tried.seconds * part / whole)]
    for product in products:
        undone = len(forecast.unfinished(campaign.workspace, product))
        table.append(Row(product.name, 1, 1 - undone, None))
    return table


def run(comm: MPI.Comm, config: FieldsInput, source: Path) -> Tried:
    """Run the script and look at a few frames (collective); nothing is kept.

    Raises:
        InputError: as the run itself would.
    """
    with scratch.shared(comm) as folder:
        if config.md.trajectory is not None:
            return _replay(comm, config, source, folder)
        path = source.parent / str(config.md.script)
        script.require_dumps_kept(comm, path, config.md.variables)
        with script.start(comm, path, folder / "lammps.log", config.md.variables, None) as session:
            # those of a run that is over must outlive a question
            script.silence(session)
            tried, left = _time(comm, config, session, folder), None
            if _goes_on(comm, config, path):
                known = setup.read(comm, session, folder / "lammps.log")
                known.require_one_piece(path, config.checkpoint.every_frames)
                session.write_restart(folder / RESTART)
                left = goingon.Left.of(session)
        if left is not None:
            log = folder / "lammps-goes-on.log"
            goingon.require_going_on(
                comm,
                lambda: script.start(comm, path, log, config.md.variables, folder / RESTART),
                left,
                path,
                config.checkpoint.every_frames,
            )
        return tried


def _goes_on(comm: MPI.Comm, config: FieldsInput, path: Path) -> bool:
    """Whether the run has segments that go on from a restart file (collective)."""
    if not goes_on_after(config, config.checkpoint.every_frames):
        return False
    return parallel.on_root(comm, lambda: script.goes_on(path.read_text(errors="replace")))


class _EnoughError(MdbridgeError):
    """The first frames of a dump have told what there is to know."""


def _replay(comm: MPI.Comm, config: FieldsInput, source: Path, folder: Path) -> Tried:
    """Read the dump for as long as a person waits."""
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
    kept = _disk(comm, folder, len(steps), done * len(steps), config.output.vtk)
    title = f"{len(steps)} frames in {config.md.trajectory}, steps {steps[0]} … {steps[-1]}"
    return Tried(title, f"replay: {len(steps):,} frames", whole, kept)


def _disk(comm: MPI.Comm, folder: Path, frames: float, seen: float, vtk: bool) -> float:
    """Bytes of all results by the files that some frames have left (collective)."""

    def files() -> float:
        return sum(path.stat().st_size for path in folder.glob("*.npz")) / max(seen, 1.0)

    # as files of frames, gathered in fields.h5, and for ParaView
    return (3 if vtk else 2) * parallel.on_root(comm, files) * frames


def _time(comm: MPI.Comm, config: FieldsInput, session: Session, folder: Path) -> Tried:
    """Steps alone, and then frames as dense as they may be."""
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
    note = (
        f"timed: {1e3 * plain:.3g} ms a step, {1e3 * frame:.3g} ms a frame "
        f"({100 * frame / (observe.every * plain):.1f} % of the MD); "
        f"{frames + 1} frames of {nodes:,.0f} nodes"
    )
    return Tried(
        f"{session.natoms:,} atoms on {comm.size} rank(s)",
        f"run: {config.md.steps:,} steps, {frames:,} frames",
        config.md.steps * plain + frames * frame,
        # three spans were looked at
        _disk(comm, folder, frames + 1, 3, config.output.vtk),
        note,
    )


def _timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    # a rank that is late would be timed with what the others wait for
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    return float(comm.bcast(time.perf_counter() - start))
