"""The stages of a glass campaign, cut into segments that end with a restart file."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mpi4py import MPI

from ...core.errors import MDError
from ...md import anneal, cuzr, script, stripe
from ...md.session import Session
from .input import GlassInput

Open = Callable[[MPI.Comm, Path | None], Session]

_BEYOND = 10**6
"""Pieces that no quench has."""

AT_REST, FLOWING = 2, 3
"""Versions of frames.

2: velocities, temperatures and stresses are those of the end of a step.  3: atoms have the velocity of the
box, too, where they cross its boundary between two segments.
"""

OBSERVED = ("md.temperature_K", "shear", "observe", "output.trajectory")
"""What decides the frames, beside the glass that is sheared or the script that is run."""


@dataclass(frozen=True)
class Segment:
    """A stretch of MD between two restart files.

    Attributes:
        name: of its files.
        stage: what it is part of.
        steps: its length.
        open: makes the session from the last restart file (none for the first).
        reads: keys of the input that decide it, beside the segments before it.
        observed: whether fields are taken.
        marks: whether it begins with making its state the reference of the strain.
        check: raises if what it has made is not what it should be.
        cost: in evaluations of all forces, where it is not the number of steps.
        trials: whether forces are also computed of states that may be rejected, which nobody must look at.
        meaning: raised by us where the same input would now make something else.
    """

    name: str
    stage: str
    steps: int
    open: Open
    reads: tuple[str, ...]
    observed: bool = False
    marks: bool = False
    check: Callable[[Session], None] | None = None
    cost: float = 0.0
    trials: bool = False
    meaning: int = 1

    @property
    def evaluations(self) -> float:
        """What it costs, in evaluations of all forces: its steps, but for Monte Carlo moves between them."""
        return self.cost or self.steps


def preparation(config: GlassInput, potential: Path) -> list[Segment]:
    """The segments that lead to the glass at rest; none where a script does it."""
    md = config.md
    if md.script is not None:
        return []

    def steps(duration: float) -> int:
        # no segment without a step: it would leave no state of its own
        return max(1, round(duration / md.timestep_ps))

    def melt(comm: MPI.Comm, _: Path | None) -> Session:
        nx, ny, nz = md.cells
        session = cuzr.crystal(comm, (nx, ny, nz), md.melt_K, md.seed, potential, md.timestep_ps)
        # now, not after the quench
        anneal.require(session, config.glass.anneal)
        cuzr.at_pressure(session, md.melt_K, md.melt_K)
        # from the crystal on: places that atoms have left are counted from here
        cuzr.watch_melting(session)
        return session

    def melt_on(comm: MPI.Comm, restart: Path | None) -> Session:
        session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
        cuzr.at_pressure(session, md.melt_K, md.melt_K)
        # under the name that it had: LAMMPS has its places in the restart file
        cuzr.watch_melting(session)
        return session

    def ramp(start: float, end: float) -> Open:
        def resume(comm: MPI.Comm, restart: Path | None) -> Session:
            session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
            cuzr.at_pressure(session, start, end)
            return session

        return resume

    melting = ("md.cells", "md.seed", "md.timestep_ps", "md.melt_K", "md.melt_ps")
    quenching = ["md.liquid_K", "md.temperature_K", "md.quench_rate_K_per_s", "checkpoint.every_steps"]
    liquid = ramp(md.liquid_K, md.liquid_K)
    segments = [
        *_cut("melt", steps(md.melt_ps), melt, melting, config, lambda _: melt_on, cuzr.check_molten),
        *_cut("liquid", steps(md.liquid_ps), liquid, ("md.liquid_K", "md.liquid_ps"), config),
    ]

    def quench(start: float, end: float) -> None:
        whole = steps((start - end) / (md.quench_rate_K_per_s * 1e-12))
        # by steps and over the whole quench: its pieces must join without a kink
        slope, done = (end - start) / whole, 0
        for piece in _pieces(whole, config.checkpoint.every_steps):
            begin, reach = (start + slope * n for n in (done, done + piece))
            number = 1 + sum(segment.stage == "quench" for segment in segments)
            name = f"quench-{number:03d}"
            segments.append(Segment(name, "quench", piece, ramp(begin, reach), tuple(quenching)))
            done += piece

    if config.glass.exchanges:
        # on the way down, so that annealing costs nothing but its own steps
        # both: left at its default, the temperature alone would not tell this quench from a whole one
        quenching += ["glass.anneal", "glass.anneal_K"]
        quench(md.liquid_K, config.glass.anneal_K)
        segments += _annealing(config, potential)
        quench(config.glass.anneal_K, md.temperature_K)
    else:
        quench(md.liquid_K, md.temperature_K)
        segments += _annealing(config, potential)
    rest = ramp(md.temperature_K, md.temperature_K)
    relaxing = ("md.temperature_K", "md.relax_ps")
    segments += _cut("relax", steps(md.relax_ps), rest, relaxing, config)
    return [*segments, *_stripe(config, potential, rest)]


def _annealing(config: GlassInput, potential: Path) -> list[Segment]:
    """The segments that lower the energy of the glass further; none where none is asked for."""
    md, given = config.md, config.glass
    if given.anneal == "none":
        return []

    def treated(number: int) -> Open:
        def resume(comm: MPI.Comm, restart: Path | None) -> Session:
            session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
            if given.anneal == "cyclic":
                anneal.cycling(session, given.anneal_strain, md.temperature_K, md.timestep_ps)
                return session
            # other random numbers in each segment, all from the one seed
            seed = md.seed + number
            if given.anneal == "sgcmc":
                anneal.stand_upright(session)
                # before the balance begins a run: the thermostat goes on from the restart file
                cuzr.at_pressure(session, given.anneal_K, given.anneal_K)
                anneal.changing(session, given.anneal_K, seed, anneal.balance(session, seed))
                return session
            cuzr.at_pressure(session, given.anneal_K, given.anneal_K)
            anneal.exchanging(session, given.anneal_K, seed)
            return session

        return resume

    if given.anneal == "cyclic":
        cycles = _pieces(
            given.anneal_steps // anneal.PERIOD, config.checkpoint.every_steps // anneal.PERIOD or 1
        )
        # a segment of whole cycles begins and ends with an upright box
        pieces, each, first = [count * anneal.PERIOD for count in cycles], 1.0, 0.0
    else:
        each, size = anneal.cost_of_a_step(given.anneal), config.checkpoint.every_steps
        first = anneal.BALANCE_COST if given.anneal == "sgcmc" else 0.0
        begun = math.ceil(given.anneal_steps / (size * each + first))
        pieces = _pieces(max(1, round((given.anneal_steps - begun * first) / each)), size)
    reads = (
        "glass.anneal",
        "glass.anneal_steps",
        "glass.anneal_K",
        "glass.anneal_strain",
        "checkpoint.every_steps",
    )
    return [
        Segment(
            f"anneal-{number:03d}",
            "anneal",
            piece,
            treated(number),
            reads,
            cost=first + each * piece,
            trials=given.anneal == "swap",
            # once without a balance: a few atoms changed, and then none
            meaning=2 if given.anneal == "sgcmc" else 1,
        )
        for number, piece in enumerate(pieces, 1)
    ]


def _stripe(config: GlassInput, potential: Path, rest: Open) -> list[Segment]:
    """The segments that melt a layer of the glass and quench it again; none where none is asked for."""
    md, given = config.md, config.glass.stripe
    if given is None:
        return []

    def apart(start: float, end: float, number: int, melting: bool = False) -> Open:
        def resume(comm: MPI.Comm, restart: Path | None) -> Session:
            session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
            # LAMMPS keeps groups in its restart files: they are made once
            if number == 0:
                stripe.mark(session, given.centre, given.height)
            if melting:
                stripe.watch(session)
            # other random forces in each segment, all from the one seed
            stripe.hold_apart(session, start, end, md.temperature_K, md.seed + 2 * number)
            return session

        return resume

    def settle(comm: MPI.Comm, restart: Path | None) -> Session:
        session = rest(comm, restart)
        stripe.come_to_rest(session)
        return session

    whole = max(
        1, round((given.melt_K - md.temperature_K) / (given.quench_rate_K_per_s * 1e-12) / md.timestep_ps)
    )
    slope = (md.temperature_K - given.melt_K) / whole
    reads = ("glass.stripe", "md.temperature_K")
    melt = max(1, round(given.melt_ps / md.timestep_ps))
    melting = _cut(
        "stripe-melt",
        melt,
        apart(given.melt_K, given.melt_K, 0, True),
        reads,
        config,
        # beyond those of the quench: each piece has random forces of its own
        lambda number: apart(given.melt_K, given.melt_K, _BEYOND + number, True),
        stripe.check_molten,
    )
    segments = [replace(segment, stage="stripe") for segment in melting]
    done = 0
    for number, piece in enumerate(_pieces(whole, config.checkpoint.every_steps), 1):
        start, end = (given.melt_K + slope * n for n in (done, done + piece))
        opened = apart(start, end, number)
        name = f"stripe-quench-{number:03d}"
        segments.append(Segment(name, "stripe", piece, opened, (*reads, "checkpoint.every_steps")))
        done += piece
    relax = max(1, round(md.relax_ps / md.timestep_ps))
    relaxing = _cut("stripe-relax", relax, settle, (*reads, "md.relax_ps"), config, lambda _: rest)
    return [*segments, *(replace(segment, stage="stripe") for segment in relaxing)]


def _made(restart: Path | None) -> Path:
    """The restart file of the segment before, which all but the first have."""
    if restart is None:
        raise MDError("a segment that goes on from another one has no restart file to go on from")
    return restart


def production(config: GlassInput, potential: Path, source: Path, out: Path) -> list[Segment]:
    """The segments with observers attached."""
    if config.md.script is not None:
        return _scripted(config, source, out)
    md, shear = config.md, config.shear

    def hold(comm: MPI.Comm, restart: Path | None) -> Session:
        session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
        # steps count from the hold on, however long the preparation took
        session.commands("reset_timestep 0")
        cuzr.at_volume(session, md.temperature_K)
        return session

    def sheared(begin: bool) -> Open:
        def resume(comm: MPI.Comm, restart: Path | None) -> Session:
            session = cuzr.resume(comm, _made(restart), potential, md.timestep_ps)
            cuzr.in_shear(session, md.temperature_K, shear.rate_per_ps, begin)
            return session

        return resume

    # at rest: the first frame averages over samples as all others do
    first = Segment(
        "hold", "hold", config.hold_steps, hold, OBSERVED, observed=True, marks=True, meaning=AT_REST
    )
    pieces = _pieces(config.observe.frames, config.checkpoint.every_frames)
    reads = (*OBSERVED, "checkpoint.every_frames")
    # a single one has no boundary between segments
    meaning = FLOWING if len(pieces) > 1 else AT_REST
    return [first] + [
        Segment(
            f"shear-{n:03d}",
            "shear",
            piece * config.frame_steps,
            # the first begins the deformation, the others go on with it
            sheared(n == 1),
            reads,
            observed=True,
            meaning=meaning,
        )
        for n, piece in enumerate(pieces, 1)
    ]


def _scripted(config: GlassInput, source: Path, out: Path) -> list[Segment]:
    path = source.parent / str(config.md.script)
    # a script that cannot go on is one segment: there is no restart to cut it at
    resumable = script.goes_on(path.read_text(errors="replace"))

    def start(comm: MPI.Comm, restart: Path | None) -> Session:
        return script.start(comm, path, out / "lammps.log", config.md.variables, restart)

    pieces = _pieces(
        config.observe.frames, config.checkpoint.every_frames if resumable else config.observe.frames
    )
    reads = (*OBSERVED, "md.steps", "md.variables", "checkpoint.every_frames")
    meaning = FLOWING if script.remaps(path, config.md.variables) else AT_REST
    return [
        Segment(
            f"run-{n:03d}",
            "script",
            piece * config.frame_steps,
            start,
            reads,
            observed=True,
            marks=n == 1,
            meaning=meaning,
        )
        for n, piece in enumerate(pieces, 1)
    ]


def _cut(
    stage: str,
    total: int,
    begin: Open,
    reads: tuple[str, ...],
    config: GlassInput,
    go_on: Callable[[int], Open] | None = None,
    check: Callable[[Session], None] | None = None,
) -> list[Segment]:
    """A stage without ramps, with a restart file every so many steps.

    Args:
        go_on: what makes the session of the second piece (1) and those after it; ``begin`` if absent.
        check: of what all pieces together have made.
    """
    pieces = _pieces(total, config.checkpoint.every_steps)
    if len(pieces) == 1:  # under the name, and so the key, that it has always had
        return [Segment(stage, stage, total, begin, reads, check=check)]
    reads = (*reads, "checkpoint.every_steps")
    segments = []
    for number, piece in enumerate(pieces):
        opened = begin if number == 0 or go_on is None else go_on(number)
        last = number == len(pieces) - 1
        name = f"{stage}-{number + 1:03d}"
        segments.append(Segment(name, stage, piece, opened, reads, check=check if last else None))
    return segments


def _pieces(total: int, size: int) -> list[int]:
    """``total`` in pieces of ``size``, the last one shorter."""
    return [min(size, total - start) for start in range(0, total, size)]
