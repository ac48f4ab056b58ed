"""Who looks at a running simulation, when, and what happens if one of them fails.

LAMMPS calls back after the forces of every step (``fix external pf/callback``).  An
exception that leaves such a call would vanish inside LAMMPS, and a rank that stops alone
would leave its peers waiting; so every look has a guarded local phase, and a collective
phase only after the ranks have agreed that nothing failed.  A failure stops the run on all
ranks, at the latest a few steps later, and is raised by the command that started it.

Observers of the end of a step are told at the next call, or when the command is over, from
LAMMPS's own dump of the step (:mod:`.dumps`).
"""

import math
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI

from ..core.errors import InputError, MdbridgeError, MDError, ObserverError
from . import recorded, sources
from .births import Births
from .dumps import Dump, Snapshot
from .live import LiveAtoms
from .observe.base import Atoms, Observer, adapted
from .observe.schedule import Every, Schedule, divisor, following

if TYPE_CHECKING:
    from .session import Session

_AGREE_EVERY = 10  # steps between two agreements where nothing else makes the ranks meet


@dataclass(eq=False)
class Watch:
    """An attached observer, its trigger, and the step it acted on last."""

    plain: Any  # as it was attached
    observer: Observer
    schedule: Schedule
    last: int = -1

    def due(self, step: int, again: bool = False) -> bool:
        """Whether it acts on ``step``; ``again``: although it has, since the step was set up anew."""
        return self.schedule(step) and (self.last != step or (again and not self.observer.once))


Look = tuple[Watch, Atoms]


