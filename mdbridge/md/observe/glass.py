"""Observers of a sheared box: fields of energy, composition, flow and strain, and the mean stress.

Each gathers sums over this rank's atoms; ``take`` adds them up over the ranks
and gives the fields, as :class:`Frames` asks for at the end of every frame.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...coarse import strain, window
from ...core.errors import InputError, MDError
from ..session import Atoms, Session
from .cell import REFERENCE, Cell

Array = NDArray[np.float64]

ENERGY = "c_mdbridge_energy"
"""Potential energy per atom."""

THERMO = ("temperature", "potential_energy", "volume", "xx", "yy", "zz", "xy", "xz", "yz")
"""What :class:`Thermo` records after the step and the net strain: in LAMMPS's units, pressures last."""


def define_energy(session: Session) -> None:
    """Define the compute that :data:`ENERGY` names, unless the simulation has it."""
    if not session.defines(ENERGY):
        session.commands(f"compute {ENERGY.removeprefix('c_')} all pe/atom")


class Part(Protocol):
    """What contributes to a frame."""

    def take(self, comm: MPI.Comm) -> dict[str, Any]:
        """Results since the last call, on all ranks (collective)."""


class WindowAverage:
    """Averages over a Gaussian window and over the steps it acts on, [Kontolati2021, eq. 36].

    Gives ``potential_energy``, ``density``, ``velocity`` (in the plane, less the
    box's), ``temperature`` (of the motion about the local mean velocity),
    ``composition`` (number fraction of each type), whatever ``extra`` names, and
    the mean energy and number of the atoms of each type; all in LAMMPS's units.

    Args:
        session: whose constants are used.
        cell: follows the box.
        shape: (ny, nx); the nodes are the centres of the cells.
        width, cutoff: of the window (Å).
        extra: further fields, name → per-atom source as in LAMMPS.
    """

    tallies = True

    def __init__(
        self,
        session: Session,
        cell: Cell,
        shape: tuple[int, int],
        width: float,
        cutoff: float,
        extra: dict[str, str],
    ):
        self.cell, self.shape, self.width, self.cutoff, self.extra = cell, shape, width, cutoff, extra
        self.types = int(session.lmp.extract_setting("ntypes"))
        self.needs = (ENERGY, "type", *extra.values())
        # m v² in energies, per degree of freedom
        constant = session.lmp.extract_global
        self._heat = float(constant("mvv2e")) / (3.0 * float(constant("boltz")))
        self._sums = np.zeros((*shape, 7 + self.types + len(extra)))
        self._by_type = np.zeros((self.types, 2))
        self._looks = 0
        self._volumes = 0.0
        self._atoms: Atoms | None = None

    def local(self, atoms: Atoms) -> None:
        self._atoms = atoms

    def collective(self, comm: MPI.Comm) -> None:
        atoms, cell = self._atoms, self.cell
        if atoms is None:
            raise MDError("a window average was asked for sums before it has seen atoms")
        s, _ = cell.place(atoms)
        v, mass = cell.peculiar_velocity(atoms, s), atoms.masses()
        energy, kind = atoms.values(ENERGY), atoms.array("type") - 1
        # one row an atom: a single pass of the window adds up all fields
        columns = [
            np.ones(atoms.count),
            energy,
            mass,
            *(mass[:, None] * v).T,
            # with the momentum: kinetic energy about the mean velocity, Σ m v² − (Σ m v)²/Σ m, is known after
            # the sum
            mass * (v * v).sum(axis=1),
            *(kind == np.arange(self.types)[:, None]).astype(float),
            *(atoms.values(source) for source in self.extra.values()),
        ]
        self._by_type[:, 0] += np.bincount(kind, minlength=self.types)
        self._by_type[:, 1] += np.bincount(kind, energy, minlength=self.types)
        values = np.ascontiguousarray(np.stack(columns, axis=1))
        window.add_values(self._sums, s, values, cell.edges, 0.5, self.width, self.cutoff)
        self._looks += 1
        # the window's own volume, for the density; the box may change from look to look
        self._volumes += window.area(self.width, self.cutoff) * cell.box[2, 2]

    def take(self, comm: MPI.Comm) -> dict[str, Any]:
        """The fields, averaged over the steps since the last call (collective)."""
        if not self._looks:
            return {}
        comm.Allreduce(MPI.IN_PLACE, self._sums)
        # sums first, and then ratios: a mean of the ranks' means would be another number
        comm.Allreduce(MPI.IN_PLACE, self._by_type)
        number, energy, mass, momentum, heat = np.split(self._sums[..., :7], [1, 2, 3, 6], axis=-1)
        # before the division: a NaN would be told as an unstable simulation
        _require_atoms(number, self.width)
        numbers = self._by_type[:, 0]
        fields = {
            "potential_energy": (energy / number)[..., 0],
            "density": mass[..., 0] / self._volumes,
            "velocity": (momentum / mass)[..., :2],
            "temperature": self._heat * (heat[..., 0] - (momentum**2 / mass).sum(-1)) / number[..., 0],
            "composition": np.moveaxis(self._sums[..., 7 : 7 + self.types] / number, -1, 0),
            **{
                name: (self._sums[..., 7 + self.types + k] / number[..., 0])
                for k, name in enumerate(self.extra)
            },
            # a type of which there is no atom
            "type_energy": self._by_type[:, 1] / np.maximum(numbers, 1.0),
            "type_fraction": numbers / numbers.sum(),
        }
        self._sums[:], self._by_type[:] = 0.0, 0.0
        self._looks, self._volumes = 0, 0.0
        return fields


