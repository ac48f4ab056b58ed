"""What LAMMPS writes down of the ends of steps for those who look at them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core import parallel
from ..core.errors import MDError
from . import sources
from .dumps import Dump, Snapshot
from .observe.base import Observer
from .observe.schedule import divisor
from .recorded import ALWAYS, UNWRAPPED, RecordedAtoms, columns, group_variable
from .watch import Look, Watch, next_step, stride

if TYPE_CHECKING:
    from .session import Session


class Recording:
    """Two dumps: of atoms, and of the whole system, which one atom carries.

    Args:
        session: whose steps.
    """

    def __init__(self, session: "Session"):
        self._session = session
        self._frame, self._system = Dump(session, "mdbridge_frame"), Dump(session, "mdbridge_system")
        self._values: dict[str, str] = {}  # of the system: what is asked for -> its variable
        self._parts: list[tuple[Dump, list[Watch]]] = []
        self._expected: set[int] = set()  # steps that are or will be recorded, and not yet read

    def serve(self, watches: Sequence[Watch]) -> None:
        """Record for these from now on."""
        frames = [w for w in watches if w.observer.reads_atoms]
        systems = [w for w in watches if w.observer.thermo or not w.observer.reads_atoms]
        self._parts = [(self._frame, frames), (self._system, systems)]

    def start(self, first: bool) -> None:
        """Set up the dumps (collective).

        Args:
            first: record the step at which the next run is set up, too.

        Raises:
            MDError: LAMMPS does not have what an observer needs; in its own words.
        """
        for dump, watches in self._parts:
            if not watches:
                dump.stop()
                continue
            observers = [w.observer for w in watches]
            if dump is self._frame:
                names, keep = self._frame_columns(observers), ""
            else:
                names, keep = self._system_columns(observers), "thresh v_mdbridge_bearer == 1"
            due = next_step(watches, self._session.step)
            dump.start(names, due, first, divisor(w.schedule for w in watches), stride(watches), keep)

    @property
    def open(self) -> bool:
        """Whether LAMMPS records anything."""
        return self._frame.open or self._system.open

    def pause(self) -> None:
        """Record nothing until started again: some commands do not go with a dump."""
        self._frame.stop()
        self._system.stop()

    def close(self) -> None:
        """Remove everything (collective)."""
        self._frame.close()
        self._system.close()

    def discard(self) -> None:
        """Remove what has been written: all ranks are about to end."""
        self._frame.discard()
        self._system.discard()

    def _frame_columns(self, observers: Sequence[Observer]) -> list[str]:
        groups = sorted({name for o in observers for name in o.groups if name != "all"})
        for name in groups:
            self._session.quietly(f"variable {group_variable(name)} atom gmask({name})")
        needs = [source for o in observers for source in o.needs]
        read = {name for o in observers for name in (ALWAYS if o.reads is None else o.reads)}
        return columns(self._session, needs, groups, [n for n in (*ALWAYS, *UNWRAPPED) if n in read])

    def _system_columns(self, observers: Iterable[Observer]) -> list[str]:
        names = dict.fromkeys(name for o in observers for name in o.thermo)
        # it is told by its ID which atom carries it
        parallel.agreed(
            self._session.comm, lambda: sources.require_ids(np.asarray(self._session.atoms().ids))
        )
        if sources.EXTENSIVE & set(names):
            names |= dict.fromkeys(("pe", "c_thermo_pe", "atoms"))
        # by their numbers: made of the names, those of c_p[1] and c_p_1_ would be one
        self._values = {name: f"mdbridge_system_{number}" for number, name in enumerate(names)}
        commands = [
            "variable mdbridge_id atom id",
            "compute mdbridge_first all reduce min v_mdbridge_id",
            "variable mdbridge_chosen equal c_mdbridge_first",
            # one atom, that of the least ID: some rank has it as long as there are atoms
            "variable mdbridge_bearer atom id==v_mdbridge_chosen",
        ]
        if self._session.lmp.has_id("compute", "mdbridge_first"):
            del commands[1]
        given = {name: self._session.stand_ins.get(name, name) for name in self._values}
        kinetic = sources.KINETIC.removeprefix("c_")
        if sources.KINETIC in given.values() and not self._session.lmp.has_id("compute", kinetic):
            commands.append(f"compute {kinetic} all ke")
        for name, variable in self._values.items():
            commands += [
                f"variable {variable} equal {given[name]}",
                f"variable {variable}_ atom v_{variable}",
            ]
        self._session.quietly(*commands)
        return ["id", *(f"v_{variable}_" for variable in self._values.values())]

    @property
    def expects(self) -> bool:
        """Whether a step has been, or is about to be, recorded that has not been read."""
        return bool(self._expected)

    def aim(self, step: int, anew: bool) -> None:
        """In the middle of ``step``: have the next steps recorded at whose end someone looks.

        Args:
            anew: a run is being set up at this step.
        """
        for dump, watches in self._parts:
            if dump.open and (anew or step >= dump.due):
                dump.aim(next_step(watches, step))
                if any(w.schedule(step) for w in watches):
                    self._expected.add(step)

    def ready(self, step: int) -> list[int]:
        """In the middle of ``step``: steps that have been recorded and not been read."""
        if not self._expected:
            return []
        result = [n for n in sorted(self._expected) if self._frame.has(n) or self._system.has(n)]
        self._expected = {n for n in self._expected if n >= step and n not in result}
        return result

    def left(self) -> list[int]:
        """After a run: all that has been recorded and not been read."""
        self._expected.clear()
        return sorted({*self._frame.steps(), *self._system.steps()})

    def drop(self, step: int) -> None:
        """Forget a step."""
        self._frame.drop(step)
        self._system.drop(step)

    def read(
        self, step: int, watches: Sequence[Watch], broken: bool = False
    ) -> tuple[list[Look], Exception | None]:
        """Looks at the end of a recorded step (collective), and what went wrong on this rank.

        Args:
            step: that has been recorded.
            watches: who looks at it.
            broken: LAMMPS has failed, perhaps between the two dumps; who lacks one looks at nothing.
        """
        frame, fault = _taken(self._frame, step)
        system, other = _taken(self._system, step)
        fault = fault or other
        values = self._shared(system)
        looks: list[Look] = []
        for watch in watches:
            snapshot = frame if watch.observer.reads_atoms else system
            if snapshot is None and broken:
                continue
            if snapshot is None:
                fault = fault or MDError(f"LAMMPS wrote no dump of step {step} for {watch.name}")
            elif watch.observer.thermo and not values:
                fault = fault or MDError(
                    f"{watch.name}: there is no atom at step {step} to carry what it reads"
                )
            else:
                looks.append((watch, RecordedAtoms(self._session, snapshot, values)))
        return looks, fault

    def _shared(self, system: Snapshot | None) -> dict[str, float]:
        """Quantities of the system, which the rank of one atom has, on all ranks (collective)."""
        if not self._values:
            return {}
        mine = np.zeros(1 + len(self._values))
        if system is not None and len(system.rows):
            mine[0], mine[1:] = 1.0, system.rows[0, 1:]
        total = np.empty_like(mine)
        self._session.comm.Allreduce(mine, total)
        # no atom left to carry it, or two
        if total[0] != 1.0:
            return {}
        values = dict(zip(self._values, total[1:].tolist(), strict=True))
        shown = sources.EXTENSIVE & set(values)
        if shown:
            # stand-ins are those of the system
            stand_ins = self._session.stand_ins
            whole, atoms = values["c_thermo_pe"], values["atoms"]
            pe = 0.0 if "pe" in stand_ins else values["pe"]
            factor = sources.normalised(self._session.lmp, whole, pe, atoms)
            values |= {name: factor * values[name] for name in shown - set(stand_ins)}
        return values


def _taken(dump: Dump, step: int) -> tuple[Snapshot | None, Exception | None]:
    try:
        return (dump.take(step) if dump.has(step) else None), None
    except Exception as error:
        return None, error