class Watching:
    """The observers of one session.

    Args:
        session: whose runs are watched.
    """

    def __init__(self, session: "Session"):
        self._session = session
        self.watches: list[Watch] = []
        self._frame, self._system = Dump(session, "mdbridge_frame"), Dump(session, "mdbridge_system")
        self._values: dict[str, str] = {}  # of the system: what is asked for -> its column
        self._forces: list[Watch] = []
        self._ends: list[Watch] = []
        self.births = Births(session)
        self._recording: list[tuple[Dump, list[Watch]]] = []
        self._expected: set[int] = set()  # steps of which a record is awaited
        self._served: set[Watch] = set()  # looked right after the forces since the last set-up
        self._failure: tuple[int, BaseException] | None = None  # of this rank, not yet raised
        self._refusal: InputError | None = None  # of what cannot be watched at all
        self._stopped = False  # the ranks have agreed to end the run
        self._at: int | None = None  # the step of the last call
        self._set_up = False  # the last call was that of a set-up, no step has been made since
        self._minimising = False
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
        self._require(observer, type(plain).__name__)
        self.watches.append(Watch(plain, observer, schedule))
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
            self._require(watch.observer, type(watch.plain).__name__)
        self._at = None
        self._arrange()

    def _arrange(self) -> None:
        """Sort the observers by what they look at, and set up what they need (collective)."""
        self._forces = [w for w in self.watches if w.observer.moment == "forces"]
        self._ends = [w for w in self.watches if w.observer.moment == "end"]
        references = dict.fromkeys(name for w in self.watches for name in w.observer.references)
        states = dict.fromkeys(name for w in self.watches for name in w.observer.states)
        self.births.watch(list(references), list(states))
        frames = [w for w in self._ends if w.observer.reads_atoms]
        systems = [w for w in self._ends if w.observer.thermo or not w.observer.reads_atoms]
        self._recording = [(self._frame, frames), (self._system, systems)]
        self.record(first=not self._session.owned)

    def _require(self, observer: Observer, name: str) -> None:
        defined = self._session.defines
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

    def close(self) -> None:
        """Let all observers finish, and leave nothing behind in LAMMPS (collective)."""
        watches, self.watches = self.watches, []
        for watch in watches:
            watch.observer.finish()
        self._frame.close()
        self._system.close()

    # --- what is recorded ------------------------------------------------------

    def record(self, first: bool) -> None:
        """Set up the dumps for whoever looks at the end of steps (collective).

        Args:
            first: record the step at which the next run is set up, too.
        """
        for dump, watches in self._recording:
            if not watches:
                dump.stop()
                continue
            columns, keep = (self._system_columns if dump is self._system else self._frame_columns)(
                [w.observer for w in watches]
            )
            schedules = [w.schedule for w in watches]
            due = _next(schedules, self._session.step)
            dump.start(columns, due, first, divisor(schedules), _stride(schedules), keep)

    @property
    def recording(self) -> bool:
        """Whether dumps are set up."""
        return self._frame.open or self._system.open

    def pause(self) -> None:
        """Record nothing until told to again: some commands do not go with a dump."""
        self._frame.stop()
        self._system.stop()

    def _frame_columns(self, observers: Iterable[Observer]) -> tuple[list[str], str]:
        observers = list(observers)
        groups = sorted({name for o in observers for name in o.groups if name != "all"})
        for name in groups:
            self._session.quietly(f"variable {recorded.group_variable(name)} atom gmask({name})")
        needs = [source for o in observers for source in o.needs]
        return [*recorded.ALWAYS, *recorded.columns(self._session, needs, groups)], ""

    def _system_columns(self, observers: Iterable[Observer]) -> tuple[list[str], str]:
        """The whole system has no dump: one atom carries its quantities, as atom-style variables."""
        names = dict.fromkeys(name for o in observers for name in o.thermo)
        if sources.EXTENSIVE & set(names):
            names |= dict.fromkeys(("pe", "c_thermo_pe"))
        self._values = {name: re.sub(r"\W", "_", f"mdbridge_{name}") for name in names}
        commands = [
            "variable mdbridge_id atom id",
            "compute mdbridge_first all reduce min v_mdbridge_id",
            "variable mdbridge_chosen equal c_mdbridge_first",
            "variable mdbridge_bearer atom id==v_mdbridge_chosen",
        ]
        if self._session.lmp.has_id("compute", "mdbridge_first"):
            del commands[1]
        for name, variable in self._values.items():
            commands += [f"variable {variable} equal {name}", f"variable {variable}_ atom v_{variable}"]
        self._session.quietly(*commands)
        return [
            "id",
            *(f"v_{variable}_" for variable in self._values.values()),
        ], "thresh v_mdbridge_bearer == 1"

    def _announce(self, step: int) -> None:
        """Have LAMMPS tally energies and virials on the next step after ``step`` that someone reads mid-step.

        LAMMPS leaves them out on steps that were not announced, and refuses to give them.
        """
        coming = _next([w.schedule for w in self.watches if w.observer.tallies], step)
        if coming is not None:
            self._session.lmp.addstep_compute_all(coming)

    # --- inside a run ------------------------------------------------------------

    def begin(self, replay: bool = False) -> None:
        """A command is about to be given that may run.

        Args:
            replay: its steps may be old ones (``rerun``).
        """
        if self.recording:
            self.settle()  # of runs that were not started through the session
        self._at, self._set_up, self._minimising = None, False, False
        if replay:
            for watch in self.watches:
                watch.last = -1
        if self.births.references:
            self.births.carry_over()
        self.record(first=True)
        self._announce(self._session.step - 1)

    def call(self, step: int, count: int) -> None:
        """LAMMPS has computed the forces of ``step``; nothing may be raised from here."""
        if self._stopped:
            return
        try:
            if step == self._at or self._at is None:
                self._set_up = True
                self._served.clear()
                self._refuse_respa(step)
            else:
                self._set_up = False
            self._at = step
            # LAMMPS asks for trial states, too, in the middle of a minimisation
            self._minimising = self._session.minimising()
            looks = self._recorded(step)
            if not self._minimising:
                looks += self._live(step, count)
            self._aim(step)
            self._look(looks, step)
        except BaseException as error:
            self._broken(step, error)

    def _live(self, step: int, count: int) -> "list[Look]":
        """What is due right after the forces."""
        due = [w for w in self._forces if w.due(step)]
        if not due and not self.births.watching:
            return []
        reading = any(w.observer.tallies for w in due)
        atoms = LiveAtoms(self._session, step, count, mid_step=not reading)
        if self.births.watching:
            self.births.mark(atoms)
        self._served.update(due)
        return [(watch, atoms) for watch in due]

    def _aim(self, step: int) -> None:
        """Have the next steps recorded at whose end someone looks."""
        for dump, watches in self._recording:
            if dump.open and (self._set_up or step >= dump.due):
                dump.aim(_next([w.schedule for w in watches], step))
                if any(w.schedule(step) for w in watches):
                    self._expected.add(step)

    def _recorded(self, step: int) -> "list[Look]":
        """What LAMMPS has written down of earlier steps, or of this one at the end of the run before."""
        looks: list[Look] = []
        for expected in sorted(self._expected):
            if self._frame.has(expected) or self._system.has(expected):
                looks += self._read(expected, again=False)
                self._expected.discard(expected)
            elif expected < step:
                self._expected.discard(expected)
        return looks

    def _read(self, step: int, again: bool) -> "list[Look]":
        """Looks at the end of a step that has been recorded (collective: the ranks share what one has)."""
        due = [w for w in self._ends if w.due(step, again)]
        frame, system = self._taken(self._frame, step), self._taken(self._system, step)
        values = self._shared(system)
        looks: list[Look] = []
        for watch in due:
            snapshot = frame if watch.observer.reads_atoms else system
            if snapshot is not None:
                looks.append((watch, recorded.RecordedAtoms(self._session, snapshot, values)))
            elif self._failure is None:
                name = type(watch.plain).__name__
                self._failure = step, MDError(f"LAMMPS wrote no dump of the step for {name}")
        return looks

    def _taken(self, dump: Dump, step: int) -> Snapshot | None:
        try:
            return dump.take(step) if dump.has(step) else None
        except Exception as error:
            self._failure = self._failure or (step, error)
            return None

    def _shared(self, system: Snapshot | None) -> dict[str, float]:
        """Quantities of the system, which the rank of one atom has, on all ranks (collective)."""
        if not self._values:
            return {}
        width = len(self._values)
        mine = np.zeros(1 + width)
        if system is not None and len(system.rows):
            mine[0], mine[1:] = 1.0, system.rows[0, 1:]
        total = np.empty_like(mine)
        self._session.comm.Allreduce(mine, total)
        if total[0] != 1.0:
            return {}
        values = dict(zip(self._values, total[1:].tolist(), strict=True))
        if (shown := values.get("pe")) and "c_thermo_pe" in values:
            factor = values["c_thermo_pe"] / shown  # what 'thermo_modify norm' has divided by
            values |= {name: factor * values[name] for name in sources.EXTENSIVE & set(values)}
        return values

    def _look(self, looks: "list[Look]", step: int) -> None:
        """Have observers look: first alone, then, if all is well on all ranks, together."""
        for watch, atoms in looks:
            watch.last = atoms.step  # also on a rank that has failed: the ranks must stay of one mind
        if self._failure is None:
            self._look_alone(looks, step)
        # The ranks agree where something is to be combined, else now and then: it costs a
        # synchronisation.  All of them take the same way here, as triggers know the step alone.
        combining = [(watch.observer, atoms.step) for watch, atoms in looks if watch.observer.combines]
        if not combining and step % _AGREE_EVERY and self._session.comm.size > 1:
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

    def _look_alone(self, looks: "list[Look]", step: int) -> None:
        """The local phase: what goes wrong is kept until the ranks next agree."""
        at = step
        try:
            self._session.deliver_signals()
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
            watch = next((w for w in self._forces), self.watches[0])
            self._refusal = InputError(
                f"run_style respa: {type(watch.plain).__name__} looks right after the forces of each "
                "step, which LAMMPS does not tell of under respa; use 'run_style verlet'"
            )
            self._failure = (step, self._refusal)
            self._stop()  # there will be no other call

    # --- after it ------------------------------------------------------------------

    def settle(self) -> None:
        """After a command that may have run: tell observers what is left to tell (collective)."""
        now = self._session.step
        again = self._set_up and self._at == now  # 'run 0': looked at anew, whatever was seen of the step
        recorded_now = False
        for step in sorted({*self._frame.steps(), *self._system.steps()}):
            recorded_now |= step == now
            if not self._stopped:
                self._settle(self._read(step, again and step == now), step)
            self._frame.drop(step)
            self._system.drop(step)
        self._expected.clear()
        if (again or self._minimising) and not self._stopped:
            left = [w for w in self._forces if w not in self._served and w.due(now, again=True)]
            if not recorded_now:
                left += [w for w in self._ends if w.due(now, again=True)]
            atoms = self._session.atoms()
            self._settle([(watch, atoms) for watch in left], now)
        self._set_up = self._minimising = False

    def _settle(self, looks: "list[Look]", step: int) -> None:
        try:
            self._look(looks, step)
        except BaseException as error:
            self._broken(step, error)

    def raise_failure(self) -> None:
        """Raise on all ranks what went wrong on any (collective where anything is attached)."""
        if not self.watches or not self._anywhere(self._failure is not None):
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
        self._flag[0] = flag
        self._session.comm.Allreduce(self._flag, self._any, MPI.LOR)
        return bool(self._any[0])


def _told(error: BaseException) -> str:
    """What went wrong; where, if the error has no words of its own."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"(no message; line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""
    return f"{type(error).__name__}: {str(error) or place}"


def _next(schedules: Sequence[Schedule], step: int) -> int | None:
    """The first step after ``step`` on which any of the triggers acts."""
    coming = [following(schedule, step) for schedule in schedules]
    return min((n for n in coming if n is not None), default=None)


def _stride(schedules: Sequence[Schedule]) -> str:
    """LAMMPS's formula of the next step that may be due: for when it does not call back in between."""
    known = [s for s in schedules if isinstance(s, Every)]
    if len(known) < len(schedules):
        return "step+1"
    first = known[0].first
    step = math.gcd(*(s.steps for s in known), *(s.first - first for s in known))
    return f"step-(step+{step - first % step})%{step}+{step}"
