"""``--dry-run`` of a glass campaign: what is done, and time, memory and disk of the rest, from short runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI

from ...core import demand, parallel, scratch
from ...core.stages import Links, Stage
from ...core.workspace import Workspace
from ...md import anneal, cuzr, goingon, localyield, script, setup
from ...md.session import Session
from ...stz import initial
from ...stz.forwardrun import Case
from ...stz.ratelaw import PS_PER_S, Material
from ...stz.staggered import Grid
from .. import demands, forecast
from ..calibrate.input import EgoInput
from ..forecast import Row
from ..shear.estimate import time_run
from . import chain, ensemble, plan
from .frames import Times, attach_observers
from .input import LATTICE, Calibrate, GlassInput
from .plan import Segment
from .sampling import RESTART
from .stages import CAMPAIGN, Campaign, read

REPLICA = 4000
"""Most atoms a rank of the timed replica."""
MINIMUM = 500
"""Evaluations of the forces to a minimum, about."""
YIELD = 900
"""The same until a cylinder has yielded."""
_DUMPED = 45.0
"""Bytes of an atom in a frame of a trajectory, which is text."""


@dataclass(frozen=True)
class Timing:
    """Short runs on all ranks.

    Attributes:
        atoms: of the system that was timed.
        plain, observed: seconds a step without and with observers.
        bytes_per_atom: of LAMMPS on all ranks.
        restart: bytes of a restart file, for each atom.
        model: seconds of a run of the STZ model on one rank.
    """

    atoms: int
    plain: float
    observed: float
    bytes_per_atom: float
    restart: float = 0.0
    model: float = 0.0


def dry_run(comm: MPI.Comm, source: Path, out: Path, overrides: Sequence[str]) -> None:
    """Tell what a campaign would take beside what is done in ``out``, which is left alone (collective).

    Raises:
        InputError: as the run itself would.
    """
    config, material, files = parallel.on_root(comm, lambda: read(source, overrides))
    demand.require(comm, demands.glass(config))
    # LAMMPS's log of a script goes somewhere, and there need be no output folder yet
    with scratch.shared(comm) as folder:
        if config.md.script is None:
            _require_annealing(comm, config, material)
            timing = _time_replica(comm, config, material, folder)
        else:
            segments = plan.production(config, material, source, folder)
            timing = _time_script(comm, config, source, segments, folder)
    if config.calibrate is not None:
        timing = replace(timing, model=time_model(comm, config, config.calibrate))

    # one rank looks at the folder: the others might see another state of it
    def table() -> list[Row]:
        workspace = Workspace(out.resolve(), CAMPAIGN)
        return rows(
            Campaign(MPI.COMM_SELF, config, source, workspace, material, files, overrides), timing, comm.size
        )

    tell(comm, config, timing, parallel.on_root(comm, table))


def tell(comm: MPI.Comm, config: GlassInput, timing: Timing, table: Sequence[Row]) -> None:
    """Print the table, memory and disk (collective)."""
    atoms = _atoms(config, timing)
    scaled = ", scaled by the number of atoms" if atoms != timing.atoms else ""
    notes = [
        f"timed: {1e3 * timing.plain:.2f} ms a step with {timing.atoms:,} atoms on {comm.size} rank(s)"
        f"{scaled}; observers {100 * (timing.observed / timing.plain - 1):.1f} %"
    ]
    if config.calibrate is not None:
        notes.append(
            f"a run of the STZ model takes {timing.model:.3g} s; 'calibrate.ego.evaluations' is the most "
            "that there can be, a search often ends earlier; what it takes to propose them comes on top"
        )
    # each group of ranks is at work on a sample of its own
    at_work = min(_groups(config, comm.size), config.ensemble.seeds)
    beyond = max(0.0, timing.bytes_per_atom * (atoms * at_work - timing.atoms))
    title = f"{atoms:,} atoms on {comm.size} rank(s)"
    forecast.show(comm, title, table, disk(config, timing), *notes, beyond=beyond)


def rows(campaign: Campaign, timing: Timing, ranks: int) -> list[Row]:
    """The table of a campaign; for one rank.

    Of an ensemble a row has the tasks of all samples, and its part of what the groups of ranks take together.
    """
    config = campaign.config
    if config.ensemble.seeds == 1:
        return _rows_of_sample(campaign, timing, 1.0, ranks)
    groups, each = _groups(config, ranks), min(ranks, config.ensemble.ranks_per_sample)
    table, costs = dict[str, Row](), list[float]()
    for seed in ensemble.seeds(config):
        # a group has a part of the ranks that were timed
        own = _rows_of_sample(campaign.of_seed(seed), timing, float(groups), each)
        costs.append(sum(row.seconds or 0.0 for row in own))
        for row in own:
            before = table.get(row.what, Row(row.what, 0, 0, None if row.seconds is None else 0.0))
            seconds = None if row.seconds is None else (before.seconds or 0.0) + row.seconds / groups
            table[row.what] = Row(row.what, before.tasks + row.tasks, before.done + row.done, seconds)
    waiting = forecast.shared(costs, groups) - sum(costs) / groups
    if waiting > 0.0:
        table["waiting"] = Row("waiting for the last samples", 0, 0, waiting)
    together = campaign.ensemble_report
    left = forecast.unfinished(campaign.workspace, together)
    return [*table.values(), Row(f"{together.name} of all samples", 1, 1 - len(left), None)]


def disk(config: GlassInput, timing: Timing) -> float:
    """Bytes that a whole run leaves."""
    atoms, observe, frames = _atoms(config, timing), config.observe, config.observe.frames + 1
    fields = 9 + len(observe.extra)
    # each frame in a file of its own, and in glass.h5, which has the energy at mean composition besides
    kept = 8.0 * observe.grid[0] * observe.grid[1] * frames * (2 * fields + 1)
    # the last two of a chain stay: of the making of the glass, and of its shear
    kept += (2 if config.md.script else 4) * timing.restart * atoms
    if config.output.trajectory:
        kept += _DUMPED * atoms * frames
    return config.ensemble.seeds * kept


def time_model(comm: MPI.Comm, config: GlassInput, settings: Calibrate) -> float:
    """Seconds of a run of the STZ model on the glass's own grid, by each rank at once (collective).

    The fields of the glass are not known yet: χ is as rough as they are.  What a run takes depends little on
    it.
    """
    nx, ny = config.observe.grid
    width, height = (float(LATTICE * count) for count in config.md.cells[:2])
    grid = Grid(nx, ny, width, height)
    case = Case(
        Material(
            s_y=1.0,
            c0=float(np.mean(settings.c0)),
            chi_inf=0.13,
            eps0=settings.eps0,
            tau0=settings.tau0_ps,
            l_chi=settings.l_chi_A,
            e_z=settings.e_z_K,
            diffusion=settings.diffusion,
        ),
        initial.random(grid, 0.07, 0.004, config.observe.energy_window, config.md.seed),
        grid,
        rate=config.shear.rate_per_ps * PS_PER_S,
        max_strain=config.shear.max_strain,
        frames=config.observe.frames,
        fields_at=[config.observe.frames],
    )
    # all at once, as they will: they share memory and caches
    seconds = time_run(MPI.COMM_SELF, case, None, None, forecast.PATIENCE)
    return float(comm.allreduce(seconds, MPI.MAX))


def _groups(config: GlassInput, ranks: int) -> int:
    """How many samples are made at once."""
    return max(1, ranks // config.ensemble.ranks_per_sample) if config.ensemble.seeds > 1 else 1


def _atoms(config: GlassInput, timing: Timing) -> int:
    return 2 * int(np.prod(config.md.cells)) if config.md.script is None else timing.atoms


def _rows_of_sample(campaign: Campaign, timing: Timing, slower: float, ranks: int) -> list[Row]:
    """The table of a single sample.

    Args:
        slower: how many times as long as on the ranks that were timed a step takes.
        ranks: that make the sample.
    """
    config, workspace = campaign.config, campaign.workspace
    whole = slower * _atoms(config, timing) / timing.atoms
    plain, observed = whole * timing.plain, whole * timing.observed
    segments = [
        *plan.preparation(config, campaign.material),
        *plan.production(config, campaign.material, campaign.source, workspace.root),
    ]
    # with what Monte Carlo moves cost between the steps
    costs = {s.name: s.evaluations * (observed if s.observed else plain) for s in segments}
    steps = {s.name: round(s.evaluations) for s in segments}
    table = list[Row]()
    for piece in campaign.plan():
        left = forecast.unfinished(workspace, piece)
        if isinstance(piece, Links):
            for stage in dict.fromkeys(link.label for link in piece.links):
                names = [link.name for link in piece.links if link.label == stage]
                what = f"{stage}: {sum(steps[name] for name in names):,} steps"
                todo = left & set(names)
                seconds = sum(costs[name] for name in todo)
                table.append(Row(what, len(names), len(names) - len(todo), seconds))
        elif piece is campaign.moduli:
            table.append(_row_of_moduli(campaign, bool(left), plain))
        elif piece is campaign.tests:
            for task in campaign.tests.tasks:
                count = _evaluations(task.name, config)
                undone = task.name in left
                table.append(
                    Row(f"{task.name}: about {count:,} steps", 1, 1 - undone, count * plain * undone)
                )
        elif piece is campaign.calibration and config.calibrate is not None:
            table.append(_row_of_calibration(campaign, config.calibrate.ego, bool(left), timing.model, ranks))
        # another stage is that of the runs of the moduli, which are told with these
        elif not isinstance(piece, Stage):
            table.append(Row(piece.name, 1, 1 - len(left), None))
    return table


def _row_of_moduli(campaign: Campaign, lack: bool, plain: float) -> Row:
    md, runs = campaign.config.md, campaign.strained
    each = round(md.modulus_ps / md.timestep_ps)
    left = len(forecast.unfinished(campaign.workspace, runs)) if lack else 0
    count = len(runs.tasks)
    return Row(f"moduli: {count * each:,} steps", count, count - left, left * each * plain)


def _row_of_calibration(campaign: Campaign, ego: EgoInput, lack: bool, model: float, ranks: int) -> Row:
    """Evaluations of the first design are made at once, those of a search wait for those before them."""
    done = ego.evaluations
    if lack and campaign.calibration is not None:
        record = chain.place(campaign.workspace, campaign.calibration.identity) / "trials.jsonl"
        # the first line says what the record is of
        lines = len(record.read_bytes().splitlines()) - 1 if record.exists() else 0
        done = min(max(lines, 0), ego.evaluations)
    first = min(ego.initial, ego.evaluations)
    design = max(0, first - done)
    searched = ego.evaluations - max(first, done)
    at_once = ranks if ego.asynchronous else min(ranks, ego.batch)
    rounds = -(-design // ranks) + -(-searched // at_once)
    return Row("calibrate: evaluations", ego.evaluations, done, model * rounds)


def _evaluations(test: str, config: GlassInput) -> int:
    """About what a test of the glass at rest takes, in evaluations of all forces."""
    if test == "nonaffinity":
        # ± shear, a minimum before and after
        return 4 * MINIMUM
    box = LATTICE * np.array(config.md.cells)
    part = np.pi * (0.5 * localyield.smallest_edge()) ** 2 / (box[0] * box[1])
    return round(len(localyield.lattice(box)) * part * YIELD)


def _require_annealing(comm: MPI.Comm, config: GlassInput, material: Path) -> None:
    """Try on the whole crystal what the melt of a run begins with, on as many ranks as a sample has."""
    md, way = config.md, config.glass.anneal
    if way in ("none", "cyclic"):
        return
    group = parallel.split_groups(comm, comm.size // _groups(config, comm.size))

    def work() -> None:
        nx, ny, nz = md.cells
        with cuzr.crystal(group, (nx, ny, nz), md.melt_K, md.seed, material, md.timestep_ps) as session:
            anneal.require(session, way)

    # groups need not be of one size: what is too small for a rank of this may do for those of another
    parallel.agreed(comm, work)
    group.Free()


def _time_replica(comm: MPI.Comm, config: GlassInput, material: Path, folder: Path) -> Timing:
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
        return _measure(comm, config, session, folder)


def _time_script(
    comm: MPI.Comm, config: GlassInput, source: Path, segments: Sequence[Segment], folder: Path
) -> Timing:
    """The user's own system as it stands after the script, and whether that goes on."""
    path = source.parent / str(config.md.script)
    script.require_dumps_kept(comm, path, config.md.variables)
    with segments[0].open(comm, None) as session:
        # those of a run that is over must outlive a question
        script.silence(session)
        if session.log is not None:
            known = setup.read(comm, session, session.log)
            known.require_flow(path, asked=False)
            if len(segments) > 1:
                known.require_one_piece(path, config.checkpoint.every_frames)
        timing, left = _measure(comm, config, session, folder), goingon.Left.of(session)
    if len(segments) > 1:
        again = partial(segments[1].open, comm, folder / RESTART)
        goingon.require_going_on(comm, again, left, path, config.checkpoint.every_frames)
    return timing


def _measure(comm: MPI.Comm, config: GlassInput, session: Session, folder: Path) -> Timing:
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
    session.write_restart(folder / RESTART)
    restart = parallel.on_root(comm, lambda: (folder / RESTART).stat().st_size)
    memory = session.memory() / session.natoms
    return Timing(session.natoms, plain, observed, memory, restart / session.natoms)


def _timed(comm: MPI.Comm, session: Session, steps: int) -> float:
    comm.Barrier()
    start = time.perf_counter()
    session.run(steps, "post no")
    comm.Barrier()
    # one clock for all ranks: they decide alike on what they print
    return comm.bcast(time.perf_counter() - start)
