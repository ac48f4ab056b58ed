"""Who looks at a running simulation, when, and what happens if one of them fails.

LAMMPS calls back after the forces of every step (``fix external pf/callback``).  An
exception that leaves such a call would vanish inside LAMMPS, and a rank that stops alone
would leave its peers waiting; so every look has a guarded local phase, and a collective
phase only after the ranks have agreed that nothing failed.  A failure stops the run on all
ranks, at the latest a few steps later, and is raised by the command that started it.

Observers of the end of a step are told at the next call, or when the command is over, from
LAMMPS's own dump of the step (:mod:`.dumps`).
"""

import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI

from ..core.errors import InputError, MdbridgeError, ObserverError
from . import sources
from .births import Births
from .live import LiveAtoms
from .observe.base import Filtering, Observer, adapted
from .observe.schedule import Schedule, Trigger
from .recording import Recording
from .steady import Filter, Present, Steady
from .watch import Look, Watch, next_step

if TYPE_CHECKING:
    from .session import Session

_AGREE_EVERY = 10  # steps between two agreements where nothing else makes the ranks meet
_NEVER = 2**62  # a step that does not come


class Watching:
    """The observers of one session.

    Args:
        session: whose runs are watched.
    """

    def __init__(self, session: "Session"):
        self._session = session
        self.watches: list[Watch] = []
        self.recording = Recording(session)
        self._forces: list[Watch] = []
        self._ends: list[Watch] = []
        self.births = Births(session)
        self._served: set[Watch] = set()  # looked right after the forces since the last set-up
        self._failure: tuple[int, BaseException] | None = None  # of this rank, not yet raised
        self._refusal: InputError | None = None  # of what cannot be watched at all
        self._stopped = False  # the ranks have agreed to end the run
        self._at: int | None = None  # the step of the last call
        self._set_up = False  # the last call was that of a set-up, no step has been made since
        self._minimising = False
        self._alone = session.comm.size == 1
        self._steady: list[Watch] = []  # act right after the forces of every step, each rank for itself
        self._filters: list[Filtering] | None = None  # all that these do, where compiled code can do it
        self._steps: Steady | None = None  # the compiled code
        self._quiet_until = -1  # the first step at which more than these is to be done
        self._flag = np.zeros(1, dtype=np.int32)
        self._any = np.zeros(1, dtype=np.int32)

    # --- who ------------------------------------------------------------------

    def add(self, plain: Any, schedule: Schedule) -> None:
        """Attach an observer, after those that are there.

        Raises:
            InputError: the simulation does not define what it needs.
        """
        observer = adapted(plain)
        observer.prepare(self._session)
        watch = Watch(plain, observer, schedule)
        self._require(watch)
        self.watches.append(watch)
        try:
            self._arrange()
        except MdbridgeError:
            self.watches.pop()
            self._arrange()
            raise

    def remove(self, plain: Any) -> None:
        """Detach an observer."""
        for watch in [w for w in self.watches if w.plain is plain]:
            self.watches.remove(watch)
            watch.observer.finish()
        self._arrange()

    def renew(self) -> None:
        """After LAMMPS's ``clear``: have observers define again what they need.

        Raises:
            InputError: the simulation that there is now does not define the rest of it.
        """
        for watch in self.watches:
            watch.last = -1
            watch.observer.prepare(self._session)
            self._require(watch)
        self._at = None
        self._arrange()

    def _arrange(self) -> None:
        """Sort the observers by what they look at, and set up what they need (collective)."""
        self.take_over()  # lest compiled code go on with a filter that is gone
        self._forces = [w for w in self.watches if w.observer.moment == "forces"]
        self._ends = [w for w in self.watches if w.observer.moment == "end"]
        self._steady = [w for w in self._forces if w.steady and not w.combines and not w.observer.tallies]
        self._filters, self._steps, self._quiet_until = None, None, -1
        self.births.watch([w.observer for w in self.watches])
        self.recording.serve(self._ends)
        self.recording.start(first=not self._session.owned)

    def _require(self, watch: Watch) -> None:
        observer, name, defined = watch.observer, watch.name, self._session.defines
        missing = [s for s in observer.needs if not defined(s)]
        if missing:
            raise InputError(
                f"{name} needs {', '.join(missing)}, which this simulation does not define; "
                f"{sources.remedy(missing[0])}"
            )
        for quantity in observer.thermo:
            if words := sources.refused(self._session.lmp, quantity):
                raise InputError(f"{name} reads '{quantity}', which this simulation does not give: {words}")
        groups = self._session.lmp.available_ids("group")
        for group in observer.groups:
            if group not in groups:
                known = ", ".join(filter(None, groups))
                raise InputError(f"{name}: the simulation has no group '{group}'; it has {known}")

    @property
    def outputs(self) -> list[str]:
        """Outputs of fixes that observers read, ``f_ID``."""
        return sorted({s for watch in self.watches for s in watch.observer.needs if s.startswith("f_")})

    def close(self) -> None:
        """Let all observers finish, and leave nothing behind in LAMMPS (collective)."""
        watches, self.watches = self.watches, []
        for watch in watches:
            watch.observer.finish()
        self.recording.close()

    def _announce(self, step: int) -> None:
        """Have LAMMPS tally energies and virials on the next step after ``step`` that someone reads mid-step.

        LAMMPS leaves them out on steps that were not announced, and refuses to give them.
        """
        coming = next_step([w for w in self.watches if w.observer.tallies], step)
        if coming is not None:
            self._session.lmp.addstep_compute_all(coming)

    # --- inside a run ------------------------------------------------------------

    def begin(self, replay: bool = False, here: bool = False) -> None:
        """A command is about to be given that may run.

        Args:
            replay: its steps may be old ones (``rerun``).
            here: it sets up one run, at the present step, and nothing else.
        """
        self.take_over()
        if self.recording.open:
            self.settle()  # of runs that were not started through the session
        self._at, self._set_up, self._minimising, self._quiet_until = None, False, False, -1
        if replay:
            for watch in self.watches:
                watch.last = -1
        if self.births.references:
            self.births.carry_over()
        # elsewhere a script may count its steps anew before it runs
        first = not here or any(watch.schedule(self._session.step) for watch in self._ends)
        self.recording.start(first)
        self._announce(self._session.step - 1)

    def call(self, step: int, count: int) -> None:
        """LAMMPS has computed the forces of ``step``; nothing may be raised from here."""
        self.take_over()
        if self._stopped:
            return
        # nearly all steps: made short, as each line costs where LAMMPS has taken the processor's cache
        if step < self._quiet_until and step - 1 == self._at and self.births.known(count):
            self._call_steady(step, count)
            return
        try:
            before, self._at = self._at, step
            self._set_up = before is None or (step != before + 1 and self._elapsed() == 0)
            if self._set_up:
                self._served.clear()
                self._refuse_respa(step)
            elif step == before:
                self._refuse_trials(step)
            self._session.enter_step(self._set_up)
            # LAMMPS asks for trial states, too, in the middle of a minimisation, which is set up as runs are
            if self._set_up or self._minimising:
                self._minimising = self._session.minimising()
            looks: list[Look] = []
            if self._ends:
                for recorded in self.recording.ready(step):
                    looks += self._read(recorded)
                self.recording.aim(step, self._set_up)
            atoms = None
            if not self._minimising:
                due = [w for w in self._forces if w.last != step and (w.steady or w.schedule(step))]
                atoms = LiveAtoms(self._session, step, count, mid_step=True)
                for watch in due:
                    atoms.tallied |= watch.observer.tallies
                    looks.append((watch, atoms))
                self._served.update(due)
            self._look(looks, step, atoms)
            self._quiet_until = self._next_busy(step)
            self._filters = self._filtering()
            self._hand_over(step, count)
        except BaseException as error:
            self._broken(step, error)
        finally:
            self._session.leave_step()

    def _call_steady(self, step: int, count: int) -> None:
        """A step after the one before at which only those look that always do."""
        session, self._at, self._set_up = self._session, step, False
        session.enter_step(False)
        atoms = LiveAtoms(session, step, count, mid_step=True)
        try:
            session.deliver_signals()
            for watch in self._steady:
                watch.last = step
                watch.observer.local(atoms)
        except BaseException as error:
            self._failure, self._quiet_until = (step, error), -1
        try:
            # what went wrong on one rank the others hear of when they agree
            if (self._alone or step % _AGREE_EVERY == 0) and self._anywhere(self._failure is not None):
                self._stop()
            elif self._failure is None:
                self._hand_over(step, count)
        except BaseException as error:
            self._broken(step, error)
        finally:
            session.leave_step()

    def _filtering(self) -> list[Filtering] | None:
        """What the steady observers do at the coming steps, if time filters are all of it."""
        steps = [watch.observer.filtering() for watch in self._steady]
        filters = [step for step in steps if step is not None]
        return filters if len(filters) == len(steps) else None

    def _hand_over(self, step: int, count: int) -> None:
        """Let compiled code do the steps from the next on at which filters act and nothing else."""
        until = min(self._quiet_until, step + _AGREE_EVERY - step % _AGREE_EVERY)
        if step + 1 >= until or self._filters is None:
            return
        session = self._session
        if self._steps is None:
            self._steps = session.steady()
        if self._steps is not None:
            arrays = [session.views((f.smoothed, f.reference), count) for f in self._filters]
            filters = [Filter(a[0], a[1], f.weight) for a, f in zip(arrays, self._filters, strict=True)]
            atoms = Present(session.natoms, session.view("image", count), *self.births.seen(count))
            self._steps.arm(step, until, atoms, filters)

    def take_over(self) -> None:
        """What compiled code has done since Python last looked is done; from now on Python does the steps."""
        if self._steps is None:
            return
        step = self._steps.disarm()
        if self._at is not None and step > self._at:
            self._at, self._set_up = step, False
            for watch in self._steady:
                watch.last = step

    def _next_busy(self, step: int) -> int:
        """The first step after ``step`` at which there is more to do than :meth:`_call_steady` does."""
        if self._minimising or self._failure is not None or self.recording.expects:
            return -1
        others = [watch for watch in self.watches if watch not in self._steady]
        # a plain function would have to be asked for every step to come
        if not all(isinstance(watch.schedule, Trigger) for watch in others):
            return -1
        coming = next_step(others, step)
        return _NEVER if coming is None else coming

    def _elapsed(self) -> float:
        """Steps since the run was set up."""
        return float(self._session.lmp.get_thermo("elapsed"))

    def _read(self, step: int, again: bool = False, broken: bool = False) -> list[Look]:
        """Looks at the end of a step that has been recorded (collective)."""
        looks, error = self.recording.read(step, [w for w in self._ends if w.due(step, again)], broken)
        if error is not None and self._failure is None:
            self._failure = (step, error)
        return looks

    def _look(self, looks: list[Look], step: int, present: LiveAtoms | None = None) -> None:
        """Have observers look: first alone, then, if all is well on all ranks, together.

        Args:
            looks: who looks at what.
            step: at which LAMMPS is.
            present: the atoms of that step, among which new ones may be.
        """
        for watch, atoms in looks:
            watch.last = atoms.step  # also on a rank that has failed: the ranks must stay of one mind
        if self._failure is None:
            self._look_alone(looks, step, present)
        # The ranks agree where something is to be combined, else now and then: it costs a
        # synchronisation.  All of them take the same way here, as triggers know the step alone.
        combining = [(watch.observer, atoms.step) for watch, atoms in looks if watch.combines]
        if not combining and step % _AGREE_EVERY and not self._alone:
            return
        if self._anywhere(self._failure is not None):
            self._stop()
            return
        tallied = any(observer.tallies for observer, _ in combining)
        if tallied:
            self._session.lmp.clearstep_compute()  # else LAMMPS gives what it computed last
        for observer, at in combining:
            self._look_together(observer, at)
        if tallied:
            self._announce(step)

    def _look_alone(self, looks: list[Look], step: int, present: LiveAtoms | None) -> None:
        """The local phase: what goes wrong is kept until the ranks next agree."""
        at = step
        try:
            self._session.deliver_signals()
            if present is not None and self.births.watching:
                self.births.mark(present)
            for watch, atoms in looks:
                at = atoms.step
                watch.observer.local(atoms)
        except BaseException as error:
            self._failure = (at, error)

    def _look_together(self, observer: Observer, step: int) -> None:
        """The collective phase; an error of ours is raised after its communication, so the others go on.

        The ranks hear of it when they next agree.
        """
        try:
            observer.collective(self._session.comm)
        except MdbridgeError as error:
            self._failure = self._failure or (step, error)

    def _stop(self) -> None:
        self._stopped = True
        self._session.lmp.force_timeout()

    def _broken(self, step: int, error: BaseException) -> None:
        """Something failed where the peers may wait in the middle of it."""
        if self._session.comm.size > 1:
            self._session.abort(
                f"observer failed at step {step} and left its peers:\n{traceback.format_exc()}"
            )
        self._failure = self._failure or (step, error)
        self._stop()

    def _refuse_respa(self, step: int) -> None:
        """Under respa LAMMPS calls back at set-ups alone."""
        if self._session.lmp.extract_global("respa_levels") and (self._forces or self.births.watching):
            name = [*self._forces, *self.watches][0].name
            self._refuse(
                step,
                f"run_style respa: {name} looks right after the forces of each step, which LAMMPS does not "
                "tell of under respa; use 'run_style verlet'",
            )

    def _refuse_trials(self, step: int) -> None:
        """Some fixes have LAMMPS compute the forces of states that they then reject or undo."""
        seen = next((w for w in self._forces if w.last == step and not self._minimising), None)
        if seen is not None and self._refusal is None:
            self._refuse(
                step,
                f"at step {step} LAMMPS computed forces more than once, of trial states that need not be "
                f"accepted (fix gcmc, atom/swap, widom and the like), and {seen.name} looks "
                "right after the forces: it would take a trial for the step; leave such a fix out, or look "
                "at the end of steps",
            )

    def _refuse(self, step: int, words: str) -> None:
        """End the run, on all ranks: they all come to the same."""
        self._refusal = InputError(words)
        self._failure = (step, self._refusal)
        self._stop()

    # --- after it ------------------------------------------------------------------

    def settle(self, broken: bool = False) -> None:
        """After a command that may have run: tell observers what is left to tell (collective).

        Args:
            broken: LAMMPS refused to go on, and its own words are still to be told.
        """
        self.take_over()
        now = self._session.step
        again = self._set_up and self._at == now  # 'run 0': looked at anew, whatever was seen of the step
        steps = self.recording.left()
        for step in steps:
            if not self._stopped:
                self._settle(self._read(step, again and step == now, broken), step)
            self.recording.drop(step)
        if (again or self._minimising) and not self._stopped:
            left = [w for w in self._forces if w not in self._served and w.due(now, again=True)]
            if now not in steps:
                left += [w for w in self._ends if w.due(now, again=True)]
            atoms = self._session.atoms()
            self._settle([(watch, atoms) for watch in left], now)
        self._set_up = self._minimising = False

    def _settle(self, looks: list[Look], step: int) -> None:
        try:
            self._look(looks, step)
        except BaseException as error:
            self._broken(step, error)

    def raise_failure(self) -> None:
        """Raise on all ranks what went wrong on any (collective where anything is attached)."""
        if not self.watches:
            return
        try:
            self._session.deliver_signals()
        except BaseException as error:
            self._failure = self._failure or (self._session.step, error)
        if not self._anywhere(self._failure is not None):
            return
        step, mine = self._failure or (0, None)
        stopped, self._stopped, self._failure = self._stopped, False, None
        if stopped:
            self._session.quietly("timer timeout off")  # else the next run would stop at once
        refusal, self._refusal = self._refusal, None
        if refusal is not None:  # on all ranks
            raise refusal
        stop = mine if isinstance(mine, KeyboardInterrupt | SystemExit) else None
        text = None if mine is None else _told(mine)
        reports = self._session.comm.allgather((stop, step, text))
        for stop, *_ in reports:
            if stop is not None:
                raise stop
        rank, step, text = next((r, step, text) for r, (_, step, text) in enumerate(reports) if text)
        raise ObserverError(f"observer failed at step {step} on rank {rank}: {text}", step, rank) from mine

    def _anywhere(self, flag: bool) -> bool:
        """Whether ``flag`` is set on any rank (collective, and cheap)."""
        if self._alone:
            return flag
        self._flag[0] = flag
        self._session.comm.Allreduce(self._flag, self._any, MPI.LOR)
        return bool(self._any[0])


def _told(error: BaseException) -> str:
    """What went wrong; where, if the error has no words of its own."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"(no message; line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""
    return f"{type(error).__name__}: {str(error) or place}"
