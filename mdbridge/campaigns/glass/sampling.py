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
from ...core.console import console
from ...core.errors import MDError
from ...core.files import read_json, write_json
from ...core.identity import Identity
from ...core.stages import Link, chained
from ...core.workspace import Record
from ...fields.box import Box
from ...md import setup
from ...md.goingon import Left
from ...md.observe.base import Atoms, Observer
from ...md.observe.curves import Curves
from ...md.observe.guard import LossGuard
from ...md.observe.material import BoxMotion
from ...md.observe.schedule import after, every
from ...md.session import Session
from .frames import Times, attach_observers, box_of, rows
from .input import GlassInput
from .plan import Segment

RESTART, STATE, HISTORY = "restart", "state.json", "history.npz"
HISTORY_EVERY = 100
"""Steps between two entries of the history where no fields are taken."""

Array = NDArray[np.float64]


@dataclass
class Chain:
    """What one segment leaves to the next, beside LAMMPS's restart file.

    Attributes:
        reference: the reference box of the strain.
        followed: ``(3, 3)`` edges of the box, one a row, followed through flips (Å).
        offset: the step of the first frame.
        natoms: number of atoms.
        units: LAMMPS's style of units.
        left: where a user's own script was left.
    """

    reference: Box | None = None
    followed: Array | None = None
    offset: int = 0
    natoms: int = 0
    units: str = "metal"
    left: Left | None = None

    def write(self, folder: Path) -> None:
        """Into the folder of a segment."""
        data: dict[str, Any] = {"offset": self.offset, "natoms": self.natoms, "units": self.units}
        # lists: JSON knows no arrays
        if self.reference is not None:
            box = self.reference
            data["reference"] = {"edges": box.edges.tolist(), "corner": box.corner.tolist()}
            data["reference"] |= {"periodic": list(box.periodic), "dimension": box.dimension}
        if self.followed is not None:
            data["followed"] = self.followed.tolist()
        if self.left is not None:
            data["left"] = asdict(self.left)
        write_json(folder / STATE, data)

    @classmethod
    def read(cls, folder: Path) -> "Chain":
        """What a segment left in its folder."""
        data = read_json(folder / STATE)
        if "reference" in data:
            box = data["reference"]
            a, b, c = box["periodic"]
            edges, corner = np.array(box["edges"]), np.array(box["corner"])
            data["reference"] = Box(edges, corner, (a, b, c), box["dimension"])
        if "followed" in data:
            data["followed"] = np.array(data["followed"])
        if "left" in data:
            data["left"] = Left(**data["left"])
        return cls(**data)


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
                Identity.of(
                    "glass",
                    config,
                    segment.reads,
                    files=files,
                    version=segment.meaning,
                    segment=segment.name,
                ),
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
    """Run one segment from the folder of the one before; fills its own (collective).

    Raises:
        MDError: the run failed, or ended early; frames up to there are kept.
    """
    chain = Chain() if before is None else parallel.on_root(job.comm, lambda: Chain.read(before))
    with segment.open(job.comm, None if before is None else before / RESTART) as session:
        if chain.left is not None:
            chain.left.require(session, Path(str(job.config.md.script)))
        # of this session: a script may have made other atoms than the restart had
        chain = replace(chain, natoms=session.natoms, units=session.lmp.extract_global("units"))
        known, begin = _set_up(job, segment, session), session.step
        if segment.observed:
            chain = _run_observed(job, segment, session, chain, known, tell)
        else:
            _run_plain(job, segment, session, tell)
        # before the restart is written: what is wrong must not be gone on from
        if segment.check is not None:
            segment.check(session)
        whole = _whole(job, segment, chain.offset, begin)
        session.write_restart(job.folder / RESTART, whole if known.flows else None)
        # what is made here goes on from its restart files alone
        if job.config.md.script is not None:
            chain = replace(chain, left=Left.of(session))
    parallel.on_root(job.comm, lambda: chain.write(job.folder))


def _run_plain(job: Job, segment: Segment, session: Session, tell: Callable[[float], None]) -> None:
    """Without fields: temperature, energy and pressure are recorded."""
    motion = BoxMotion()
    curves = Curves(motion)
    start = session.step
    # these look right after the forces, which a trial's are; lost atoms are then found at the end of the run
    if segment.trials:
        motion.moment = "end"
    else:
        session.attach(LossGuard(), every(1))
        session.attach(SegmentProgress(tell, start), every(HISTORY_EVERY))
    session.attach(motion, every(1))
    session.attach(curves, after(start, every(HISTORY_EVERY)))
    made = session.run(segment.steps, "post no")
    taken = rows(curves.take(), motion)
    parallel.on_root(job.comm, lambda: arrays.save(job.folder / HISTORY, {segment.stage: taken}))
    _require_all(segment, session, made)


