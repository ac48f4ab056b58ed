"""Runs the segments of a glass campaign: links of a chain, each of which leaves a restart file and frames.

A segment starts from files alone, so that a run may be killed at any moment; frames
appear one by one, whole, so that those made so far can be shown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import arrays, parallel
from ...core.errors import InputError, MDError
from ...core.files import read_json, write_json
from ...core.identity import Identity
from ...core.stages import Link, chained
from ...core.units import UNIT_STYLES
from ...core.workspace import Record
from ...md.observe.cell import Cell, Guard, mark_reference, restore_reference
from ...md.observe.glass import Frames, LocalStrain, Thermo, WindowAverage, define_energy
from ...md.observe.schedule import Schedule, every
from ...md.session import Atoms, Session
from .input import GlassInput
from .plan import Segment

RESTART, STATE, HISTORY = "restart", "state.json", "history.npz"
HISTORY_EVERY = 100
"""Steps between two entries of the history where no fields are taken."""

Array = NDArray[np.float64]
Plain = Guard | Cell | WindowAverage | LocalStrain | Thermo | Frames
"""What is attached; plain objects that the session makes observers of."""


@dataclass
class Chain:
    """What one segment leaves to the next, beside LAMMPS's restart file.

    Attributes:
        reference: ``(3, 3)`` the reference box of the strain, one edge a row (Å).
        turns: how often the box has been flipped.
        offset: the step of the first frame.
        natoms: number of atoms.
        units: LAMMPS's style of units.
    """

    reference: Array | None = None
    turns: int = 0
    offset: int = 0
    natoms: int = 0
    units: str = "metal"

    def write(self, folder: Path) -> None:
        """Into the folder of a segment."""
        data = asdict(self)
        # a list: JSON knows no arrays
        data["reference"] = None if self.reference is None else self.reference.tolist()
        write_json(folder / STATE, data)

    @classmethod
    def read(cls, folder: Path) -> "Chain":
        """What a segment left in its folder."""
        data = read_json(folder / STATE)
        reference = data.pop("reference")
        return cls(reference=None if reference is None else np.array(reference), **data)


@dataclass(frozen=True)
class Job:
    """Where a segment runs: the ranks, the input, and the folder that it fills."""

    comm: MPI.Comm
    config: GlassInput
    folder: Path


def links(
    comm: MPI.Comm,
    config: GlassInput,
    segments: Sequence[Segment],
    files: Mapping[str, str],
    before: str = "",
) -> list[Link]:
    """The segments as links of a chain.

    Args:
        comm: the ranks that run them.
        config: the whole input.
        segments: from :mod:`.plan`.
        files: contents of the potential, or of the script and all that it reads.
        before: key of the last link of the chain before.
    """

    def work(
        segment: Segment, folder: Path, previous: Path | None, tell: Callable[[float], None]
    ) -> dict[str, Any]:
        run(Job(comm, config, folder), segment, previous, tell)
        return {"stage": segment.stage, "steps": segment.steps}

    return chained(
        [
            Link(
                segment.name,
                Identity.of("glass", config, segment.reads, files=files, segment=segment.name),
                partial(work, segment),
                segment.steps,
                segment.stage,
                passing=RESTART,
            )
            for segment in segments
        ],
        before,
    )


def run(job: Job, segment: Segment, before: Path | None, tell: Callable[[float], None]) -> None:
    """Run one segment from the folder of the one before; fills its own (collective)."""
    chain = Chain() if before is None else parallel.on_root(job.comm, lambda: Chain.read(before))
    with segment.open(job.comm, None if before is None else before / RESTART) as session:
        # of this session: a script may have made other atoms than the restart had
        chain = replace(chain, natoms=session.natoms, units=session.lmp.extract_global("units"))
        if segment.observed:
            chain = _run_observed(job, segment, session, chain, tell)
        else:
            _run_plain(job, segment, session, chain, tell)
        # before the restart is written: what is wrong must not be gone on from
        if segment.check is not None:
            segment.check(session)
        session.commands(f"write_restart {job.folder / RESTART}")
    parallel.on_root(job.comm, lambda: chain.write(job.folder))


def _run_plain(
    job: Job, segment: Segment, session: Session, chain: Chain, tell: Callable[[float], None]
) -> None:
    """Without fields: temperature, energy and pressure are recorded."""
    cell = Cell(session.atoms().box().copy())
    record = Thermo(session, cell)
    start = session.step
    session.attach(Guard(session.natoms), every(1))
    session.attach(cell, every(1))
    session.attach(record, _after(start, every(HISTORY_EVERY)))
    session.attach(SegmentProgress(tell, start), every(HISTORY_EVERY))
    session.run(segment.steps, "post no")
    rows = record.take(job.comm)["curve"]
    parallel.on_root(job.comm, lambda: arrays.save(job.folder / HISTORY, {segment.stage: rows}))


def _run_observed(
    job: Job, segment: Segment, session: Session, chain: Chain, tell: Callable[[float], None]
) -> Chain:
    """With fields: every frame is written as soon as it is complete."""
    if segment.marks:
        offset = session.step + job.config.hold_steps
        chain = replace(chain, offset=offset, reference=mark_reference(session), turns=0)
    else:
        # the arrays that carry it are in the restart file; a new session must define them first
        restore_reference(session)
    parallel.on_root(job.comm, lambda: chain.write(job.folder))  # what the frames so far are read with
    # the step that two segments share belongs to the first of them
    begin = session.step - segment.marks
    cell, _ = attach_observers(
        session, job.config, chain, begin, lambda frame: _write_frame(job, chain.offset, frame)
    )
    session.attach(SegmentProgress(tell, session.step), every(HISTORY_EVERY))
    if job.config.output.trajectory:
        name = job.folder / "trajectory.lammpstrj"
        session.commands(f"dump trajectory all custom {job.config.frame_steps} {name} id type xu yu zu")
    session.run(segment.steps, "post no")
    return replace(chain, turns=cell.turns)


def attach_observers(
    session: Session, config: GlassInput, chain: Chain, begin: int, keep: Callable[[dict[str, Any]], None]
) -> tuple[Cell, list[Plain]]:
    """Attach everything that makes frames, from the step after ``begin`` on.

    Returns:
        What follows the box, and all observers.

    Raises:
        InputError: a window does not fit, or an extra field is not defined in the script.
    """
    observe, offset, frame = config.observe, chain.offset, config.frame_steps
    check_units(session)
    session.commands("thermo_modify norm no")  # energies of the box, in all unit styles
    shape = (observe.grid[1], observe.grid[0])
    if chain.reference is None:
        raise MDError("frames are asked for before a state was made the reference of the strain")
    cell = Cell(chain.reference, chain.turns)
    define_energy(session)
    average = WindowAverage(
        session, cell, shape, observe.energy_window, observe.cutoff * observe.energy_window, observe.extra
    )
    local = LocalStrain(cell, shape, observe.strain_window, observe.cutoff * observe.strain_window)
    curve = Thermo(session, cell)

    def sampled(step: int) -> bool:
        # steps left to the next frame: the samples end with it
        left = (offset - step) % frame
        return left % observe.sample_every == 0 and left < observe.samples * observe.sample_every

    def framed(step: int) -> bool:
        return step >= offset and (step - offset) % frame == 0

    def on_curve(step: int) -> bool:
        return step >= offset and (step - offset) % (frame // observe.curve_points) == 0

    observers: list[tuple[Plain, Schedule]] = [
        (Guard(session.natoms), every(1)),
        (cell, every(1)),
        (average, _after(begin, sampled)),
        (local, _after(begin, framed)),
        (curve, _after(begin, on_curve)),
        # last: it collects what the others have from the same step
        (Frames(cell, [average, local, curve], keep), _after(begin, framed)),
    ]
    for observer, schedule in observers:
        session.attach(observer, schedule)
    return cell, [observer for observer, _ in observers]


def check_units(session: Session) -> None:
    """Refuse what cannot be written with units, and boxes that do not repeat in the plane.

    Raises:
        InputError: so it is.
    """
    units = session.lmp.extract_global("units")
    if units not in UNIT_STYLES:
        raise InputError(f"units {units}: the observers know the styles {', '.join(UNIT_STYLES)}")
    periodic = session.lmp.extract_box()[5]
    if not (periodic[0] and periodic[1]):
        raise InputError(
            "the box must be periodic along x and y ('boundary p p …'): the windows go around it"
        )


def _after(start: int, schedule: Schedule) -> Schedule:
    """``schedule`` from the step after ``start`` on: that step belongs to the segment before."""
    return lambda step: step > start and schedule(step)


class SegmentProgress:
    """Tells how many steps of a segment are done."""

    needs = ()

    def __init__(self, tell: Callable[[float], None], start: int):
        self.tell, self.start = tell, start

    def local(self, atoms: Atoms) -> None:
        self.tell(atoms.step - self.start)


# --- files ----------------------------------------------------------------------


def frames(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """The frames in the folders of segments, from the first on, as far as none is missing."""
    paths = {path.stem: path for folder in folders for path in sorted(folder.glob("frame-*.npz"))}
    # up to the first gap: a frame after it has a strain that nobody could plot it at
    whole = []
    for number in range(len(paths)):
        path = paths.get(f"frame-{number:04d}")
        if path is None:
            break
        whole.append(arrays.load(path))
    return whole


def history(folders: Iterable[Path]) -> list[tuple[str, Array]]:
    """The records of all segments, joined by stage."""
    stages: dict[str, list[Array]] = {}
    for folder in folders:
        for stage, rows in arrays.load(folder / HISTORY).items():
            stages.setdefault(stage, []).append(rows)
    return [(stage, np.concatenate(rows)) for stage, rows in stages.items()]


def seconds(records: Iterable[Record]) -> dict[str, float]:
    """Wall time of each stage, from its segments' records."""
    taken: dict[str, float] = {}
    for record in records:
        stage = record.result["stage"]
        taken[stage] = taken.get(stage, 0.0) + record.seconds
    return taken


def _write_frame(job: Job, offset: int, frame: dict[str, Any]) -> None:
    number = (frame["step"] - offset) // job.config.frame_steps
    arrays.save(job.folder / f"frame-{number:04d}.npz", frame)
