"""The whole box in time: stresses, strains, stretches, temperature, energies."""

from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...core.errors import MDError
from ...fields.box import Box
from .base import Atoms, Moment, Observer
from .channels import PAIRS
from .material import BoxMotion, Motion

Array = NDArray[np.float64]

PRESSURES = tuple("p" + "xyz"[i] + "xyz"[j] for i, j in PAIRS)
SCALARS = ("temp", "pe", "ke", "atoms")
"""What LAMMPS's own output calls them, and gives here too (``thermo_modify temp`` counts)."""

COLUMNS = ("step", "time", *SCALARS, *PRESSURES)
"""Columns of :attr:`Curves.rows`, in LAMMPS's units, before the nine of the box and three of its corner."""


class Curves(Observer):
    """Records the whole box; attach it after its ``material``.

    Args:
        material: follows the box.
        moves: whether the atoms have velocities (those of a trajectory may not); else what needs them is NaN.
        acts: whether there is a potential; else energies and pressures are NaN.

    Attributes:
        rows: since the last :meth:`take`: :data:`COLUMNS`, then the followed edges of the box by rows.
    """

    moment: Moment = "end"
    reads_atoms = False

    def __init__(self, material: BoxMotion, moves: bool = True, acts: bool = True):
        self.material = material
        # a trajectory without velocities would have the pressure of a crystal at rest
        unknown = set() if moves else {"temp", "ke", *PRESSURES}
        unknown |= set() if acts else {"pe", *PRESSURES}
        self.thermo = tuple(name for name in (*SCALARS, *PRESSURES) if name not in unknown)
        self.rows: list[list[float]] = []
        self._atoms: Atoms | None = None

    def local(self, atoms: Atoms) -> None:
        self._atoms = atoms

    def collective(self, comm: MPI.Comm) -> None:
        atoms = self._atoms
        assert atoms is not None
        box = self.material.look(atoms).box
        known = {name: atoms.thermo(name) for name in self.thermo}
        # a replay wraps a free box anew: LAMMPS's pressures are of another volume then, its virial is not
        volume = Box(atoms.box(), atoms.corner(), atoms.periodic, atoms.dimension).volume
        known |= {name: known[name] * (volume / box.volume) for name in PRESSURES if name in known}
        row = [float(atoms.step), atoms.time]
        row += [known.get(name, np.nan) for name in (*SCALARS, *PRESSURES)] + [*box.edges.ravel()]
        if not np.isfinite([*known.values()]).all():
            raise MDError(
                f"energy or pressure is not a finite number at step {atoms.step}: the simulation is unstable"
            )
        self.rows.append(row)

    def take(self) -> Array:
        """``(n, 23)`` the rows since the last call."""
        rows, self.rows = self.rows, []
        return np.array(rows).reshape(-1, len(COLUMNS) + 9)


def strains(edges: Array, motion: Motion) -> dict[str, Any]:
    """How the box has been deformed, edges by edges.

    Args:
        edges: ``(n, 3, 3)`` followed edges of the box.
        motion: gives the reference box.

    Returns:
        ``stretch`` ``(n, 3)`` lengths along x, y, z over those at first; ``shear`` ``(n, 3)`` the shear
        components xy, xz, yz of T; ``strain`` ``(n, 6)`` the Green–Lagrange strain.
    """
    first = motion.reference.edges
    # edges are rows here, columns in x = T X
    affine = np.swapaxes(np.linalg.inv(first) @ edges, -1, -2)
    strain = 0.5 * (np.swapaxes(affine, -1, -2) @ affine - np.eye(3))
    return {
        "stretch": np.einsum("nii->ni", affine),
        "shear": np.stack([affine[:, 0, 1], affine[:, 0, 2], affine[:, 1, 2]], axis=1),
        "strain": np.stack([strain[:, i, j] for i, j in PAIRS], axis=1),
    }