def _run_observed(
    job: Job,
    segment: Segment,
    session: Session,
    chain: Chain,
    known: setup.Setup,
    tell: Callable[[float], None],
) -> Chain:
    """With fields: every frame is written as soon as it is complete."""
    if segment.marks:
        offset = session.step + job.config.hold_steps
        # what a step of the run does, too, wraps the atoms first: of a run that has steps, else those that
        # cross a boundary would not take over the velocity of the box
        session.run(0, "post no", _whole(job, segment, offset, session.step))
        chain = replace(chain, offset=offset, reference=box_of(session), followed=None)
    parallel.on_root(job.comm, lambda: chain.write(job.folder))  # what the frames so far are read with
    # the step that two segments share belongs to the first of them
    begin = session.step - segment.marks
    # the atoms carry their references in the restart file, but for the first segment's
    reference = None if segment.marks else chain.reference
    times = Times.of(job.config, chain.offset, begin)
    watch = attach_observers(
        session,
        job.config,
        times,
        lambda frame: _write_frame(job, chain.offset, frame),
        known,
        reference,
        chain.followed,
    )
    session.attach(SegmentProgress(tell, session.step), every(HISTORY_EVERY))
    if job.config.output.trajectory:
        _dump(session, job, chain.offset, now=segment.marks and session.step == chain.offset)
    made = session.run(segment.steps, "post no", _whole(job, segment, chain.offset, session.step))
    watch.flush(job.comm)
    _require_all(segment, session, made)
    if (more := session.natoms - chain.natoms) != 0:
        what = "added: their strain is that of the box until they came" if more > 0 else "removed"
        console(job.comm).print(f"note: during {segment.name} {abs(more)} atoms were {what}", soft_wrap=True)
    return replace(chain, followed=watch.material.look(session.atoms()).box.edges)


def _whole(job: Job, segment: Segment, offset: int, begin: int) -> tuple[int, int]:
    """First and last step over which ramps and deformations go that a segment is a part of.

    Args:
        offset: the step of the first frame.
        begin: the step at which the segment begins.
    """
    steps = job.config.md.steps
    # a user's own are those of the whole run, not of each of its segments
    return (begin, begin + segment.steps) if steps is None else (offset, offset + steps)


def _set_up(job: Job, segment: Segment, session: Session) -> setup.Setup:
    """How the segment moves its box, and what it allows."""
    if session.log is not None:
        known, config = setup.read(job.comm, session, session.log), job.config
        known.require_flow(Path(str(config.md.script)), asked=False)
        if segment.steps < (config.md.steps or 0):
            known.require_one_piece(Path(str(config.md.script)), config.checkpoint.every_frames)
        return known
    # our own script, which has no log: its shear is that of SLLOD
    return setup.Setup(carried={"deform"} if segment.stage == "shear" else set())


def _require_all(segment: Segment, session: Session, made: int) -> None:
    """A run that ended early is no error to LAMMPS."""
    if made < segment.steps:
        raise MDError(
            f"{segment.name} ended at step {session.step}, {segment.steps - made} of {segment.steps} steps "
            "before its end: something in the script stops it ('fix halt', 'timer timeout')"
        )


def _dump(session: Session, job: Job, offset: int, now: bool) -> None:
    """A trajectory on the steps of the frames, whatever step the run begins at."""
    name, steps = job.folder / "trajectory.lammpstrj", job.config.frame_steps
    session.commands(f"""
        variable mdbridge_frame equal {offset}+{steps}*(floor((step-{offset})/{steps})+1)
        dump trajectory all custom {steps} {name} id type xu yu zu
        dump_modify trajectory every v_mdbridge_frame first {"yes" if now else "no"}
        """)


class SegmentProgress(Observer):
    """Tells how many steps of a segment are done."""

    moment = "forces"

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
        for stage, points in arrays.load(folder / HISTORY).items():
            stages.setdefault(stage, []).append(points)
    return [(stage, np.concatenate(points)) for stage, points in stages.items()]


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
