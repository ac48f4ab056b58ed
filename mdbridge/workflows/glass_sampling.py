"""Runs the segments of a glass campaign; each leaves a restart file and a record, frames as they are made.

A segment is done when its record is there, with the key of all that led to it.
Records, restart files and frames appear whole or not at all, and a segment
starts from files alone, so that a run may be killed at any moment.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from .. import dataset, files, parallel
from ..errors import FileError, InputError
from ..md.cell import Cell, Guard, mark_reference
from ..md.observers_glass import Frames, LocalStrain, Thermo, WindowAverage, define_energy
from ..md.schedule import Schedule, every
from ..md.session import Atoms, Session
from ..report.console import Tick
from ..units import UNIT_STYLES
from .glass_input import GlassInput
from .glass_plan import Segment

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
    """

    restart: Path | None = None
    reference: Array | None = None
    turns: int = 0
    offset: int = 0
    natoms: int = 0
    units: str = "metal"
    history: list[tuple[str, Array]] = field(default_factory=list)
    seconds: float = 0.0


def run_segments(
    comm: MPI.Comm,
    config: GlassInput,
    segments: Sequence[Segment],
    folder: Path,
    key: str,
    chain: Chain,
    tick: Tick,
) -> Chain:
    """Run those of ``segments`` that have no record with ``key`` in ``folder`` (collective).

    Raises:
        MdbridgeError: the MD failed; records, restart files and frames up to there are kept.
    """
    total = sum(segment.steps for segment in segments)
    done = 0
    for number, segment in enumerate(segments):
        known = parallel.on_root(comm, lambda s=segment: _read(folder, s, key))
        if known is None:
            start = time.monotonic()
            with _opened(comm, segment, chain, folder) as session:
                if not segment.observed:
                    _run_plain(comm, segment, session, chain, tick, done, total)
                else:
                    _run_observed(comm, config, segment, session, chain, folder, key, tick, done, total)
                if segment.check is not None:
                    segment.check(session)
                chain.natoms, chain.units = session.natoms, session.lmp.extract_global("units")
                chain.seconds = time.monotonic() - start
                _write_restart(comm, session, folder / f"{segment.name}.restart")
            parallel.on_root(comm, lambda s=segment: _write(folder / f"{s.name}.h5", key, chain))
            known = parallel.on_root(comm, lambda s=segment: _read(folder, s, key))
        chain = known
        if number >= 2:  # keep the last two, and the glass
            parallel.on_root(comm, lambda n=number: _drop(folder, segments[n - 2].name))
        done += segment.steps
    return chain


def _opened(comm: MPI.Comm, segment: Segment, chain: Chain, folder: Path) -> Session:
    def check() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if chain.restart is not None and not chain.restart.exists():
            raise FileError(
                f"{chain.restart}: no such file, but {segment.name} goes on from it; "
                f"delete {folder} to have everything made again, or choose another --out"
            )

    parallel.on_root(comm, check)
    return segment.open(comm, chain.restart)


def _run_plain(
    comm: MPI.Comm, segment: Segment, session: Session, chain: Chain, tick: Tick, done: int, total: int
) -> None:
    """Without fields: temperature, energy and pressure are recorded."""
    cell = Cell(session.atoms().box().copy())
    record = Thermo(session, cell)
    start = session.step
    session.attach(Guard(session.natoms), every(1))
    session.attach(cell, every(1))
    session.attach(record, _after(start, lambda step: step % HISTORY_EVERY == 0))
    session.attach(Progress(tick, start, done, total, segment.stage), every(HISTORY_EVERY))
    session.run(segment.steps, "post no")
    chain.history = [(segment.stage, record.take(comm)["curve"])]


