"""The frames of an existing LAMMPS dump through the same observers, by LAMMPS's own ``rerun``.

What a dump lacks is known from its headers, and refused before anything is run.
"""

import gzip
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel
from ...core.errors import InputError, MdbridgeError, MDError
from ...core.units import UNIT_STYLES
from ...md import script
from ...md.observe.base import Atoms
from ...md.observe.schedule import Schedule, on
from ...md.observe.wanted import CARRIED, FITTED
from ...md.session import Session
from .input import FieldsInput
from .run import Times, Watch, frames_in

Array = NDArray[np.float64]

_VELOCITIES = ("velocity", "temperature", "heat_flux")
_FORCES = ("potential_energy", "stress", "heat_flux")
_MASSES = ("density", "velocity", "temperature", *CARRIED)
_SAME = 1e-6
"""Relative difference of two boxes that is due to the digits of a dump."""
_PLACES = {"x": "", "xs": "scaled yes", "xu": "wrapped no", "xsu": "scaled yes wrapped no"}
"""First column of the positions → how LAMMPS is to read them."""


@dataclass(frozen=True)
class Header:
    """What a frame says before its atoms.

    Attributes:
        step, atoms: the timestep, the number of atoms.
        units, time: LAMMPS's style and the simulated time, where the dump says them.
        bounds: the three lines of the box, as numbers.
        flags: what stands behind ``BOX BOUNDS``.
        columns: names of the atoms' columns.
    """

    step: int
    atoms: int
    units: str | None
    time: float | None
    bounds: tuple[tuple[float, ...], ...]
    flags: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def box(self) -> tuple[Array, Array]:
        """``(3,)`` corner and ``(3, 3)`` edges, one a row; a dump tells what a leaning box fits into."""
        # the bounding box of a leaning one is wider by its tilts, to either side
        bounds = np.array(self.bounds)
        xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else np.zeros(3)
        (xlo, xhi), (ylo, yhi), (zlo, zhi) = bounds[:, :2]
        xlo, xhi = xlo - min(0.0, xy, xz, xy + xz), xhi - max(0.0, xy, xz, xy + xz)
        ylo, yhi = ylo - min(0.0, yz), yhi - max(0.0, yz)
        edges = np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])
        return np.array([xlo, ylo, zlo]), edges

    @property
    def place(self) -> str:
        """The kind of positions: x, xs, xu or xsu; empty where there are none."""
        return next((kind for kind in _PLACES if kind in self.columns), "")

    @property
    def moves(self) -> bool:
        """Whether velocities are there."""
        return {"vx", "vy", "vz"} <= set(self.columns)

    @property
    def follows(self) -> bool:
        """Whether atoms can be followed across periodic boundaries."""
        return self.place in ("xu", "xsu") or {"ix", "iy", "iz"} <= set(self.columns)


def headers(path: Path) -> list[Header]:
    """Of all frames of a text dump (also one that is packed by gzip).

    Raises:
        InputError: it is no dump of LAMMPS, or is cut in the middle of a frame.
    """
    try:
        with _text(path) as stream:
            recorded = list(_headers(stream, path))
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: not a text dump of LAMMPS ({error})") from error
    if not recorded:
        raise InputError(f"{path}: holds no frame of a LAMMPS dump")
    for before, after in itertools.pairwise(recorded):
        if after.step <= before.step:
            raise InputError(
                f"{path}: step {after.step} follows step {before.step}: the frames of a trajectory must "
                "follow each other in time; cut away what an interrupted run wrote twice"
            )
    return recorded


def _text(path: Path) -> IO[str]:
    # LAMMPS itself takes it by its ending, too
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _headers(stream: IO[str], path: Path) -> Iterator[Header]:
    units: str | None = None
    time: float | None = None
    step, atoms = -1, 0
    bounds: tuple[tuple[float, ...], ...] = ()
    flags: tuple[str, ...] = ()
    for line in stream:
        if not line.startswith("ITEM: "):
            raise InputError(f"{path}: '{line.strip()[:40]}' where a LAMMPS dump has 'ITEM: …'")
        item = line[len("ITEM: ") :].strip()
        try:
            if item == "UNITS":
                units = next(stream).strip()
            elif item == "TIME":
                time = float(next(stream))
            elif item == "TIMESTEP":
                step = int(next(stream))
            elif item == "NUMBER OF ATOMS":
                atoms = int(next(stream))
                if atoms < 1:
                    raise InputError(f"{path}: step {step} has {atoms} atoms")
            elif item.startswith("BOX BOUNDS"):
                flags = tuple(item.split()[2:])
                bounds = _bounds([next(stream) for _ in range(3)])
            elif item.startswith("ATOMS"):
                # atoms are counted, not parsed: LAMMPS reads them
                if sum(1 for _ in itertools.islice(stream, atoms)) < atoms:
                    raise StopIteration
                yield Header(step, atoms, units, time, bounds, flags, tuple(item.split()[1:]))
            else:
                raise InputError(f"{path}: 'ITEM: {item}' is not known")
        except (ValueError, StopIteration) as error:
            raise InputError(f"{path}: cut or damaged in the frame of step {step} ({item})") from error