class LocalStrain:
    """Best-fit deformation gradients at the corners of the grid, since the reference state.

    Gives ``Exy``, the xy component of the Green–Lagrange strain, and ``D2min``.

    Args:
        cell: follows the box.
        shape: (ny, nx).
        width, cutoff: of the window over which the fit is weighted (Å).
    """

    needs = (REFERENCE,)

    def __init__(self, cell: Cell, shape: tuple[int, int], width: float, cutoff: float):
        self.cell, self.width, self.cutoff = cell, width, cutoff
        self._sums = np.zeros((*shape, window.MOMENTS))
        self._edges = np.zeros((2, 2))

    def local(self, atoms: Atoms) -> None:
        s, u = self.cell.place(atoms, atoms.array(REFERENCE))
        self._sums[:] = 0.0
        # the cell goes on with the next step
        self._edges = self.cell.edges.copy()
        window.add_moments(self._sums, s, u, self._edges, self.cell.edges0, 0.0, self.width, self.cutoff)

    def take(self, comm: MPI.Comm) -> dict[str, Any]:
        """The fields of the step it acted on last (collective)."""
        # take may be called again for the same step
        sums = self._sums.copy()
        comm.Allreduce(MPI.IN_PLACE, sums)
        _require_atoms(sums[..., 0], self.width)
        gradient, d2min = strain.best_fit(sums, self._edges, self.cell.edges0)
        return {"Exy": strain.green_lagrange(gradient)[..., 0, 1], "D2min": d2min}


class Thermo:
    """Records the temperature, the energy, the volume and the pressure tensor of the whole box.

    Gives ``curve``: one row a step, (step, γ, *:data:`THERMO`), as LAMMPS computes them
    for its own output (``thermo_modify temp`` and the like count).
    """

    needs = ()
    tallies = True

    def __init__(self, session: Session, cell: Cell):
        self.session, self.cell = session, cell
        self.rows: list[list[float]] = []
        self._step = 0

    def local(self, atoms: Atoms) -> None:
        self._step = atoms.step

    def collective(self, comm: MPI.Comm) -> None:
        read = self.session.lmp.get_thermo
        row = [self._step, self.cell.shear, read("temp"), read("pe"), self.cell.volume]
        # LAMMPS's own pressures, collective: all ranks ask for the same, in the same order
        row += [read(f"p{component}") for component in THERMO[3:]]
        if not np.all(np.isfinite(row)):
            raise MDError(f"energy or stress is not a finite number at step {self._step}")
        self.rows.append(row)

    def take(self, comm: MPI.Comm) -> dict[str, Any]:
        """The rows since the last call."""
        rows, self.rows = self.rows, []
        return {"curve": np.array(rows).reshape(-1, 2 + len(THERMO))}


class Frames:
    """At the end of a frame: collects what the parts have found and hands it over on rank 0.

    Attach it last, at the frames.

    Args:
        cell: follows the box.
        parts: what to ask.
        keep: called on rank 0 with the frame's contents.
    """

    needs = ()

    def __init__(self, cell: Cell, parts: Sequence[Part], keep: Callable[[dict[str, Any]], None]):
        self.cell, self.parts, self.keep = cell, parts, keep
        self._step = 0

    def local(self, atoms: Atoms) -> None:
        self._step = atoms.step

    def collective(self, comm: MPI.Comm) -> None:
        frame = {
            "step": self._step,
            "gamma": self.cell.shear,
            "edges": self.cell.edges,
            "turns": self.cell.turns,
        }
        for part in self.parts:
            frame |= part.take(comm)
        # only here: one rank keeps a frame, all have made it
        if comm.rank == 0:
            self.keep(frame)


def _require_atoms(weights: Array, width: float) -> None:
    if not weights.min() > 0.0:
        raise InputError(
            f"a window of {width:g} Å leaves grid points without atoms; raise the window or its cutoff"
        )
