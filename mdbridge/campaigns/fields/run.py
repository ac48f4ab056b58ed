"""Runs the MD of a campaign of fields with its observers; frames appear one by one, whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel
from ...core.errors import MdbridgeError, MDError
from ...core.files import replacing, write_text
from ...fields.box import Box
from ...fields.grid import CellGrid
from ...md import goingon, script, scriptnotes, setup
from ...md.observe.base import Atoms, Observer
from ...md.observe.curves import COLUMNS, Curves
from ...md.observe.fields import Fields
from ...md.observe.guard import LossGuard
from ...md.observe.hardy import PairForces
from ...md.observe.material import Material
from ...md.observe.schedule import Schedule, after, before, every
from ...md.observe.smoothing import Smoothing
from ...md.observe.wanted import CARRIED, FLOWING, Wanted
from ...md.session import Session
from . import checks
from .input import FieldsInput

Array = NDArray[np.float64]

RESTART, STATE, CURVE = "restart", "state.json", "curve.npz"
_PROGRESS = 100
"""Steps between two words on how far a run is."""


@dataclass
class State:
    """What one segment leaves to the next, beside LAMMPS's restart file.

    Attributes:
        start: the step of the first frame.
        edges, corner, periodic, dimension: of the reference box.
        followed: edges of the box now, followed through flips.
        shift: of the time filter.
        units: LAMMPS's style of units.
        types: number of atom types.
        atoms: number of atoms at first.
        timestep: duration of a step at first.
    """

    start: int
    edges: list[list[float]]
    corner: list[float]
    periodic: list[bool]
    dimension: int
    followed: list[list[float]]
    units: str
    types: int
    atoms: int
    timestep: float
    shift: list[list[float]] | None = None
    left: dict[str, Any] | None = None

    @property
    def reference(self) -> Box:
        """The reference box."""
        a, b, c = self.periodic
        # JSON knows lists alone
        return Box(np.array(self.edges), np.array(self.corner), (a, b, c), self.dimension)

    def write(self, folder: Path) -> None:
        """Into the folder of a segment."""
        write_text(folder / STATE, json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "State":
        """What a segment left in its folder."""
        data = json.loads((folder / STATE).read_text())
        # runs of earlier releases have it, and nothing in it
        data.pop("warnings", None)
        return cls(**data)


@dataclass
class Times:
    """When frames end, when atoms are looked at for them, and when the box is.

    Attributes:
        start: the step of the first frame.
        begin: nothing before the step after this one: it belongs to the segment before.
    """

    start: int
    begin: int
    every: int
    over: int
    spacing: int
    curve: int

    def number(self, step: int) -> int:
        """Of the frame that ends at a step, from 0."""
        return (step - self.start) // self.every

    def clock(self, step: int, time: float) -> float:
        """The time to write for a step that LAMMPS says is at ``time``."""
        return time

    def place(self, atoms: Atoms) -> tuple[Array, Array]:
        """Edges and corner of the box of atoms."""
        return atoms.box(), atoms.corner()

    @property
    def framed(self) -> Schedule:
        """When a frame ends."""
        return after(self.begin, every(self.every, self.start))

    @property
    def sampled(self) -> Schedule:
        """When the atoms are looked at: the frame of the start has itself alone."""
        looks = before(every(self.every, self.start), self.over, self.spacing)
        return after(max(self.begin, self.start - 1), looks)

    @property
    def curved(self) -> Schedule:
        """When the whole box is."""
        return after(self.begin, every(self.curve, self.start))


def wanted(config: FieldsInput, temperature: str = "thermo_temp") -> Wanted:
    """What the input asks for."""
    grid, observe = config.grid, config.observe
    region = None if grid.region is None else tuple((low, high) for low, high in grid.region)
    return Wanted(
        CellGrid(grid.axes, tuple(grid.cells), region),
        config.kernel.shape,
        config.kernel.radius,
        observe.fields,
        observe.group,
        observe.extra,
        observe.stress,
        observe.kinetic,
        temperature,
        observe.time_filter,
    )


def goes_on_after(config: FieldsInput, frames: int) -> bool:
    """Whether more segments follow the first, of so many frames."""
    md, every = config.md, config.observe.every
    return md.steps is not None and every is not None and md.steps // every > frames


def observe(
    comm: MPI.Comm,
    config: FieldsInput,
    source: Path,
    log: Path,
    folder: Path,
    before: Path | None,
    frames: int,
    tell: Callable[[float], None],
) -> None:
    """Run the script, or go on from where the segment before ended, and take frames (collective).

    Args:
        comm: the ranks that run it.
        config: the whole input.
        source: the TOML file, beside which the script is.
        log: LAMMPS's log.
        folder: is filled with frames, the curves, the state and a restart file.
        before: the folder of the segment before, if any.
        frames: how many, beside that of the start.
        tell: told the number of frames done.

    Raises:
        InputError: grid, windows or sources do not fit what the script makes; before the run.
        MDError: the run failed; the frames up to there are kept.
    """
    path = source.parent / str(config.md.script)
    # what LAMMPS carries in it: positions, velocities, and the references of the atoms
    restart = None if before is None else before / RESTART
    # at once if the script itself takes long; else once LAMMPS has taken it: beside an error in it the note
    # would be one thing more to read
    long = parallel.on_root(comm, lambda: script.runs(path.read_text(errors="replace")))
    if before is None and long:
        scriptnotes.tell_of_stops(comm, path)
    with script.start(comm, path, log, config.md.variables, restart) as session:
        if before is None and not long:
            scriptnotes.tell_of_stops(comm, path)
        if before is None:
            scriptnotes.tell_of_results(comm, path)
            if goes_on_after(config, frames) and script.goes_on(path.read_text(errors="replace")):
                scriptnotes.tell_of_segments(comm, path)
        known = None if before is None else parallel.on_root(comm, lambda: State.read(before))
        if known is not None and known.left is not None:
            goingon.Left(**known.left).require(session, path)
        watch = Watch(comm, config, session, log, folder, known)
        if before is not None or goes_on_after(config, frames):
            watch.setup.require_one_piece(path, frames)
        watch.attach(lambda step: tell((step - watch.times.start) / watch.times.every))
        try:
            steps = config.md.steps
            assert steps is not None
            # ramps and deformations of the script are those of the whole run, not of each of its segments
            whole = (watch.times.start, watch.times.start + steps)
            session.run(frames * watch.times.every, "post no", whole)
            # in a flowing box the first look waits until the box has been seen to move
            watch.fields.flush(comm)
        # after a failure that all ranks know of: the frames so far are read with it
        except MdbridgeError:
            parallel.on_root(comm, watch.save)
            raise
        parallel.on_root(comm, watch.save)
        # a run may end early without an error, which is none to LAMMPS
        watch.finish(frames)
        session.write_restart(folder / RESTART, whole if watch.setup.flows else None)
        left = asdict(goingon.Left.of(session))
        parallel.on_root(comm, lambda: replace(watch.state(), left=left).write(folder))


class Watch:
    """The observers of one segment, and the files that they leave in its folder."""

    def __init__(
        self,
        comm: MPI.Comm,
        config: FieldsInput,
        session: Session,
        log: Path,
        folder: Path,
        known: State | None,
        times: Times | None = None,
    ):
        self.comm, self.config, self.session, self.folder = comm, config, session, folder
        # after the script and before the first command of ours
        self.setup = setup.read(comm, session, log)
        self.units = checks.units(session)
        # of the start: fix dt/reset makes it another one
        self._timestep = float(session.lmp.extract_global("dt"))
        self.wanted = wanted(config, self.setup.temperature)
        checks.check(comm, session, self.wanted)
        # between frames of a replay it is known, whatever moved it
        if config.md.trajectory is None:
            self.setup.require_flow(Path(str(config.md.script)), FLOWING in self.wanted.fields)
        # the start is a frame of its own in the first segment alone
        now = self._first = session.step
        self.times = times or self._times(now if known is None else known.start, now - (known is None))
        self.known = known
        reference = None if known is None else known.reference
        # a box that has turned over meanwhile must be known from before
        followed = None if known is None else np.array(known.followed)
        timed = FLOWING in self.wanted.fields
        displaced = self.wanted.grid.directions if set(CARRIED) & set(self.wanted.fields) else []
        self.material = Material(reference, followed, self.setup.flows, timed, self.times.place, displaced)
        self.curves = Curves(self.material)  # what is known of it is told when it is attached
        self.smoothing: Smoothing | None = None
        self._rows: list[Array] = []

    def _times(self, start: int, begin: int) -> Times:
        observe = self.config.observe
        assert observe.every is not None
        return Times(
            start, begin, observe.every, observe.average_over, observe.average_every, observe.curve_steps
        )

    def attach(self, tell: Callable[[int], None], moves: bool = True, acts: bool = True) -> None:
        """Attach everything.

        Args:
            tell: told the step, now and then.
            moves: whether atoms have velocities, so that the box has a temperature and a pressure.
            acts: whether all atoms that act on each other are there, and the potential by which they do.

        Raises:
            InputError: the script does not define what is asked for.
        """
        session, times, w = self.session, self.times, self.wanted
        self.curves = Curves(self.material, moves, acts)
        forces = None
        watchers: list[tuple[Observer, Schedule]] = [
            (LossGuard(self.setup.loses), every(1)),
            (self.material, every(1)),
        ]
        # at every step, right after the material has given new atoms their reference
        if w.filter is not None:
            shift = self.known.shift if self.known is not None else None
            self.smoothing = Smoothing(w.filter, self.material, None if shift is None else np.array(shift))
            watchers.append((self.smoothing, every(1)))
        if w.stress == "hardy":
            forces = PairForces(w.grid, w.shape, w.radius, self.material)
            # right after the forces of the same steps, whose end the fields look at
            watchers.append((forces, times.sampled))
        fields = Fields(w, self.material, times.framed, self._keep, self.smoothing, forces)
        self.fields = fields
        watchers += [
            (self.curves, times.curved),
            (fields, times.sampled),
            (_Progress(tell), every(_PROGRESS)),
        ]
        # in this order: fields take what the others have learned of the same step
        for observer, schedule in watchers:
            session.attach(observer, schedule)

    def _keep(self, frame: dict[str, Any]) -> None:
        """Write a frame (rank 0)."""
        arrays = {name: np.asarray(frame[name]) for name in ("step", "time", "box", "origin")}
        arrays["time"] = np.asarray(self.times.clock(frame["step"], frame["time"]))
        # apart from step and box, whose names a field may have
        arrays |= {f"field {name}": values for name, values in frame["fields"].items()}
        save(self.folder / frame_name(self.times.number(frame["step"])), arrays)
        self.save()

    def save(self) -> None:
        """Write the curves and the state so far, with which frames can be read (rank 0)."""
        rows = self.curves.take()
        # a dump may know better than the timestep of the script
        for row in rows:
            row[1] = self.times.clock(int(row[0]), row[1])
        if len(rows):
            self._rows.append(rows)
        # nothing has been seen if the run failed at its start
        if self._rows and self.material.motion is not None:
            save(self.folder / CURVE, {"rows": np.concatenate(self._rows)})
            self.state().write(self.folder)

    def state(self) -> State:
        """What the next segment needs."""
        motion = self.material.motion
        assert motion is not None
        session, known = self.session, self.known
        shift = None if self.smoothing is None else self.smoothing.shift.tolist()
        # the reference is that of the first segment for ever
        if known is not None:
            return replace(known, followed=motion.box.edges.tolist(), shift=shift)
        first = motion.reference
        return State(
            self.times.start,
            first.edges.tolist(),
            first.corner.tolist(),
            list(first.periodic),
            first.dimension,
            motion.box.edges.tolist(),
            str(session.lmp.extract_global("units")),
            int(session.lmp.extract_setting("ntypes")),
            # as the curves begin: later there may be others
            int(self._rows[0][0, COLUMNS.index("atoms")]),
            self._timestep,
            shift,
        )

    def finish(self, frames: int) -> None:
        """See that the run has come to its last frame.

        Raises:
            MDError: it ended before.
        """
        missing = frames - (self.session.step - self._first) // self.times.every
        if missing > 0:
            raise MDError(
                f"the run ended at step {self.session.step}, {missing} of {frames} frames before its end: "
                "something in the script stops it ('fix halt', 'timer timeout')"
            )


class _Progress(Observer):
    """Tells how far the run is."""

    moment = "forces"

    def __init__(self, tell: Callable[[int], None]):
        self.tell = tell

    def local(self, atoms: Atoms) -> None:
        self.tell(atoms.step)


# --- files ----------------------------------------------------------------------


def frame_name(number: int) -> str:
    """Of the file of a frame."""
    return f"frame-{number:06d}.npz"


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to a file that appears whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def frames_in(folders: list[Path]) -> list[dict[str, Any]]:
    """The frames in the folders of segments, in their order, as far as none is missing."""
    paths = {path.name: path for folder in folders for path in folder.glob("frame-*.npz")}
    whole: list[dict[str, Any]] = []
    # a lost frame ends the series: what follows it belongs to a segment that is made again
    while (path := paths.get(frame_name(len(whole)))) is not None:
        with np.load(path) as stored:
            whole.append(dict(stored))
    return whole


def curve(folders: list[Path]) -> Array:
    """The rows of the curves in the folders of segments."""
    rows = [np.zeros((0, len(COLUMNS) + 9))]
    for folder in folders:
        if (folder / CURVE).exists():
            with np.load(folder / CURVE) as stored:
                rows.append(stored["rows"])
    return np.concatenate(rows)