def _run_observed(
    comm: MPI.Comm,
    config: GlassInput,
    segment: Segment,
    session: Session,
    chain: Chain,
    folder: Path,
    key: str,
    tick: Tick,
    done: int,
    total: int,
) -> None:
    """With fields: every frame is written as soon as it is complete."""
    if segment.marks:
        chain.offset = session.step + config.hold_steps
        chain.reference, chain.turns = mark_reference(session), 0
        chain.natoms, chain.units = session.natoms, session.lmp.extract_global("units")
        parallel.on_root(comm, lambda: _write(folder / "start.h5", key, chain))
    else:
        session.commands(_REFERENCE_FIX)
    # the step that two segments share belongs to the first of them
    begin = session.step - segment.marks
    cell = attach_observers(
        session,
        config,
        chain,
        begin,
        lambda frame: _write_frame(folder, key, chain, config.frame_steps, frame),
    )
    session.attach(Progress(tick, session.step, done, total, segment.stage), every(HISTORY_EVERY))
    if config.output.trajectory:
        name = f"{folder}/{segment.name}.lammpstrj"
        session.commands(f"dump trajectory all custom {config.frame_steps} {name} id type xu yu zu")
    session.run(segment.steps, "post no")
    chain.turns, chain.history = cell.turns, []


_REFERENCE_FIX = "fix mdbridge_reference all property/atom d2_mdbridge_reference 3"


def attach_observers(
    session: Session, config: GlassInput, chain: Chain, begin: int, keep: Callable[[dict[str, Any]], None]
) -> Cell:
    """Attach everything that makes frames, from the step after ``begin`` on; returns the cell.

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

    session.attach(Guard(session.natoms), every(1))
    session.attach(cell, every(1))
    session.attach(average, _after(begin, sampled))
    session.attach(local, _after(begin, framed))
    session.attach(curve, _after(begin, on_curve))
    session.attach(Frames(cell, [average, local, curve], keep), _after(begin, framed))
    return cell


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
    """Tells how far the run is."""

    needs = ()

    def __init__(self, tick: Tick, start: int, done: int, total: int, stage: str):
        self.tick, self.start, self.done, self.total, self.stage = tick, start, done, total, stage

    def local(self, atoms: Atoms) -> None:
        self.tick((self.done + atoms.step - self.start) / self.total, self.stage)


# --- files ----------------------------------------------------------------------


def frame_path(folder: Path, number: int) -> Path:
    """The file of a frame."""
    return folder / f"frame-{number:04d}.h5"


def _write_frame(folder: Path, key: str, chain: Chain, frame_steps: int, frame: dict[str, Any]) -> None:
    number = (frame["step"] - chain.offset) // frame_steps
    with dataset.writing(frame_path(folder, number), key, FRAME) as file:
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
    with dataset.writing(path, key, RECORD) as file:
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
        if dataset.stored_key(path, RECORD) != key:
            return None
    except FileError:  # of no use
        path.unlink()
        return None
    return _load(path, folder / f"{segment.name}.restart")


def started(folder: Path, key: str) -> Chain | None:
    """What is known since the first observed step; None if it was not reached with this input."""
    path = folder / "start.h5"
    return _load(path, None) if dataset.stored_key(path, RECORD) == key else None


def _load(path: Path, restart: Path | None) -> Chain:
    with dataset.reading(path, RECORD) as file:
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
        with dataset.reading(folder / f"{segment.name}.h5", RECORD) as file:
            for stage, rows in file.get("history", {}).items():
                stages.setdefault(stage, []).append(rows[:])
    return [(stage, np.concatenate(rows)) for stage, rows in stages.items()]


def seconds(folder: Path) -> dict[str, float]:
    """Wall time of each stage, from its records and that of the moduli."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.h5")):
        if path.name.startswith(("frame-", "start")):
            continue
        with dataset.reading(path, RECORD) as file:
            stage = path.stem.rpartition("-")[0] or path.stem
            found[stage] = found.get(stage, 0.0) + float(file.attrs["seconds"])
    if (folder / "moduli.json").exists():
        found["moduli"] = float(files.read_json(folder / "moduli.json")["seconds"])
    return found


def _drop(folder: Path, name: str) -> None:
    """Remove a restart file that nothing needs any more; the glass at rest stays."""
    if name != "relax":
        (folder / f"{name}.restart").unlink(missing_ok=True)
