"""LAMMPS's own dumps of chosen steps, brought back into this process.

LAMMPS calls back after the forces, before a step is at its end, and never at its end.
What it knows at the end of a step it tells in its dumps; so a step that observers are to
see whole is dumped, each rank its own atoms, exactly, and read when LAMMPS calls next.
All of a step is then what a ``dump custom`` says: after all fixes, in whatever order they
stand, under any integrator, at accepted steps of a minimisation, in a ``rerun``; and LAMMPS
itself sees to it that energies and stresses are tallied on these steps.
"""

import mmap
import shutil
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..coarse.terms import MOST_TABLES
from ..core import leftovers, parallel, scratch
from ..core.errors import MDError

if TYPE_CHECKING:
    from .session import Session

Array = NDArray[np.float64]

_NEVER = 2**52
_WIDTH = 6
"""Columns of one dump: LAMMPS goes over all rows for each, and narrow ones are in the cache the longer."""
_FORMAT = 2  # of LAMMPS's binary dumps


@dataclass(frozen=True)
class Snapshot:
    """One step of a dump, as one rank wrote it.

    Attributes:
        step: the timestep.
        time: simulated time.
        corner, box: ``(3,)``, ``(3, 3)`` the box, its edges in rows.
        periodic: whether it repeats along each edge.
        columns: names, as LAMMPS writes them.
        tables: ``(n, k)`` each, which have the columns side by side, the first so many in the first.
    """

    step: int
    time: float
    corner: Array
    box: Array
    periodic: tuple[bool, bool, bool]
    columns: tuple[str, ...]
    tables: tuple[Array, ...]

    @property
    def count(self) -> int:
        """The number of atoms."""
        return len(self.tables[0])

    @property
    def rows(self) -> Array:
        """``(n, columns)`` all of it; a copy where there are several tables."""
        return self.tables[0] if len(self.tables) == 1 else np.hstack(self.tables)

    def beside(self, others: "Sequence[Snapshot]") -> "Snapshot":
        """This one with the columns of others of the same step after its own."""
        if any((other.step, other.count) != (self.step, self.count) for other in others):
            raise MDError(f"the dumps of step {self.step} are not of the same atoms")
        whole = [self, *others]
        columns = tuple(name for part in whole for name in part.columns)
        return replace(self, columns=columns, tables=tuple(t for part in whole for t in part.tables))


