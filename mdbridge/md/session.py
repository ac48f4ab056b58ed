"""One LAMMPS instance in this process: start, command, run, observe, close.

Observers are called from a ``fix external pf/callback``.  An exception that
leaves such a callback would vanish inside LAMMPS, and a rank that stops alone
would leave its peers waiting; so every call has a guarded local phase, and a
collective phase only after the ranks have agreed that nothing failed.  A
failure stops the run on all ranks, at the latest a few steps later, and is
raised when ``run`` returns.
"""

import ctypes
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import ConvergenceError, InputError, MdbridgeError, MDError, ObserverError
from ..core.parallel import abort
from . import sources
from .engine import lammps
from .language import quoted
from .live import LiveAtoms
from .memory import Memory
from .observe.base import Atoms, Observer, adapted
from .observe.schedule import Schedule, following
from .potentials import find_potentials, potential
from .signals import Signals

__all__ = ["Atoms", "Observer", "Session", "find_potentials", "potential"]

_FIX = "mdbridge_observers"
_AGREE_EVERY = 10  # steps between two agreements where nothing else makes the ranks meet


@dataclass
class _Watch:
    """An attached observer, its schedule, and the step it acted on last."""

    plain: Any  # as it was attached
    observer: Observer
    schedule: Schedule
    last: int = -1


