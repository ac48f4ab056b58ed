"""The simulation box through a long shear: followed across flips, with its rate of change."""

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...coarse import strain
from ...core.errors import InputError, MDError
from ..session import Atoms, Session

Array = NDArray[np.float64]

REFERENCE = "d2_mdbridge_reference"
"""Per-atom array with the positions in the reference box; it migrates and is kept in restart files."""


class Cell:
    """Follows the box in the plane; attach it to every step, before observers that use it.

    ``fix deform`` replaces a box that leans too far by an equivalent upright one.
    Undoing that takes the number of such turns, so that the motion is continuous.
    In a callback the box, which is that of LAMMPS's forces, lags behind the atoms by
    one step: at the boundary displacements have a fault of rate × timestep × height.

    Args:
        reference: ``(3, 3)`` edge vectors of the reference box, one a row (Å).
        turns: how often the box had been replaced before the first look.

    Attributes:
        edges: ``(2, 2)`` in-plane edge vectors in columns, [[lx, xy], [0, ly]], xy unbounded (Å).
        edges0: the same of the reference box.
        rate: ``(2, 2)`` dH/dt of ``edges`` (Å/time).
        corner: ``(3,)`` corner of the box (Å).
        box: ``(3, 3)`` edge vectors as LAMMPS has them, one a row (Å).
    """

    needs = ()

    def __init__(self, reference: Array, turns: int = 0):
        _check_upright(reference)
        self.reference = reference
        self.edges0 = _in_plane(reference)
        self.turns = turns
        self.edges = np.zeros((2, 2))
        self.rate = np.zeros((2, 2))
        self.corner = np.zeros(3)
        self.box = reference
        self._step: int | None = None

    def local(self, atoms: Atoms) -> None:
        self.look(atoms)

    def look(self, atoms: Atoms) -> None:
        """Take notice of the box at the atoms' step."""
        self.box, self.corner = atoms.box(), atoms.corner()
        _check_upright(self.box)
        edges = _in_plane(self.box)
        # as LAMMPS has it, and the whole edges that it has taken away
        edges[0, 1] += self.turns * edges[0, 0]
        # a run's set-up shows the same step again: no time has passed
        if self._step is not None and atoms.step > self._step:
            # between two looks the box leans by far less than half an edge
            turned = round((self.edges[0, 1] - edges[0, 1]) / edges[0, 0])
            self.turns += turned
            edges[0, 1] += turned * edges[0, 0]
            self.rate = (edges - self.edges) / ((atoms.step - self._step) * atoms.timestep)
        self.edges, self._step = edges, atoms.step

    @property
    def affine(self) -> Array:
        """``(2, 2)`` T = H H₀⁻¹, which carries the reference box into the present one."""
        return self.edges @ np.linalg.inv(self.edges0)

    @property
    def shear(self) -> float:
        """The net shear strain γ."""
        return float(self.affine[0, 1])

    @property
    def volume(self) -> float:
        """Volume of the box (Å³)."""
        return float(np.linalg.det(self.edges) * self.box[2, 2])

    def place(self, atoms: Atoms, reference: Array | None = None) -> tuple[Array, Array]:
        """Fractional coordinates ``(n, 2)`` and displacements ``(n, 3)`` (Å) in the unsheared frame.

        Args:
            reference: ``(n, 3)`` reference positions; zeros if absent, so that the
                displacements are unwrapped positions in the frame of the reference box.
        """
        s, u = np.empty((atoms.count, 2)), np.empty((atoms.count, 3))
        strain.place(
            s,
            u,
            atoms.array("x"),
            atoms.array("image"),
            np.zeros((atoms.count, 3)) if reference is None else reference,
            self.corner,
            self.box,
            self.edges,
            self.edges0,
            self.reference[2, 2] / self.box[2, 2],
            atoms.image_bits,
        )
        return s, u

    def peculiar_velocity(self, atoms: Atoms, s: Array) -> Array:
        """``(n, 3)`` velocities less that of the box at the atoms' places ``s`` (Å/time)."""
        v = atoms.array("v").copy()
        # the box's rate at the atom's place: Ḣ s; the third edge does not move
        v[:, :2] -= s @ self.rate.T
        return v


def mark_reference(session: Session) -> Array:
    """Make the present positions the reference; returns the reference box ``(3, 3)``, one edge a row."""
    restore_reference(session)
    session.run(0, "post no")  # wraps the atoms
    atoms = session.atoms()
    box = atoms.box().copy()
    cell = Cell(box)
    cell.look(atoms)
    # unwrapped: image flags count from here on
    atoms.array(REFERENCE)[:] = cell.place(atoms)[1]
    return box


def restore_reference(session: Session) -> None:
    """Define the array of reference positions; after ``read_restart`` it has what the file holds of it."""
    if not session.defines(REFERENCE):
        session.commands(f"fix {REFERENCE.removeprefix('d2_')} all property/atom {REFERENCE} 3")


def _in_plane(box: Array) -> Array:
    return np.array([[box[0, 0], box[1, 0]], [0.0, box[1, 1]]])


def _check_upright(box: Array) -> None:
    if abs(box[2, 0]) + abs(box[2, 1]) > 1e-9 * box[2, 2]:
        raise InputError(
            "the third edge of the box leans (xz or yz is not 0); fields are averaged along z, "
            "which must stand on the plane of the shear"
        )


class Guard:
    """Stops a run on numbers that are no numbers and on lost atoms; attach it to every step.

    Args:
        natoms: the number of atoms that there must be.
    """

    needs = ()

    def __init__(self, natoms: int):
        self.natoms = natoms
        self._mine = np.zeros(1, dtype=np.int64)
        self._all = np.full(1, natoms, dtype=np.int64)
        self._step = -1

    def local(self, atoms: Atoms) -> None:
        # of the step before: the sum over ranks is known a step later
        if self._all[0] != self.natoms:
            raise MDError(
                f"{self.natoms - self._all[0]} of {self.natoms} atoms lost at step {self._step}: the "
                "simulation is unstable, or the boundaries let them go; shorten the time step, "
                "or check the start"
            )
        # the sum of finite numbers may overflow, but no number's is ever finite with a NaN in it
        # sums: one pass over the arrays, and no array of truth values at every step
        if not np.isfinite(atoms.array("f").sum()) or not np.isfinite(atoms.array("x").sum()):
            raise MDError(
                "a force or a position is not a finite number: the simulation is unstable; "
                "shorten the time step, or check for overlapping atoms"
            )
        self._mine[0], self._step = atoms.count, atoms.step

    def collective(self, comm: MPI.Comm) -> None:
        comm.Allreduce(self._mine, self._all)