def read(path: Path) -> Snapshot:
    """A file of a ``dump custom … .bin`` that holds one step, with its time.

    Raises:
        MDError: it is no such file, or not whole.
    """
    try:
        with path.open("rb") as file:
            # not read but mapped: the rows of many atoms need not be copied
            return _parsed(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (ValueError, IndexError) as error:
        raise MDError(f"{path}: the dump of a step is not whole ({error}); is the disk full?") from error


def _parsed(data: mmap.mmap) -> Snapshot:
    place = 0

    def take(kind: str, count: int = 1) -> NDArray[Any]:
        nonlocal place
        values = np.frombuffer(data, kind, count, place)
        place += values.nbytes
        return values

    length = -int(take("i8")[0])
    name = take("S1", length).tobytes()
    # the format says itself how it is to be read; another revision is refused, not guessed
    endian, revision = take("i4", 2)
    if name != b"DUMPCUSTOM" or endian != 1 or revision != _FORMAT:
        raise ValueError(f"not a known format: {name!r} {endian} {revision}")
    step, _ = (int(n) for n in take("i8", 2))
    triclinic = int(take("i4")[0])
    boundary = take("i4", 6).reshape(3, 2)
    bounds = take("f8", 6).reshape(3, 2)
    tilts = take("f8", 3) if triclinic else np.zeros(3)
    width = int(take("i4")[0])
    take("S1", int(take("i4")[0]))  # style of units
    time = float(take("f8")[0]) if take("i1")[0] else float("nan")
    columns = take("S1", int(take("i4")[0])).tobytes().decode().split()
    blocks = int(take("i4")[0])
    rows = [take("f8", int(take("i4")[0])).reshape(-1, width) for _ in range(blocks)]
    corner, box = _box(bounds, *(float(t) for t in tilts))
    return Snapshot(
        step,
        time,
        corner,
        box,
        (bool(boundary[0, 0] == 0), bool(boundary[1, 0] == 0), bool(boundary[2, 0] == 0)),
        tuple(columns),
        (rows[0] if blocks == 1 else np.concatenate(rows),),
    )


def _box(bounds: Array, xy: float, xz: float, yz: float) -> tuple[Array, Array]:
    """Corner and edges from the bounding box, which is what a dump of a leaning box tells."""
    (xlo, xhi), (ylo, yhi), (zlo, zhi) = bounds
    xlo, xhi = xlo - min(0.0, xy, xz, xy + xz), xhi - max(0.0, xy, xz, xy + xz)
    ylo, yhi = ylo - min(0.0, yz), yhi - max(0.0, yz)
    return np.array([xlo, ylo, zlo]), np.array([[xhi - xlo, 0, 0], [xy, yhi - ylo, 0], [xz, yz, zhi - zlo]])


class Dump:
    """What LAMMPS dumps of steps that are chosen from here, one ahead, in narrow dumps of the same atoms.

    Args:
        session: whose LAMMPS writes it.
        name: of the dump, and of what it needs.
    """

    def __init__(self, session: "Session", name: str):
        self._session, self.name = session, name
        self._variable = f"{name}_due"
        self._folder: Path | None = None
        self._home: Path | None = None
        self._ending: Callable[[], object] = lambda: None
        self.columns: tuple[str, ...] = ()
        self._names: list[str] = []
        self.open = False
        self.due = _NEVER

    def start(
        self, columns: Sequence[str], due: int | None, first: bool, divisor: int, stride: str, keep: str
    ) -> None:
        """Have LAMMPS dump ``columns`` (collective).

        Args:
            columns: as in ``dump custom``.
            due: the first step to dump.
            first: dump the step at which the next run is set up, too.
            divisor: divides all steps that will be due; LAMMPS checks whether fixes are current on such.
            stride: LAMMPS formula of the next step, where :meth:`aim` is not called in time.
            keep: further words of ``dump_modify``.

        Raises:
            MDError: LAMMPS refuses a column; the message has its own words.
        """
        self.stop()
        self.columns = tuple(columns)
        folder, name = self._make_folder(len(columns)), self.name
        self._session.quietly(
            f"variable {self._variable} internal 0",
            f'variable {name}_next equal "ternary(v_{self._variable} > step, v_{self._variable}, {stride})"',
        )
        # of few atoms there is nothing to go over
        width = len(columns) if keep else max(_WIDTH, -(-len(columns) // MOST_TABLES))
        parts = [columns[start : start + width] for start in range(0, len(columns), width)]
        # LAMMPS writes them in the order of their definition: where the first part is, all are
        for number in reversed(range(len(parts))):
            # one file a rank and step (%): each rank writes and reads its own atoms
            path = folder / _file(number, "*", "%")
            part = f"{name}_{number}" if number else name
            self._names.append(part)
            self._session.quietly(
                f"dump {part} all custom {divisor} {path} {' '.join(parts[number])}",
                f"dump_modify {part} every v_{name}_next first {'yes' if first else 'no'} time yes {keep}",
            )
        self.open = True
        self.aim(due)

    def aim(self, due: int | None) -> None:
        """Dump step ``due`` next, after the one that is next already; may be called in a callback."""
        # if none, one that is never reached, but to which LAMMPS can count
        self.due = _NEVER if due is None else due
        self._session.lmp.set_internal_variable(self._variable, float(self.due))

    def stop(self) -> None:
        """Dump no more (collective); what has been dumped can still be taken."""
        for part in self._names:
            if self._session.lmp.has_id("dump", part):
                self._session.quietly(f"undump {part}")
        self._names = []
        self.open = False

    def path(self, step: int, part: int = 0) -> Path:
        """The file of a step, of this rank; of the first columns, or the ``part``-th that come after."""
        assert self._folder is not None
        return self._folder / _file(part, str(step), str(self._session.comm.rank))

    def has(self, step: int) -> bool:
        """Whether a step has been dumped and not been taken; the same on all ranks, once it is over."""
        return self._folder is not None and self.path(step).exists()

    def steps(self) -> list[int]:
        """The steps that have been dumped and not been taken."""
        if self._folder is None or not self._folder.is_dir():
            return []
        kind, _, mine = _file(0, "*", str(self._session.comm.rank)).partition("*")
        names = [path.name for path in self._folder.iterdir()]
        ours = [name for name in names if name.startswith(kind) and name.endswith(mine)]
        return sorted(int(name[len(kind) : -len(mine)]) for name in ours)

    def take(self, step: int) -> Snapshot:
        """What was dumped of a step; its files are gone then.

        Raises:
            MDError: a file is not whole, or not there.
        """
        try:
            first, *others = [read(path) for path in self._files(step)]
            return first.beside(others)
        except FileNotFoundError as error:
            raise MDError(f"{error.filename}: the dump of step {step} is gone") from error
        finally:
            self.drop(step)

    def drop(self, step: int) -> None:
        """Forget a step."""
        for path in self._files(step) if self._folder is not None else ():
            path.unlink(missing_ok=True)

    def _files(self, step: int) -> list[Path]:
        """The files of a step: it may have been written with more columns than there are now."""
        known = [self.path(step)]
        while (path := self.path(step, len(known))).exists():
            known.append(path)
        return known

    def close(self) -> None:
        """Dump no more, and keep nothing (collective)."""
        self.stop()
        self._leave()

    def discard(self) -> None:
        """Remove what all ranks have written: they are about to be ended."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _leave(self) -> None:
        """Have done with the folder; another rank may still be reading its own files there."""
        if self._folder is not None:
            self._ending()
            self._folder = None

    def _make_folder(self, columns: int) -> Path:
        """A temporary folder of the same name on all ranks, which need not share a disk."""
        comm, lmp = self._session.comm, self._session.lmp
        size = self._session.natoms * columns * 8
        if lmp.extract_global("respa_levels"):
            size = _NEVER  # whose steps are read at the end of a run alone, all of them
        # its own thing on every node: the first rank's word counts
        home = parallel.on_root(comm, lambda: _plain(scratch.home(size)))
        if home != self._home:
            left = comm.allreduce(len(parallel.agreed(comm, self.steps)))
            if not left:
                self._leave()
                self._home = home
        if self._folder is None:

            def make() -> Path:
                folder, leave = scratch.make(home, leftovers.share)
                self._end_with(leave)
                return folder

            folder = self._folder = parallel.on_root(comm, make)
            parallel.agreed(comm, lambda: self._join(folder))
        return self._folder

    def _join(self, folder: Path) -> None:
        """Make the folder where this rank does not see that of the first."""
        if self._session.comm.rank > 0:
            folder.mkdir(parents=True, exist_ok=True)
            self._end_with(leftovers.share(folder))

    def _end_with(self, leave: Callable[[], None]) -> None:
        # also where a session is never closed: when the program ends
        self._ending = weakref.finalize(self, leave)


def _file(part: int, step: str, rank: str) -> str:
    """The name of a file: of a step, a rank, and some of the columns."""
    return f"part{part}.{step}.{rank}.bin"


def _plain(home: Path) -> Path:
    """A folder whose name LAMMPS does not lose in its commands, nor takes for something else."""
    return Path("/tmp") if set(str(home)) & set("%*\"'$# &") or not str(home).isascii() else home
