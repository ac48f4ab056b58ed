"""Fields of a running simulation on a grid, averaged over the steps of a frame.

:class:`Fields` acts at the end of steps, where everything is what LAMMPS's own dump of that
step holds.  Each rank sums over its atoms; the sums are added up on rank 0 alone, which keeps
the frames, so that what a rank holds is one grid however many there are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core import parallel
from . import carried, fitted
from .base import Atoms, Moment, Observer
from .channels import CENTROID, ENERGY, STRESS, VIRIAL, Constants, Sample
from .hardy import PairForces
from .material import COORDINATES, ORIGIN, Flow, Material, Motion
from .present import Present
from .smoothing import SMOOTHED, Smoothing
from .wanted import CARRIED, FITTED, FLOWING, NAMES, Wanted

if TYPE_CHECKING:
    from ..session import Session

__all__ = ["CARRIED", "FITTED", "NAMES", "Fields", "Wanted"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Look:
    """What is taken of a step, as it was then: it may have to wait.

    Attributes:
        atoms: this rank's.
        motion: of the box.
        bonds: the stress of the pair forces, where it is Hardy's.
        filtered: the shift of images, where displacements are filtered.
    """

    atoms: Atoms
    motion: Motion
    bonds: Array | None
    filtered: Array | None


class Fields(Observer):
    """Takes the fields on some steps, and on some of these hands a frame over.

    Args:
        wanted: which fields.
        material: follows the box and the atoms; attached before.
        framed: whether a frame ends on a step.
        keep: called on rank 0 with each frame: ``step``, ``time``, ``box`` ``(3, 3)``, ``origin`` ``(3,)``
            and ``fields``, arrays ``(*shape[, k])`` in LAMMPS's units.
        smoothing: the time filter, where there is one.
        forces: the pair forces, where the stress is Hardy's.
    """

    moment: Moment = "end"

    def __init__(
        self,
        wanted: Wanted,
        material: Material,
        framed: Callable[[int], bool],
        keep: Callable[[dict[str, Any]], None],
        smoothing: Smoothing | None = None,
        forces: PairForces | None = None,
    ):
        self.wanted, self.material, self.framed, self.keep = wanted, material, framed, keep
        self.smoothing, self.forces = smoothing, forces
        self.groups = (wanted.group,)
        self._asks_flow = material.flows or FLOWING in wanted.fields
        if self._asks_flow and not material.timed:
            raise ValueError(f"'{FLOWING}' needs a material that is timed")
        self._atoms: Atoms | None = None
        self._waiting: _Look | None = None
        self._parts: dict[str, tuple[Array, Array]] = {}

    def prepare(self, session: "Session") -> None:
        """Define the computes that are needed."""
        self._present = Present(self.wanted, Constants.of(session))
        # only what is asked for: every compute costs at each look
        sources = set(self._present.sources)
        for source, style in (
            (ENERGY, "pe/atom"),
            (STRESS, f"stress/atom {self.wanted.temperature}"),
            (VIRIAL, "stress/atom NULL virial"),
            (CENTROID, "centroid/stress/atom NULL virial"),
        ):
            # a user of the library may have defined them before
            if any(s.startswith(source) for s in sources) and not session.defines(source):
                session.commands(f"compute {source.removeprefix('c_')} all {style}")
        if self._wants(CARRIED):
            sources |= {ORIGIN, COORDINATES} | ({SMOOTHED} if self.smoothing else set())
        elif self._wants(FITTED):
            # a fit needs no place in the laboratory
            sources |= {COORDINATES}
        self.needs = sorted(sources)
        reads = ["x", "y", "z", "mass", *(["type"] if "composition" in self.wanted.fields else [])]
        # what has crossed a boundary is followed beyond it
        reads += ["xu", "yu", "zu"] if "displacement" in self.wanted.fields and not self.smoothing else []
        self.reads = [*reads, *(["ix", "iy", "iz"] if self._wants(FITTED) else [])]
        self._constants = Constants.of(session)

    def _wants(self, names: Sequence[str]) -> bool:
        return any(name in self.wanted.fields for name in names)

    def local(self, atoms: Atoms) -> None:
        self._atoms = atoms

    def collective(self, comm: MPI.Comm) -> None:
        atoms = self._atoms
        assert atoms is not None
        motion = self.material.end(atoms)
        if self._waiting is not None:
            self.flush(comm)
        bonds = None if self.forces is None else self.forces.stress
        look = _Look(atoms, motion, bonds, None if self.smoothing is None else self.smoothing.shift)
        if self._asks_flow and self.material.flow is None:
            # how fast the box moves is seen when it has: the first step waits for the next one
            self._waiting = look
        else:
            self._serve(comm, look, self.material.flow)

    def flush(self, comm: MPI.Comm) -> None:
        """Take what still waits to be taken (collective)."""
        if self._waiting is not None:
            look, self._waiting = self._waiting, None
            # not that of now, by which time the box may move otherwise
            self._serve(comm, look, self.material.first_flow)

    def _serve(self, comm: MPI.Comm, look: _Look, flow: Flow | None) -> None:
        flow = flow if self._asks_flow else None
        # velocities of a solid that its box carries ('remap x') do not have the box's in them
        peculiar = self.wanted.peculiar and self.material.flows
        sample = Sample(look.atoms, look.motion, self.wanted.group, self._constants, flow, peculiar)
        framed = self.framed(look.atoms.step)
        # a rank that fails alone must not leave the others in the reduction
        mine, error = parallel.attempt(lambda: self._take(sample, look.filtered, framed))
        parallel.agree(comm, error)
        assert mine is not None
        for name, values in mine.items():
            # rank 0 alone needs the sum, and memory for it
            whole = np.empty_like(values) if comm.rank == 0 else None
            comm.Reduce(values, whole)
            if whole is not None:
                mine[name] = whole
        if comm.rank == 0:
            self._add(mine, look)
            if framed:
                self.keep(self._frame(mine, look.atoms, look.motion))

    # --- on every rank ------------------------------------------------------------------

    def _take(self, sample: Sample, filtered: Array | None, framed: bool) -> dict[str, Array]:
        """This rank's part of all sums."""
        taken = {}
        if self._present.quantities:
            taken["present"] = self._present.take(sample, self.material.flows)
        if self._wants(CARRIED):
            taken["carried"] = carried.take(self.wanted, sample, filtered)
        if self._wants(FITTED) and framed:
            taken["fitted"] = fitted.take(self.wanted, sample)
        return taken

    # --- on rank 0 ----------------------------------------------------------------------

    def _add(self, taken: Mapping[str, Array], look: _Look) -> None:
        """Add a step to the quotients of the frame."""
        if "present" in taken:
            made = self._present.sums(taken["present"], look.motion, look.bonds)
            for quantity in self._present.quantities:
                self._accumulate(quantity.name, *quantity.quotient(made))
        if "carried" in taken:
            for name, (numerator, denominator) in carried.quotients(self.wanted, taken["carried"]).items():
                self._accumulate(name, numerator, denominator)

    def _accumulate(self, name: str, numerator: Array, denominator: Array) -> None:
        before = self._parts.get(name)
        if before is not None:
            numerator, denominator = numerator + before[0], denominator + before[1]
        self._parts[name] = numerator, denominator

    def _frame(self, taken: Mapping[str, Array], atoms: Atoms, motion: Motion) -> dict[str, Any]:
        """What is handed over, and begin anew."""
        made: dict[str, Array] = {}
        for name, (numerator, denominator) in self._parts.items():
            with np.errstate(invalid="ignore", divide="ignore"):
                made[name] = np.where(denominator > 0.0, numerator / denominator, np.nan)
        self._parts = {}
        for quantity in self._present.quantities:
            if not quantity.components:
                made[quantity.name] = made[quantity.name][..., 0]
        if "fitted" in taken:
            made |= fitted.fields(self.wanted, taken["fitted"], motion)
        return {
            "step": atoms.step,
            "time": atoms.time,
            "box": motion.box.edges.copy(),
            "origin": motion.box.corner.copy(),
            "fields": {name: made[name] for name in (*self.wanted.fields, *self.wanted.extra)},
        }