def _bounds(lines: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """The three lines of a box.

    Raises:
        ValueError: they are none: ragged, without an end, or of no extent.
    """
    bounds = tuple(tuple(float(word) for word in line.split()) for line in lines)
    if len({len(line) for line in bounds}) != 1 or len(bounds[0]) not in (2, 3):
        raise ValueError("lines of other lengths than two or three numbers")
    if not np.isfinite(bounds).all() or any(high <= low for low, high, *_ in bounds):
        raise ValueError("a box without an extent")
    return bounds


def frames(path: Path) -> list[int]:
    """The steps of a dump."""
    return [header.step for header in headers(path)]


def check(path: Path, config: FieldsInput) -> None:
    """Refuse a dump that lacks what a field needs.

    Raises:
        InputError: which field, and what is missing.
    """
    recorded = headers(path)
    first, wanted = recorded[0], config.observe.fields
    for header in recorded:
        if header.columns != first.columns:
            raise InputError(f"{path}: the columns of step {header.step} are not those of step {first.step}")

    def require(names: Sequence[str], there: bool, what: str) -> None:
        lacking = next((name for name in wanted if name in names), None)
        if lacking and not there:
            raise InputError(f"{path}: '{lacking}' needs {what}, which the dump does not have")

    if not first.place or "id" not in first.columns:
        raise InputError(f"{path}: a trajectory needs the columns id and x y z (or xs, xu, xsu …)")
    require(_VELOCITIES, first.moves, "velocities, the columns vx vy vz")
    if config.observe.stress == "hardy" or config.observe.kinetic == "lammps":
        require(("stress",), first.moves, "velocities, the columns vx vy vz")
    require(
        (*CARRIED, *FITTED),
        first.follows,
        "image flags, the columns ix iy iz, or unwrapped positions xu yu zu",
    )
    if config.md.script is None:
        if config.observe.extra or config.observe.group != "all":
            raise InputError(f"{path}: observe.extra and observe.group need 'md.script', which defines them")
        require(_FORCES, False, "'md.script', which sets up the potential, as well as a trajectory")
        require(_MASSES, "mass" in first.columns, "masses, by 'md.script' or by a column mass")
        _check_alone(path, first)
    _chosen(path, recorded, config)


def _check_alone(path: Path, first: Header) -> None:
    """What a dump must say where no script sets its system up."""
    # the numbers of a dump mean nothing without, and LAMMPS would take its default
    if first.units not in UNIT_STYLES:
        raise InputError(
            f"{path}: the dump does not say its units ('dump_modify … units yes'), or they are none of "
            f"{', '.join(UNIT_STYLES)}: give 'md.script', which sets them"
        )
    if "type" not in first.columns:
        raise InputError(f"{path}: without 'md.script' the dump needs the column type")
    if first.time is None:
        raise InputError(
            f"{path}: the dump does not say its times ('dump_modify … time yes'): give 'md.script', whose "
            "timestep tells them"
        )


def _chosen(path: Path, recorded: Sequence[Header], config: FieldsInput) -> tuple[list[int], set[int]]:
    """The steps at which frames end, and those that are looked at for them.

    Raises:
        InputError: the dump does not have a step that a frame averages over.
    """
    steps, observe = [header.step for header in recorded], config.observe
    # counted from the first frame, as those of a run are from its start
    ends = [s for s in steps if observe.every is None or (s - steps[0]) % observe.every == 0]
    back = [k * observe.average_every for k in range(observe.average_over)]
    # the first frame has nothing before it to be averaged over
    looks = {end - k for end in ends for k in back if end - k >= steps[0]}
    missing = sorted(looks - set(steps))
    if missing:
        raise InputError(
            f"{path}: observe.average_over = {observe.average_over} every {observe.average_every} steps "
            f"needs step {missing[0]}, which the dump does not have"
        )
    return ends, looks


class Replayed(Times):
    """When the steps of a dump are looked at."""

    def __init__(self, ends: Sequence[int], looks: set[int], recorded: Sequence[Header]):
        super().__init__(recorded[0].step, recorded[0].step - 1, 1, 1, 1, 1)
        self._numbers = {step: number for number, step in enumerate(ends)}
        self._boxes = {header.step: header for header in recorded}
        self._looks, self._steps = frozenset(looks), {header.step: header.time for header in recorded}

    def clock(self, step: int, time: float) -> float:
        said = self._steps.get(step)
        return time if said is None else said

    def place(self, atoms: Atoms) -> tuple[Array, Array]:
        """The box of the dump where LAMMPS wraps its own around the atoms anew."""
        edges, corner = super().place(atoms)
        header = self._boxes.get(atoms.step)
        if header is None or all(atoms.periodic):
            return edges, corner
        edges, corner = edges.copy(), corner.copy()
        start, recorded = header.box
        for axis in range(3):
            if not atoms.periodic[axis]:
                edges[axis, axis], corner[axis] = recorded[axis, axis], start[axis]
        return edges, corner

    @property
    def framed(self) -> Schedule:
        return on(self._numbers)

    @property
    def sampled(self) -> Schedule:
        return on(self._looks)

    @property
    def curved(self) -> Schedule:
        return on(self._steps)

    def number(self, step: int) -> int:
        return self._numbers[step]


def observe(
    comm: MPI.Comm, config: FieldsInput, source: Path, log: Path, folder: Path, tell: Callable[[float], None]
) -> None:
    """Replay the dump and take its frames (collective).

    Args:
        comm, config, source, log, folder, tell: as of :func:`.run.observe`.

    Raises:
        InputError: the dump does not fit the script's system.
        MDError: LAMMPS refused it.
    """
    path = (source.parent / str(config.md.trajectory)).resolve()
    recorded = parallel.on_root(comm, lambda: headers(path))
    ends, looks = _chosen(path, recorded, config)
    times = Replayed(ends, looks, recorded)
    with _open(comm, config, source, log, path, recorded) as session:
        watch = Watch(comm, config, session, log, folder, None, times)
        _settle(session, watch, path, recorded, config)
        done = iter(range(1, len(recorded) + 1))
        watch.attach(
            lambda _: tell(next(done, 1) / len(recorded)), recorded[0].moves and not watch.setup.biased
        )
        try:
            session.rerun(_rerun(path, recorded[0], session.atoms().dimension))
            watch.fields.flush(comm)
        except MdbridgeError:
            parallel.on_root(comm, watch.save)
            raise
        parallel.on_root(comm, watch.save)
    parallel.on_root(comm, lambda: _verify(path, folder, recorded, ends))


def _settle(
    session: Session, watch: Watch, path: Path, recorded: Sequence[Header], config: FieldsInput
) -> None:
    """Keep the script's fixes from acting on the box, and compare its clock with that of the dump.

    Raises:
        InputError: a field needs what they do.
    """
    # the script may be that of the run which wrote the trajectory
    script.silence(session)
    # a replay calls the ends of steps, at which these act
    for name in watch.setup.moving():
        session.commands(f"unfix {name}")
    if watch.setup.biased and "stress" in config.observe.fields and config.observe.kinetic == "lammps":
        raise InputError(
            "'stress' of a trajectory: the script's temperature is that of 'temp/deform', which needs a box "
            "that LAMMPS moves; take observe.kinetic = 'mean'"
        )
    timestep = float(session.lmp.extract_global("dt"))
    first, last = recorded[0], recorded[-1]
    if watch.setup.flows and first.time is not None and last.time is not None:
        passed = (last.step - first.step) * timestep
        if abs(last.time - first.time - passed) > _SAME * passed:
            raise InputError(
                f"{path}: {last.time - first.time:g} pass between its first and last frame, {passed:g} by "
                "the script's timestep; the flow of the box needs them to agree"
            )


def _verify(path: Path, folder: Path, recorded: Sequence[Header], ends: Sequence[int]) -> None:
    """See that all frames are there, and that nothing of the script has moved the box meanwhile.

    Raises:
        MDError: so it is not.
    """
    made = frames_in([folder])
    if len(made) < len(ends):
        raise MDError(f"{path}: LAMMPS came to frame {len(made)} of {len(ends)}")
    known = {header.step: header for header in recorded}
    for frame in made:
        header = known[int(frame["step"])]
        edges = np.diag(frame["box"])
        if np.abs(edges - np.diag(header.box[1])).max() > _SAME * edges.max():
            raise MDError(
                f"{path}: a fix of the script changes the box at step {header.step}, which is to be that of "
                "the dump; leave it out"
            )


def _rerun(path: Path, first: Header, dimension: int) -> str:
    """What the command that replays a dump is told."""
    # whatever the dump calls them: the keywords below say how they are meant
    prefixes = [""]
    if "ix" in first.columns and first.place in ("x", "xs"):
        prefixes.append("i")
    if first.moves:
        prefixes.append("v")
    # LAMMPS refuses to read a third coordinate into a system of two
    columns = [prefix + axis for prefix in prefixes for axis in "xyz"[:dimension]]
    how = f"box yes replace yes trim yes add keep {_PLACES[first.place]}"
    return f'"{path}" dump {" ".join(columns)} {how}'


def _open(
    comm: MPI.Comm, config: FieldsInput, source: Path, log: Path, path: Path, recorded: Sequence[Header]
) -> Session:
    """The script's system, or one made of the first frame."""
    if config.md.script is None:
        return _alone(comm, log, path, recorded)
    session = script.start(comm, source.parent / config.md.script, log, config.md.variables, None)
    # forces between atoms that the dump leaves out would be missing without a word
    other = next((header for header in recorded if header.atoms != session.natoms), None)
    acting = next((name for name in config.observe.fields if name in _FORCES), None)
    if other is not None and acting is not None:
        count = session.natoms
        session.close()
        raise InputError(
            f"{path}: {other.atoms} atoms at step {other.step}, the script's system has {count}: '{acting}' "
            "needs all atoms that act on each other"
        )
    return session


def _alone(comm: MPI.Comm, log: Path, path: Path, recorded: Sequence[Header]) -> Session:
    """A system without forces, of the box, the atoms and the masses of the first frame."""
    first = recorded[0]
    masses, flat = parallel.on_root(comm, lambda: _types(path, first))
    if flat:
        raise InputError(
            f"{path}: all atoms lie in one plane: give 'md.script', with 'dimension 2' if there are two"
        )
    corner, edges = first.box
    sides = [
        f"{low!r} {low + edge!r}" for low, edge in zip(corner.tolist(), np.diag(edges).tolist(), strict=True)
    ]
    tilts = [repr(float(edges[k])) for k in ((1, 0), (2, 0), (2, 1))]
    boundary = " ".join(first.flags[-3:]) or "p p p"
    # neighbour lists are made even if nothing acts; this far they are short
    distance = float(np.prod(np.diag(edges)) / max(first.atoms, 1)) ** (1 / 3)
    session = Session(comm, log)
    session.commands(
        f"""
        units {first.units}
        boundary {boundary}
        atom_modify map array
        box tilt large
        region mdbridge_box prism {" ".join(sides)} {" ".join(tilts)} units box
        create_box {len(masses)} mdbridge_box
        neighbor {distance:.6g} bin
        pair_style zero {distance:.6g} nocoeff
        pair_coeff * *
        read_dump "{path}" {first.step} x y z box yes add keep {_PLACES[first.place]}
        """
    )
    session.commands("\n".join(f"mass {k} {mass!r}" for k, mass in enumerate(masses, 1)))
    # steps and times of two frames give the timestep, of which rates of the box are made
    second = recorded[min(1, len(recorded) - 1)]
    if second.step > first.step and second.time is not None and first.time is not None:
        session.commands(f"timestep {(second.time - first.time) / (second.step - first.step)!r}")
    return session


def _types(path: Path, first: Header) -> tuple[list[float], bool]:
    """Masses of the types of the first frame (1 where it does not say them), and whether it is flat."""
    with _text(path) as stream:
        for line in stream:
            if line.startswith("ITEM: ATOMS"):
                break
        rows = np.array([line.split() for line in itertools.islice(stream, first.atoms)])
    types = rows[:, first.columns.index("type")].astype(int)
    height = rows[:, first.columns.index(first.place.replace("x", "z"))].astype(float)
    masses = [1.0] * int(types.max())
    if "mass" in first.columns:
        column = rows[:, first.columns.index("mass")].astype(float)
        for kind in np.unique(types):
            # a mass belongs to a type here; a script may give each atom its own
            values = np.unique(column[types == kind])
            if len(values) > 1:
                raise InputError(f"{path}: atoms of type {kind} have different masses: give 'md.script'")
            masses[kind - 1] = float(values[0])
    return masses, bool(np.ptp(height) == 0.0)
