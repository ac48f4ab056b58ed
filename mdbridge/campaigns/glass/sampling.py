"""Runs the segments of a glass campaign; each leaves a restart file and a record, frames as they are made.

A segment is done when its record is there, with the key of all that led to it.
Records, restart files and frames appear whole or not at all, and a segment
starts from files alone, so that a run may be killed at any moment.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import files, parallel
from ...core.console import Tick
from ...core.errors import FileError, InputError
from ...core.units import UNIT_STYLES
from ...fields import fieldset
from ...md.observe.cell import Cell, Guard, mark_reference, restore_reference
from ...md.observe.glass import Frames, LocalStrain, Thermo, WindowAverage, define_energy
from ...md.observe.schedule import Schedule, every
from ...md.session import Atoms, Observer, Session
from .input import GlassInput
from .plan import Segment

RECORD = "mdbridge-segment-1"
FRAME = "mdbridge-frame-1"
HISTORY_EVERY = 100
"""Steps between two entries of the history where no fields are taken."""

Array = NDArray[np.float64]


@dataclass
class Chain:
    """What one segment leaves to the next.

    Attributes:
        restart: the restart file.
        reference: ``(3, 3)`` the reference box of the strain, one edge a row (Å).
        turns: how often the box has been flipped.
        offset: the step of the first frame.
        natoms: number of atoms.
        units: LAMMPS's style of units.
        history: stage and ``(n, 11)`` rows of :class:`..md.observers_glass.Thermo`.
        seconds: wall time.
    """

    restart: Path | None = None
    reference: Array | None = None
    turns: int = 0
    offset: int = 0
    natoms: int = 0
    units: str = "metal"
    history: list[tuple[str, Array]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """Where segments run and what they belong to."""

    comm: MPI.Comm
    config: GlassInput
    folder: Path
    key: str


def run_segments(job: Job, segments: Sequence[Segment], chain: Chain, tick: Tick) -> Chain:
    """Run those of ``segments`` that have no record with the job's key (collective).

    Raises:
        MdbridgeError: the MD failed; records, restart files and frames up to there are kept.
    """
    total = sum(segment.steps for segment in segments)
    done = 0
    for number, segment in enumerate(segments):

        def tell(steps: int, stage: str = segment.stage, done: int = done) -> None:
            tick((done + steps) / total, stage)

        chain = _finished(job, segment) or _run(job, segment, chain, tell)
        if number >= 2:  # keep the last two, and the glass
            parallel.on_root(job.comm, lambda name=segments[number - 2].name: _drop(job.folder, name))
        done += segment.steps
    return chain


def _finished(job: Job, segment: Segment) -> Chain | None:
    return parallel.on_root(job.comm, lambda: _read(job.folder, segment, job.key))


def _run(job: Job, segment: Segment, before: Chain, tell: Callable[[int], None]) -> Chain:
    """Run one segment and leave its restart file and, last, its record."""

    def check() -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        for remnant in job.folder.glob(".*.part"):  # of a process that was killed while it wrote
            remnant.unlink()
        if before.restart is not None and not before.restart.exists():
            raise FileError(
                f"{before.restart}: no such file, but {segment.name} goes on from it; "
                f"delete {job.folder} to have everything made again, or choose another --out"
            )

    parallel.on_root(job.comm, check)
    start = time.monotonic()
    chain = replace(before, restart=job.folder / f"{segment.name}.restart", history=[])
    with segment.open(job.comm, before.restart) as session:
        chain.natoms, chain.units = session.natoms, session.lmp.extract_global("units")
        if segment.observed:
            _run_observed(job, segment, session, chain, tell)
        else:
            _run_plain(job, segment, session, chain, tell)
        if segment.check is not None:
            segment.check(session)
        _write_restart(job.comm, session, chain.restart)
    chain.seconds = time.monotonic() - start
    parallel.on_root(job.comm, lambda: _write(job.folder / f"{segment.name}.h5", job.key, chain))
    return chain


def _run_plain(
    job: Job, segment: Segment, session: Session, chain: Chain, tell: Callable[[int], None]
) -> None:
    """Without fields: temperature, energy and pressure are recorded."""
    cell = Cell(session.atoms().box().copy())
    record = Thermo(session, cell)
    start = session.step
    session.attach(Guard(session.natoms), every(1))
    session.attach(cell, every(1))
    session.attach(record, _after(start, every(HISTORY_EVERY)))
    session.attach(Progress(tell, start), every(HISTORY_EVERY))
    session.run(segment.steps, "post no")
    chain.history = [(segment.stage, record.take(job.comm)["curve"])]


def _run_observed(
    job: Job, segment: Segment, session: Session, chain: Chain, tell: Callable[[int], None]
) -> None:
    """With fields: every frame is written as soon as it is complete."""
    if segment.marks:
        chain.offset = session.step + job.config.hold_steps
        chain.reference, chain.turns = mark_reference(session), 0
        parallel.on_root(job.comm, lambda: _write(job.folder / "start.h5", job.key, chain))
    else:
        restore_reference(session)
    # the step that two segments share belongs to the first of them
    begin = session.step - segment.marks
    cell, _ = attach_observers(
        session, job.config, chain, begin, lambda frame: _write_frame(job, chain.offset, frame)
    )
    session.attach(Progress(tell, session.step), every(HISTORY_EVERY))
    if job.config.output.trajectory:
        name = job.folder / f"{segment.name}.lammpstrj"
        session.commands(f"dump trajectory all custom {job.config.frame_steps} {name} id type xu yu zu")
    session.run(segment.steps, "post no")
    chain.turns = cell.turns


def attach_observers(
    session: Session, config: GlassInput, chain: Chain, begin: int, keep: Callable[[dict[str, Any]], None]
) -> tuple[Cell, list[Observer]]:
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
    cell = Cell(chain.reference, chain.turns)  # type: ignore[arg-type]
    define_energy(session)
    average = WindowAverage(
        session, cell, shape, observe.energy_window, observe.cutoff * observe.energy_window, observe.extra
    )
    local = LocalStrain(cell, shape, observe.strain_window, observe.cutoff * observe.strain_window)
    curve = Thermo(session, cell)

    def sampled(step: int) -> bool:
        left = (offset - step) % frame
        return left % observe.sample_every == 0 and left < observe.samples * observe.sample_every

    def framed(step: int) -> bool:
        return step >= offset and (step - offset) % frame == 0

    def on_curve(step: int) -> bool:
        return step >= offset and (step - offset) % (frame // observe.curve_points) == 0

    observers: list[tuple[Observer, Schedule]] = [
        (Guard(session.natoms), every(1)),
        (cell, every(1)),
        (average, _after(begin, sampled)),
        (local, _after(begin, framed)),
        (curve, _after(begin, on_curve)),
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


class Progress:
    """Tells how many steps of a segment are done."""

    needs = ()

    def __init__(self, tell: Callable[[int], None], start: int):
        self.tell, self.start = tell, start

    def local(self, atoms: Atoms) -> None:
        self.tell(atoms.step - self.start)


# --- files ----------------------------------------------------------------------


def frame_path(folder: Path, number: int) -> Path:
    """The file of a frame."""
    return folder / f"frame-{number:04d}.h5"


def _write_frame(job: Job, offset: int, frame: dict[str, Any]) -> None:
    number = (frame["step"] - offset) // job.config.frame_steps
    with fieldset.writing(frame_path(job.folder, number), job.key, FRAME) as file:
        for name, values in frame.items():
            file[name] = values


def _write_restart(comm: MPI.Comm, session: Session, path: Path) -> None:
    """A LAMMPS restart file that appears whole or not at all (collective)."""
    partial = path.with_name(f".{path.name}.part")
    session.commands(f"write_restart {partial}")

    def finish() -> None:
        with files.replacing(path) as temporary:
            partial.replace(temporary)

    parallel.on_root(comm, finish)


def _write(path: Path, key: str, chain: Chain) -> None:
    with fieldset.writing(path, key, RECORD) as file:
        attributes = {
            "turns": chain.turns,
            "offset": chain.offset,
            "natoms": chain.natoms,
            "units": chain.units,
        }
        file.attrs.update(attributes, seconds=chain.seconds)
        if chain.reference is not None:
            file["reference"] = chain.reference
        for stage, rows in chain.history:
            file[f"history/{stage}"] = rows


def _read(folder: Path, segment: Segment, key: str) -> Chain | None:
    """What a finished segment left; None if it is not done, or made from another input."""
    path = folder / f"{segment.name}.h5"
    try:
        if fieldset.stored_key(path, RECORD) != key:
            return None
    except FileError:  # of no use
        path.unlink()
        return None
    return _load(path, folder / f"{segment.name}.restart")


def started(folder: Path, key: str) -> Chain | None:
    """What is known since the first observed step; None if it was not reached with this input."""
    path = folder / "start.h5"
    return _load(path, None) if fieldset.stored_key(path, RECORD) == key else None


def _load(path: Path, restart: Path | None) -> Chain:
    with fieldset.reading(path, RECORD) as file:
        return Chain(
            restart=restart,
            reference=file["reference"][:] if "reference" in file else None,
            turns=int(file.attrs["turns"]),
            offset=int(file.attrs["offset"]),
            natoms=int(file.attrs["natoms"]),
            units=str(file.attrs["units"]),
            seconds=float(file.attrs["seconds"]),
        )


def history(folder: Path, segments: Sequence[Segment]) -> list[tuple[str, Array]]:
    """The records of all segments, joined by stage."""
    stages: dict[str, list[Array]] = {}
    for segment in segments:
        with fieldset.reading(folder / f"{segment.name}.h5", RECORD) as file:
            for stage, rows in file.get("history", {}).items():
                stages.setdefault(stage, []).append(rows[:])
    return [(stage, np.concatenate(rows)) for stage, rows in stages.items()]


def seconds(folder: Path) -> dict[str, float]:
    """Wall time of each stage, from its records and that of the moduli."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.h5")):
        if path.name.startswith(("frame-", "start")):
            continue
        with fieldset.reading(path, RECORD) as file:
            stage = path.stem.rpartition("-")[0] or path.stem
            found[stage] = found.get(stage, 0.0) + float(file.attrs["seconds"])
    if (folder / "moduli.json").exists():
        found["moduli"] = float(files.read_json(folder / "moduli.json")["seconds"])
    return found


def _drop(folder: Path, name: str) -> None:
    """Remove a restart file that nothing needs any more; the glass at rest stays."""
    if name != "relax":
        (folder / f"{name}.restart").unlink(missing_ok=True)
