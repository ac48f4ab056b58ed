"""One LAMMPS instance in this process: start, command, run, observe, close."""

import ctypes
import functools
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core import parallel
from ..core.errors import ConvergenceError, InputError, MDError
from . import ending, instance, language, peratom, sources
from .engine import lammps
from .folder import Folder
from .live import LiveAtoms
from .memory import Memory
from .observe.base import Atoms, Observer
from .observe.schedule import Schedule
from .potentials import find_potentials, potential
from .signals import Signals
from .steady import Steady
from .watching import Watching

__all__ = ["Atoms", "Observer", "Session", "find_potentials", "potential"]

_FIX = "mdbridge_observers"
_ADDRESS = (ctypes.c_void_p,)

# Commands in the course of which LAMMPS may make steps.
_RUNNERS = frozenset(
    ["run", "minimize", "rerun", "if", "include", "jump", "partition", "temper", "neb", "prd", "tad", "hyper"]
)
_NOT_WITH_DUMPS = frozenset(["change_box", "reset_timestep"])


class Session:
    """A LAMMPS instance on a communicator; use it as a context manager.

    Args:
        comm: the ranks that run it together.
        log: LAMMPS's own log file, or none.
        lmp: an instance that someone else has made, on the same ranks (a ``lammps.lammps``, or
            what holds one as its ``lmp``); it is watched, and left open.
        cmdargs: further switches of LAMMPS's command line (``-sf omp -pk omp 2``), for an instance
            of our own.
    """

    def __init__(self, comm: MPI.Comm, log: Path | None = None, lmp: Any = None, cmdargs: Sequence[str] = ()):
        self.comm = comm
        self.owned = lmp is None
        self.log = log
        self.lmp = instance.started(comm, log, cmdargs) if self.owned else instance.taken(comm, lmp)
        self.image_bits = 10 if self.lmp.extract_setting("imageint") == 4 else 21
        self._changed = True  # since the last set-up of a run
        self._memory = Memory(self.lmp)
        # per-atom arrays as views, many times at every step
        self.view, self.views = self._memory.view, self._memory.views
        self.stand_ins: dict[str, str] = {}  # for keywords that the script's thermo_style does not have
        self._fresh = True  # the forces that the fix adds may hold anything
        self._torn = False  # LAMMPS may not be closed
        self._quiet = False
        self._words = 0  # paths that are held by variables
        self._steady: Steady | None = None
        self._signals = Signals()
        self._folder = Folder()
        self._watching = Watching(self)

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
        """End the instance, if it is ours, else stop watching it (collective); twice does no harm."""
        if self.lmp is None:
            return
        try:
            self._watching.close()
            if not self.owned and self._hooked:
                self.quietly(f"unfix {_FIX}")
        finally:
            if self.owned and self._torn:
                self.lmp.opened = 0  # else Python would close it with the object
            elif self.owned:
                self.lmp.close()
            self.lmp = None

    @property
    def folder(self) -> Path:
        """To which the names of files in a script are relative."""
        return self._folder.path or Path.cwd()

    @property
    def step(self) -> int:
        """The current timestep."""
        return int(self.lmp.extract_global("ntimestep"))

    @property
    def natoms(self) -> int:
        """Number of atoms on all ranks."""
        return self._memory.natoms()

    # --- commands ----------------------------------------------------------------

    def commands(self, text: str) -> None:
        """Give LAMMPS commands, in all of its language; files are relative to the working directory.

        Raises:
            MDError: LAMMPS refused one; the message holds its own words and the command.
            ObserverError: an observer failed in a run that one started; raised on all ranks.
            KeyboardInterrupt: a rank was interrupted; raised on all ranks if observers were attached.
        """
        lines = list(language.logical_lines(text))
        if any(re.search(r"\b(jump|label)\b", line) for line in lines):
            self._jumping(text)
            return
        for line in lines:
            self._command(line)

    def _command(self, line: str, inside: bool = False) -> None:
        word = line.split(maxsplit=1)[0]
        if word == "quit":
            raise MDError("'quit' would end the whole process; leave it out")

        def give() -> None:
            self._give(lambda: self.lmp.command(line), line, in_folder=inside)

        if word == "run" and " pre no" in " ".join(line.split()) and self._watching.watches:
            self._require_set_up(line)
        if word in _RUNNERS or "$" in word:
            self._watched(give, replay=word == "rerun", here=word == "run" and " every " not in line)
            self._changed = word != "run"
            return
        if word in _NOT_WITH_DUMPS:
            self._watching.recording.pause()
        give()
        self._watching.raise_failure()

    def _require_set_up(self, line: str) -> None:
        """A run that is not set up does not take notice of what has been defined since the one before."""
        if self._changed or self._watching.recording.open:
            raise InputError(
                f"'{line}' leaves out the set-up of a run, without which LAMMPS does not take notice of the "
                "observers (or of what was given since the last run); leave 'pre no' out"
            )

    def _jumping(self, text: str) -> None:
        """Commands that jump, which LAMMPS can do in a file alone."""

        def write() -> str:
            with tempfile.NamedTemporaryFile("w", prefix="commands-", suffix=".in", delete=False) as file:
                file.write(text)
            return file.name

        name = parallel.on_root(self.comm, write)
        try:
            self._watched(lambda: self._give(lambda: self.lmp.file(name), "", "commands"))
        finally:
            if self.comm.rank == 0:  # no agreement: the others may be on another way out
                Path(name).unlink(missing_ok=True)

    def file(self, script: Path) -> None:
        """Run a LAMMPS script; files that it names are relative to its folder, now and in later runs.

        Raises:
            MDError: LAMMPS refused a command; the message holds its own words and the line.
            ObserverError: an observer failed in a run of the script; raised on all ranks.
        """
        path = Path(script).resolve()
        self._folder.path = path.parent
        self._watched(lambda: self._give(lambda: self.lmp.file(str(path)), "", str(script), in_folder=True))

    def variable(self, name: str, value: str | float, as_word: bool = False) -> None:
        """Define a LAMMPS variable that is exactly ``value``, whatever characters are in it.

        A script's own ``variable`` of style index leaves it as it is.

        Args:
            name: of the variable.
            value: text or number.
            as_word: if there are blanks in it, it is to be one word where it is used, as a path is.

        Raises:
            InputError: LAMMPS has no such name, or no way to write the value.
        """
        word = language.quoted(name, value)
        text = f'"{value}"' if as_word and " " in str(value) else str(value)
        if word.isascii() and text == str(value):
            self.commands(f"variable {name} index {word}")
        else:  # in a command LAMMPS loses what is not ASCII, and the quotes
            self.commands(f"variable {name} string none")
            self.lmp.set_string_variable(name, text)

    def word(self, path: Path) -> str:
        """A path as one word of a command, whatever characters are in it.

        Blanks would make several words of it, and LAMMPS drops from a command what is not ASCII; so
        such a path is put into a variable, of which the word is the name.
        """
        if re.fullmatch(r"[\w./+,:=@-]+", str(path), re.ASCII):
            return str(path)
        self._words += 1
        name = f"mdbridge_word_{self._words}"
        self.variable(name, str(path), as_word=True)
        return f"${{{name}}}"

    def quietly(self, *commands: str) -> None:
        """Give commands that make no steps, for what watches the runs.

        Raises:
            MDError: LAMMPS refused one.
        """
        for line in commands:
            self._give(functools.partial(self.lmp.command, line), line)

    def run(self, steps: int, options: str = "", within: tuple[int, int] | None = None) -> int:
        """Run ``steps`` timesteps (``0``: evaluate forces and call the observers).

        Args:
            steps: how many.
            options: of LAMMPS's ``run``, behind its number of steps.
            within: first and last step of the whole run that this is a part of: ramps (of thermostats and
                barostats, ``fix deform``) go from the one to the other.

        Returns:
            The steps that were made: fewer if the simulation stopped early (``fix halt``, ``timer timeout``).

        Raises:
            MDError: LAMMPS stopped the run.
            KeyboardInterrupt: a rank was interrupted; raised on all ranks if observers were attached.
            ObserverError: an observer failed; raised on all ranks.
        """
        before = self.step
        self._command(_run(steps, options, within), inside=True)
        return self.step - before

    def write_restart(self, path: Path, within: tuple[int, int] | None = None) -> None:
        """Write a restart file (collective); no observer is called.

        Args:
            path: of the file.
            within: of a box that flows ('remap v'), as of :meth:`run`.  LAMMPS takes atoms that have left the
                box back into it when it writes the file, but as in a run of no steps, in which no box moves:
                with this they are taken back before, with the velocity of the box.
        """
        if within is not None:
            self._unseen(_run(0, "post no", within))
        self.quietly(f"write_restart {self.word(path)}")

    def rerun(self, arguments: str) -> None:
        """LAMMPS's ``rerun``; what the script's fixes write goes where its own runs write it.

        Args:
            arguments: the dump's path, absolute, and how LAMMPS is to read it.

        Raises:
            MDError: LAMMPS refused it.
            ObserverError: an observer failed; raised on all ranks.
        """
        self._command(f"rerun {arguments}", inside=True)

    def evaluate(self) -> None:
        """Forces at the present positions; no observer is called.

        Cheap where nothing but positions has changed since the last run; after any
        other command LAMMPS must be set up again, or it follows pointers to what is gone.
        """
        self._unseen("run 0 post no" if self._changed else "run 1 pre no post no")

    def _unseen(self, line: str) -> None:
        """A run of which no observer is told."""
        if self._watching.recording.open:
            self._watching.recording.pause()
        self._quiet = True
        try:
            self._give(lambda: self.lmp.command(line), line, in_folder=True)
            self._changed = False
        finally:
            self._quiet = False

    def minimize(self, force: float, iterations: int) -> None:
        """LAMMPS's conjugate gradients down to a largest force component of ``force`` (units of the script).

        Raises:
            ConvergenceError: it stopped before.
        """
        self.commands("min_style cg\nmin_modify norm max")
        self._command(f"minimize 0.0 {force} {iterations} {20 * iterations}", inside=True)
        reached = self.lmp.get_thermo("fmax")
        if not reached <= force:
            raise ConvergenceError(
                f"minimisation stopped at a largest force of {reached:.2e}, above {force:.0e}, "
                f"within {iterations} iterations; allow more, or loosen the tolerance"
            )

    def _watched(self, give: Callable[[], None], replay: bool = False, here: bool = False) -> None:
        """Give a command that may run, and tell the observers all of it."""
        watching = self._watching
        if not watching.watches:
            give()
            return
        if not self._hooked:  # LAMMPS was cleared
            self._hook()
            watching.renew()
        # held until all ranks have agreed: one that left by itself would have its peers wait for it
        with self._signals.held():
            watching.begin(replay, here)
            try:
                give()
            except MDError:
                watching.settle(broken=True)
                watching.raise_failure()
                raise
            watching.settle()
            watching.raise_failure()
        if not self._hooked and self.step > 0:
            raise MDError(
                "LAMMPS was cleared ('clear') and went on without the observers that were attached; "
                "give 'clear' before them, or in a command of its own"
            )

    def _give(self, call: Callable[[], object], line: str, script: str = "", in_folder: bool = False) -> None:
        """One call of LAMMPS: of a command, or of a script, of which LAMMPS says which line it is at.

        Raises:
            MDError: it failed on all ranks; if on one alone, its peers wait inside LAMMPS, and all end.
        """
        self._changed = self._fresh = True
        self._watching.take_over()
        self._memory.forget()  # an array may be defined anew under the same name
        try:
            with self._inside(script or f"'{line}'", in_folder):
                call()
        except Exception as error:
            text, _, last = str(getattr(error, "message", error)).partition("Last input line:")
            line = line or instance.tidy(last) or instance.last_logged(self.lmp, self.log)
            place, said = f"{script}: " if script else "", instance.tidy(text)
            said = instance.explained(text, self.step, self._watching.outputs) or said
            # a pair style that could not read its file has pointers to nowhere, which its end would follow
            self._torn |= language.words(line)[:1] == ["pair_coeff"]
            if isinstance(error, lammps.MPIAbortException):
                self.abort(f"{place}LAMMPS failed on rank {self.comm.rank} in '{line}': {said}")
            raise MDError(f"{place}LAMMPS refused '{line}': {said}") from error

    @contextmanager
    def _inside(self, what: str, in_folder: bool) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._signals.held())
            stack.enter_context(ending.told(what, self.comm.rank == 0))
            if in_folder:
                stack.enter_context(self._folder.entered())
            yield

    # --- observers -------------------------------------------------------------------

    def attach(self, observer: Any, schedule: Schedule) -> None:
        """Have ``observer`` called on the timesteps of ``schedule``, once each.

        Args:
            observer: an :class:`.observe.base.Observer`, or any object with some of its methods.
            schedule: of the steps, as :func:`.observe.schedule.every`.

        Raises:
            InputError: the simulation does not define what it needs.
            MDError: LAMMPS refuses to give it; the message has its own words.
        """
        if not self._hooked:
            self._hook()
        self._watching.add(observer, schedule)

    def detach(self, observer: Any) -> None:
        """Stop calling ``observer``."""
        self._watching.remove(observer)
        if not self._watching.watches and self._hooked:
            self.quietly(f"unfix {_FIX}")

    def catch_up(self) -> None:
        """Tell observers what is left of runs that someone else has started on the same LAMMPS (collective).

        Raises:
            ObserverError: one failed in such a run, or now.
        """
        self._watching.settle()
        self._watching.raise_failure()

    def masses(self) -> NDArray[np.float64]:
        """``(N,)`` masses, in the order of the atom IDs, on all ranks (collective).

        Raises:
            MDError: there are none yet.
        """
        return peratom.masses(self)

    @property
    def _hooked(self) -> bool:
        return bool(self.lmp.has_id("fix", _FIX))

    def _hook(self) -> None:
        # forces (all zero) are applied as seldom as LAMMPS allows
        self.quietly(
            f"fix {_FIX} all external pf/callback 1 {2**30}",
            # left out of the pressure: a barostat asks for it when a run is set up, before this fix has been
            # called, and LAMMPS has put nothing into its virial until then
            f"fix_modify {_FIX} virial no energy no",
        )
        self._steady = None
        # the library's own function: the wrapper's builds three arrays at every step
        kind = self.lmp.FIX_EXTERNAL_CALLBACK_FUNC
        # its second argument is LAMMPS's type of steps; addresses as plain numbers, not as objects made anew
        self._call = ctypes.CFUNCTYPE(None, *_ADDRESS, kind._argtypes_[1], ctypes.c_int, *3 * _ADDRESS)(
            self._callback
        )
        self.lmp.lib.lammps_set_fix_external_callback(
            self.lmp.lmp, _FIX.encode(), ctypes.cast(self._call, kind), None
        )

    def steady(self) -> Steady | None:
        """Compiled code for steps at which nothing but time filters acts; LAMMPS calls it from now on.

        Returns:
            None where there is no such code.
        """
        places = self._memory.places() if self._steady is None else None
        if places is not None:
            address = ctypes.cast(self._call, ctypes.c_void_p).value or 0
            steady = Steady(address, places, self.image_bits)
            if steady.function is not None:
                # the wrapper's function takes a Python object for the argument
                put = ctypes.CFUNCTYPE(None, *_ADDRESS, ctypes.c_char_p, *2 * _ADDRESS)(
                    ("lammps_set_fix_external_callback", self.lmp.lib)
                )
                put(self.lmp.lmp, _FIX.encode(), steady.function, steady.argument)
                self._steady = steady
        return self._steady

    def _callback(self, _: int, step: int, count: int, tag: int, x: int, forces: int) -> None:
        """Called by LAMMPS after the forces, with addresses; nothing may be raised from here."""
        if self._fresh:
            # LAMMPS adds what the table of forces holds, and keeps it: observers add nothing
            self._fresh = False
            if count:
                rows = ctypes.c_void_p.from_address(forces).value
                ctypes.memset(rows or 0, 0, 3 * count * ctypes.sizeof(ctypes.c_double))
        if self._quiet:
            return
        if self._folder.path is None:  # this is called at every step
            self._watching.call(step, count)
            return
        with self._folder.left():
            self._watching.call(step, count)

    def enter_step(self, anew: bool) -> None:
        """LAMMPS is at another step; ``anew``: a run is being set up, before which commands may have been."""
        if anew:
            self._memory.forget()
        self._memory.enter()

    def leave_step(self) -> None:
        """The callback is over."""
        self._memory.leave()

    def minimising(self) -> bool:
        """Whether LAMMPS is in the middle of a minimisation."""
        return bool(self._memory.has_fix(b"MINIMIZE"))

    def deliver_signals(self) -> None:
        """Call the handlers of signals that have arrived during a run."""
        self._signals.deliver()

    def abort(self, message: str) -> None:
        """End all ranks: one has failed where its peers wait for it; alone, raise an MDError."""
        if self.comm.size == 1:
            raise MDError(message)
        sys.stderr.write(f"mdbridge: error: {message}\n")
        self._watching.recording.discard()  # nobody comes back to it
        parallel.abort(self.comm, 1)

    # --- atoms -----------------------------------------------------------------------

    def atoms(self) -> Atoms:
        """This rank's atoms now."""
        return LiveAtoms(self, self.step, self.lmp.extract_setting("nlocal"))

    def box(self) -> NDArray[np.float64]:
        """``(3, 3)`` edge vectors of the box as it is now, one a row."""
        return self._memory.box()[1]

    def corner(self) -> NDArray[np.float64]:
        """``(3,)`` the corner of the box from which its edges go."""
        return self._memory.box()[0]

    def defines(self, name: str) -> bool:
        """Whether a per-atom source (:meth:`.observe.base.Atoms.values`) exists."""
        return sources.defined(self.lmp, name)

    def ids(self) -> NDArray[np.int64]:
        """``(N,)`` the IDs of all atoms, ascending, on all ranks (collective).

        Raises:
            InputError: the atoms have none.
        """
        return peratom.ids(self)

    def gather(self, name: str, columns: int | None = None, unwrapped: bool = False) -> NDArray[np.float64]:
        """``(N, columns)`` a per-atom array of all atoms, in the order of :meth:`ids` (collective).

        Args:
            name: as in :meth:`.observe.base.Atoms.array`.
            columns: the first so many; all if absent.
            unwrapped: carry positions ``x`` over the periodic boundaries, as references must be;
                else they are where LAMMPS keeps them, in the box.

        Raises:
            InputError: the atoms have no IDs, or there is no such array.
        """
        return peratom.gather(self, name, columns, unwrapped)

    def scatter(self, name: str, values: NDArray[np.float64], unwrapped: bool = False) -> None:
        """Set a per-atom array from ``values`` ``(N, columns)``, in the order of :meth:`ids` (collective).

        Args:
            name: as in :meth:`.observe.base.Atoms.array`.
            values: one row an atom; columns beyond theirs are left as they are.
            unwrapped: positions ``x`` are unwrapped ones, and image flags are set to go with them;
                else the flags are left as they are.

        Raises:
            InputError: the atoms have no IDs, there is no such array, or their numbers differ.
        """
        self._watching.births.mark(self.atoms())  # lest it be done over what is set now
        peratom.scatter(self, name, values, unwrapped)


def _run(steps: int, options: str, within: tuple[int, int] | None) -> str:
    """The command of a run."""
    span = "" if within is None else "start {} stop {}".format(*within)
    return " ".join(filter(None, [f"run {steps}", span, options]))
