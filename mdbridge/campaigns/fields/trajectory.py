"""The frames of an existing LAMMPS dump through the same observers, by LAMMPS's own ``rerun``.

What a dump lacks is known from its headers, and refused before anything is run.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel
from ...core.errors import InputError, MdbridgeError, MDError
from ...core.units import UNIT_STYLES
from ...md import script
from ...md.observe.base import Atoms
from ...md.observe.curves import COLUMNS
from ...md.observe.schedule import Schedule, on
from ...md.observe.wanted import CARRIED, FITTED
from ...md.session import Session
from ...md.signals import quiet_pipes
from .dumpheaders import PLACES, Header, headers, opened
from .input import FieldsInput
from .run import Times, Watch, curve, frames_in

Array = NDArray[np.float64]

_VELOCITIES = ("velocity", "temperature", "heat_flux")
_FORCES = ("potential_energy", "stress", "heat_flux")
_MASSES = ("density", "velocity", "temperature", *CARRIED)
_SAME = 1e-6
"""Relative difference of two boxes that is due to the digits of a dump."""


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

    if not first.place or not {"id", "type"} <= set(first.columns):
        raise InputError(f"{path}: a trajectory needs the columns id, type and x y z (or xs, xu, xsu …)")
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
        lacking = next((name for name in wanted if name in _FORCES), None)
        if lacking:
            raise InputError(
                f"{path}: '{lacking}' needs the potential, which no dump has: give 'md.script' beside "
                "'md.trajectory', a script that sets it up"
            )
        require(
            _MASSES, "mass" in first.columns, "masses ('mass' among the columns of the dump, or 'md.script')"
        )
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
    # a dump that is packed is not read beyond what is needed
    with quiet_pipes(), _open(comm, config, source, log, path, recorded) as session:
        watch = Watch(comm, config, session, log, folder, None, times)
        _settle(session, watch, path, recorded, config)
        done = iter(range(1, len(recorded) + 1))
        # energies of a part of the atoms are those of no system
        acts = config.md.script is not None and all(h.atoms == session.natoms for h in recorded)
        moves = recorded[0].moves and not watch.setup.biased
        watch.attach(lambda _: tell(next(done, 1) / len(recorded)), moves, acts)
        try:
            session.rerun(_rerun(session.word(path), recorded[0], session.atoms().dimension))
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
    _require_current(session, watch, config)
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


def _require_current(session: Session, watch: Watch, config: FieldsInput) -> None:
    """Refuse what LAMMPS brings up to date between frames alone: in a replay it would be of the start.

    Raises:
        InputError: so it is.
    """
    group = config.observe.group
    # of a dynamic group LAMMPS has a fix
    if f"GROUP_{group}" in session.lmp.available_ids("fix"):
        raise InputError(
            f"observe.group = '{group}': a dynamic group is not brought up to date in a replay; take one "
            "that stays, or a part of the laboratory by grid.region"
        )
    for name, source in config.observe.extra.items():
        style = watch.setup.fixes.get(source.removeprefix("f_").partition("[")[0], "")
        if source.startswith("f_") and style.startswith("ave/"):
            raise InputError(
                f"observe.extra.{name} = '{source}': fix {style} averages over steps that a trajectory does "
                "not have; take what it averages, and observe.average_over"
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
    for step, read in curve([folder])[:, [0, COLUMNS.index("atoms")]].astype(int):
        if read != known[int(step)].atoms:
            raise MDError(
                f"{path}: LAMMPS made {read} atoms of the {known[int(step)].atoms} of step {step}: an ID may "
                "be there twice, or a place be no number, or lie outside of a box that does not repeat"
            )
    for frame in made:
        header = known[int(frame["step"])]
        edges = np.diag(frame["box"])
        if np.abs(edges - np.diag(header.box[1])).max() > _SAME * edges.max():
            raise MDError(
                f"{path}: a fix of the script changes the box at step {header.step}, which is to be that of "
                "the dump; leave it out"
            )


def _rerun(path: str, first: Header, dimension: int) -> str:
    """What the command that replays a dump is told."""
    prefixes = [""]
    if "ix" in first.columns and first.place in ("x", "xs"):
        prefixes.append("i")
    if first.moves:
        prefixes.append("v")
    # LAMMPS refuses to read a third coordinate into a system of two
    columns = [prefix + axis for prefix in prefixes for axis in "xyz"[:dimension]]
    how = f"box yes replace yes trim yes add keep {_read_as(first, dimension)}"
    return f"{path} dump {' '.join(columns)} {how}"


def _read_as(first: Header, dimension: int) -> str:
    """How LAMMPS is to read the positions, and from which columns: it would choose one kind of several."""
    labels = [f"label {axis} {first.place.replace('x', axis)}" for axis in "xyz"[:dimension]]
    return " ".join([PLACES[first.place], *labels])


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
    # a box that cannot lean takes no dump of one that can, and the other way round
    shape = "prism" if first.leans else "block"
    tilts = [repr(float(edges[k])) for k in ((1, 0), (2, 0), (2, 1))] if first.leans else []
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
        region mdbridge_box {shape} {" ".join([*sides, *tilts])} units box
        create_box {len(masses)} mdbridge_box
        neighbor {distance:.6g} bin
        pair_style zero {distance:.6g} nocoeff
        pair_coeff * *
        read_dump {session.word(path)} {first.step} x y z box yes add keep {_read_as(first, 3)}
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
    with opened(path) as stream:
        for line in stream:
            if line.startswith("ITEM: ATOMS"):
                break
        rows = np.array([line.split() for line in itertools.islice(stream, first.atoms)])
    types = rows[:, first.columns.index("type")].astype(int)
    height = rows[:, first.columns.index(first.place.replace("x", "z"))].astype(float)
    # without the column nothing is asked for that takes a mass
    masses = [1.0] * int(types.max())
    if "mass" in first.columns:
        if missing := sorted(set(range(1, len(masses))) - set(types.tolist())):
            raise InputError(
                f"{path}: the first frame has no atom of type {missing[0]} to tell its mass: give 'md.script'"
            )
        column = rows[:, first.columns.index("mass")].astype(float)
        for kind in np.unique(types):
            # a mass belongs to a type here; a script may give each atom its own
            values = np.unique(column[types == kind])
            if len(values) > 1:
                raise InputError(f"{path}: atoms of type {kind} have different masses: give 'md.script'")
            masses[kind - 1] = float(values[0])
    return masses, bool(np.ptp(height) == 0.0)