class Session:
    """A LAMMPS instance on a communicator; use it as a context manager.

    Args:
        comm: the ranks that run it together.
        log: LAMMPS's own log file, or none.
    """

    def __init__(self, comm: MPI.Comm, log: Path | None = None):
        arguments = ["-log", str(log) if log else "none", "-screen", "none", "-nocite"]
        self.comm, self.log = comm, log
        self.lmp = lammps.lammps(cmdargs=arguments, comm=comm)
        self.image_bits = 10 if self.lmp.extract_setting("imageint") == 4 else 21
        self._watchers: list[_Watch] = []
        self._failure: tuple[int, BaseException] | None = None  # of this rank, not yet raised
        self._stopped = False  # the ranks have agreed to end the run
        self._changed = True  # since the last set-up of a run
        self._memory = Memory(self.lmp)
        self._flag = np.zeros(1, dtype=np.int32)
        self._any = np.zeros(1, dtype=np.int32)
        self._fresh = True
        self._quiet = False
        self._signals = Signals()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def memory(self) -> float:
        """Bytes that LAMMPS's arrays take on all ranks (collective)."""
        megabytes = (ctypes.c_double * 3)()
        self.lmp.lib.lammps_memory_usage(self.lmp.lmp, megabytes)
        return float(self.comm.allreduce(megabytes[0])) * 2**20

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
            self._changed = self._fresh = True
            self._memory.forget()  # an array may be defined anew under the same name
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

    def variable(self, name: str, value: str | float) -> None:
        """Define a LAMMPS variable that is exactly ``value``, whatever characters are in it.

        A script's own ``variable`` of style index leaves it as it is.

        Raises:
            InputError: LAMMPS has no such name, or no way to write the value.
        """
        word = quoted(name, value)
        if word.isascii():
            self.commands(f"variable {name} index {word}")
        else:  # in a command LAMMPS loses what is not ASCII
            self.commands(f"variable {name} string none")
            self.lmp.set_string_variable(name, str(value))

    def file(self, script: Path) -> None:
        """Run a LAMMPS script, whose commands the log (which there must be) echoes.

        Raises:
            MDError: LAMMPS refused a command; the message holds its own words and the line.
        """
        self._changed = self._fresh = True
        self._memory.forget()
        try:
            with self._signals.held():
                self.lmp.file(str(script))
        except Exception as error:
            text, _, line = str(error).partition("Last input line:")
            line = line.strip() or self._last_logged()
            message = f"{script}: LAMMPS refused '{line}': {_tidy(Exception(text))}"
            if isinstance(error, lammps.MPIAbortException):  # the peers wait inside LAMMPS
                self._abort(message)
            raise MDError(message) from error

    def _last_logged(self) -> str:
        """The command that was echoed last; on the rank that writes the log."""
        if self.log is None or self.comm.rank != 0:
            return "a command"
        self.lmp.flush_buffers()
        before, _, _ = self.log.read_text(errors="replace").partition("\nERROR")
        echoed = [line.strip() for line in before.splitlines() if line.strip()]
        return echoed[-1] if echoed else "its first command"

    def run(self, steps: int, options: str = "") -> None:
        """Run ``steps`` timesteps (``0``: evaluate forces and call the observers).

        Raises:
            MDError: LAMMPS stopped the run.
            KeyboardInterrupt: a rank was interrupted; raised on all ranks if observers were attached.
            ObserverError: an observer failed; raised on all ranks.
        """
        self._announce(self.step - 1)
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

    def attach(self, observer: Any, schedule: Schedule) -> None:
        """Have ``observer`` called on the timesteps of ``schedule``, once each.

        Raises:
            InputError: an array that it needs is not defined.
        """
        plain, observer = observer, adapted(observer)
        observer.prepare(self)
        missing = [name for name in observer.needs if not self.defines(name)]
        if missing:
            raise InputError(
                f"{type(plain).__name__} needs {', '.join(missing)}, which this simulation does not "
                f"define; {sources.remedy(missing[0])}"
            )
        if not self._watchers:
            # forces (all zero) are applied as seldom as LAMMPS allows
            self.commands(f"fix {_FIX} all external pf/callback 1 {2**30}")
            # the library's own function: the wrapper's builds three arrays at every step
            self._call = self.lmp.FIX_EXTERNAL_CALLBACK_FUNC(self._callback)
            self.lmp.lib.lammps_set_fix_external_callback(self.lmp.lmp, _FIX.encode(), self._call, None)
        self._watchers.append(_Watch(plain, observer, schedule))

    def detach(self, observer: Any) -> None:
        """Stop calling ``observer``."""
        for watch in [w for w in self._watchers if w.plain is observer]:
            self._watchers.remove(watch)
            watch.observer.finish()
        if not self._watchers:
            self.commands(f"unfix {_FIX}")

    def view(self, name: str, count: int) -> NDArray[Any]:
        """The first ``count`` rows of a per-atom array, as a view into LAMMPS's memory."""
        return self._memory.view(name, count)

    def box(self) -> NDArray[np.float64]:
        """``(3, 3)`` edge vectors of the box as it is now, one a row."""
        (xlo, ylo, zlo), (xhi, yhi, zhi), xy, yz, xz, *_ = self.lmp.extract_box()
        return np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])

    def corner(self) -> NDArray[np.float64]:
        """``(3,)`` the corner of the box from which its edges go."""
        return np.array(self.lmp.extract_box()[0])

    def defines(self, name: str) -> bool:
        """Whether the per-atom array, compute (``c_ID``), fix (``f_ID``) or variable (``v_name``) exists."""
        return sources.defined(self.lmp, name)

    def atoms(self) -> Atoms:
        """This rank's atoms now."""
        return LiveAtoms(self, self.step, self.lmp.extract_setting("nlocal"))

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

    def masses(self) -> NDArray[np.float64]:
        """``(N,)`` masses (g/mol) in the order of the atom IDs, from the atom types; on all ranks."""
        per_type = self.lmp.numpy.extract_atom("mass").reshape(-1)
        return per_type[self.gather("type", 1)[:, 0].astype(int)]

    @property
    def natoms(self) -> int:
        """Number of atoms on all ranks."""
        return int(self.lmp.get_natoms())

    # --- inside the run ------------------------------------------------------

    def _callback(self, _: object, step: int, count: int, tag: object, x: object, forces: Any) -> None:
        """Called by LAMMPS after the forces, with raw pointers; nothing may be raised from here."""
        if self._fresh:
            # LAMMPS adds what the table of forces holds, and keeps it: observers add nothing
            self._fresh = False
            if count:
                ctypes.memset(forces[0], 0, 3 * count * ctypes.sizeof(ctypes.c_double))
        if self._quiet or self._stopped:
            return
        try:
            # LAMMPS calls twice on the step between two runs
            due = [w for w in self._watchers if w.schedule(step) and w.last != step]
            if self._failure is None:
                self._look(due, step, count)
            # The ranks agree where something is to be combined, else now and then: it costs a
            # synchronisation.  All of them take the same way here, as schedules know the step alone.
            combining = [w.observer for w in due if w.observer.combines]
            if not combining and step % _AGREE_EVERY:
                return
            if self._anywhere(self._failure is not None):
                self._stopped = True
                self.lmp.force_timeout()
                return
            tallied = any(observer.tallies for observer in combining)
            if tallied:
                self.lmp.clearstep_compute()  # else LAMMPS gives what it computed last
            for observer in combining:
                self._combine(observer, step)
            if tallied:
                self._announce(step)
        except BaseException as error:
            if self.comm.size == 1:
                self._failure, self._stopped = (step, error), True
                self.lmp.force_timeout()
            else:  # the peers may wait in the middle of it
                self._abort(f"observer failed at step {step} and left its peers:\n{traceback.format_exc()}")

    def _combine(self, observer: Any, step: int) -> None:
        """The collective phase; an error of ours is raised after its communication, so the others go on.

        The ranks hear of it when they next agree.
        """
        try:
            observer.collective(self.comm)
        except MdbridgeError as error:
            self._failure = self._failure or (step, error)

    def _announce(self, step: int) -> None:
        """Have LAMMPS tally energies and virials on the next step after ``step`` that anyone reads them.

        LAMMPS leaves them out on steps that were not announced, and refuses to give them.
        """
        coming = [following(w.schedule, step) for w in self._watchers if w.observer.tallies]
        known = [n for n in coming if n is not None]
        if known:
            self.lmp.addstep_compute_all(min(known))

    def _look(self, due: "list[_Watch]", step: int, count: int) -> None:
        """The local phase: what goes wrong is kept until the ranks next agree."""
        try:
            self._signals.deliver()
            atoms = LiveAtoms(self, step, count)
            for watch in due:
                watch.last = step
                watch.observer.local(atoms)
        except BaseException as error:
            self._failure = (step, error)

    def _anywhere(self, flag: bool) -> bool:
        """Whether ``flag`` is set on any rank (collective, and cheap)."""
        self._flag[0] = flag
        self.comm.Allreduce(self._flag, self._any, MPI.LOR)
        return bool(self._any[0])

    def _raise_failure(self) -> None:
        """After a run: raise on all ranks what went wrong on any (collective where anything is attached)."""
        if not self._watchers or not self._anywhere(self._failure is not None):
            return
        step, mine = self._failure or (0, None)
        stopped, self._stopped, self._failure = self._stopped, False, None
        if stopped:
            self.commands("timer timeout off")  # else the next run would stop at once
        stop = mine if isinstance(mine, KeyboardInterrupt | SystemExit) else None
        text = None if mine is None else f"{type(mine).__name__}: {mine}"
        reports = self.comm.allgather((stop, step, text))
        for stop, *_ in reports:
            if stop is not None:
                raise stop
        rank, step, text = next((r, step, text) for r, (_, step, text) in enumerate(reports) if text)
        raise ObserverError(f"observer failed at step {step} on rank {rank}: {text}", step, rank) from mine

    def _abort(self, message: str) -> None:
        if self.comm.size == 1:
            raise MDError(message)
        sys.stderr.write(f"mdbridge: error: {message}\n")
        abort(self.comm, 1)


def _table(array: NDArray[Any]) -> NDArray[Any]:
    """A per-atom vector as a table of one column, a table as it is; a view."""
    return array if array.ndim == 2 else array[:, None]


def _tidy(error: Exception) -> str:
    """LAMMPS's message on one line, without its source position and pointers to the manual."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("For more information", "http"))]
    return " ".join(kept).split(" (src/")[0]
