"""The pair forces' part of Hardy's stress, −½ Σ_ij r_ij ⊗ f_ij B_ij(x), right after the forces.

LAMMPS lists pairs and their forces for central potentials, and for those of embedded atoms, by
``compute pair/local``, and bonds by ``compute bond/local``.  Whatever else acts between atoms
(angles, three-body terms, long-range sums, rigid bodies) would be missing: so the virial of the
pairs is compared with LAMMPS's own at every look, as molecules may be inserted and bonds made meanwhile,
and a difference is refused.

LAMMPS 22Jul2025 has an error in ``pair/local`` of embedded atoms: it takes the embedding energy
S_i that it adds to a pair's energy for a part of φ when it forms dφ/dr, so that the force on
atom i is too large by S_i r/r².  S_i is the atom's energy beyond that of its pairs, over the
number of pairs that it comes first in.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ...coarse import bonds, kernels, sums
from ...core import parallel
from ...core.errors import InputError
from ...fields.grid import CellGrid
from .base import Atoms, Moment, Observer
from .channels import products
from .material import Material

if TYPE_CHECKING:
    from ..session import Session

Array = NDArray[np.float64]

_AGREE = 1e-8
"""Relative difference of the two virials that is round-off."""
_EMBEDDED = ("eam", "hybrid")


class PairForces(Observer):
    """Takes the pair forces' stress on the nodes; attach it to the steps of its fields, before them.

    Args:
        grid, shape, radius: as of the fields.
        material: follows the box.

    Attributes:
        stress: ``(*shape, 6)`` on rank 0, in LAMMPS's pressures, of the last step.
    """

    moment: Moment = "forces"
    tallies = True

    def __init__(self, grid: CellGrid, shape: str, radius: float, material: Material):
        self.grid, self.shape, self.radius, self.material = grid, shape, radius, material
        self.stress: Array | None = None
        self._atoms: Atoms | None = None
        self._embedded = False  # whether LAMMPS's error was to be undone at the last look

    def prepare(self, session: "Session") -> None:
        """Define the computes."""
        self._lmp: Any = session.lmp
        self._pressure = float(session.lmp.extract_global("nktv2p"))
        # there need not be any at first
        kinds, bond_style = (
            session.lmp.extract_setting("nbondtypes"),
            session.lmp.extract_global("bond_style"),
        )
        self._bonded = int(kinds) > 0 and str(bond_style or "none") != "none"
        style = str(session.lmp.extract_global("pair_style") or "none")
        self._style = style
        self._may_be_embedded = style.startswith(_EMBEDDED)
        # components of the vector and the force, so that no image has to be guessed
        terms = ["pair/local dx dy dz fx fy fz eng", "property/local patom1 patom2"]
        names = ["mdbridge_pairs", "mdbridge_pair_atoms"]
        if self._bonded:
            terms += ["bond/local dx dy dz fx fy fz", "property/local batom1 batom2"]
            names += ["mdbridge_bonds", "mdbridge_bond_atoms"]
        terms += [
            "pressure NULL pair bond angle dihedral improper kspace",
            "pressure NULL fix",
        ]
        names += ["mdbridge_forces", "mdbridge_fixes"]
        if self._may_be_embedded:
            terms += ["pe/atom pair", "pe/tally all"]
            names += ["mdbridge_pair_energy", "mdbridge_two_body"]
        for name, term in zip(names, terms, strict=True):
            if not session.defines(f"c_{name}"):
                session.commands(f"compute {name} all {term}")

    def local(self, atoms: Atoms) -> None:
        self._atoms = atoms

    def collective(self, comm: MPI.Comm) -> None:
        taken, error = parallel.attempt(self._take)
        parallel.agree(comm, error)
        assert taken is not None
        x, bond, virial, extras = taken
        self._embedded = self._verify(comm, virial, extras)
        if self._embedded:
            virial = virial - extras
        mine, error = parallel.attempt(lambda: self._sum(x, bond, virial))
        parallel.agree(comm, error)
        assert mine is not None
        whole = np.empty_like(mine) if comm.rank == 0 else None
        comm.Reduce(mine, whole)
        self.stress = whole

    def _take(self) -> tuple[Array, Array, Array, Array]:
        """First atoms' places, bonds to the second, r ⊗ f of each pair, and what is wrong with the latter."""
        atoms = self._atoms
        assert atoms is not None
        place = _Places(atoms.ids)
        rows, names = self._rows("mdbridge_pairs", 7), self._rows("mdbridge_pair_atoms", 2)
        first = place(names[:, 0])
        r, f = rows[:, :3], rows[:, 3:6]
        extras = np.zeros((len(rows), 6))
        if self._may_be_embedded:
            count = np.bincount(first, minlength=atoms.count)
            energy = self._per_atom("mdbridge_pair_energy", atoms.count)
            two_body = self._per_atom("mdbridge_two_body", atoms.count)
            # LAMMPS splits the embedding energy over the pairs in which the atom comes first
            share = (energy - two_body) / np.maximum(count, 1)
            extras = products(r, r) * (share[first] / (r * r).sum(axis=1))[:, None]
        x, virial = atoms.x[first], products(r, f)
        if self._bonded:
            rows, names = self._rows("mdbridge_bonds", 6), self._rows("mdbridge_bond_atoms", 2)
            x = np.concatenate([x, atoms.x[place(names[:, 0])]])
            virial = np.concatenate([virial, products(rows[:, :3], rows[:, 3:])])
            extras = np.concatenate([extras, np.zeros((len(rows), 6))])
            r = np.concatenate([r, rows[:, :3]])
        return x, -r, virial, extras

    def _rows(self, name: str, columns: int) -> Array:
        """A copy of the rows of a local compute; none where this rank has none."""
        rows = self._lmp.numpy.extract_compute(name, 2, 2)
        return np.zeros((0, columns)) if rows is None or np.size(rows) == 0 else np.array(rows)

    def _per_atom(self, name: str, count: int) -> Array:
        values = np.asarray(self._lmp.numpy.extract_compute(name, 1, 2 if name.endswith("body") else 1))
        values = values[:, 0] if values.ndim == 2 else values
        return values[:count].copy()

    def _verify(self, comm: MPI.Comm, virial: Array, extras: Array) -> bool:
        """Whether LAMMPS's error must be undone for the virial to be its own; refuses what is neither."""
        ours = comm.allreduce(virial.sum(axis=0)), comm.allreduce(extras.sum(axis=0))
        assert self._atoms is not None
        # of this step, whose end the material has not seen yet
        volume = self.material.look(self._atoms).box.volume / self._pressure
        theirs = np.array(self._lmp.numpy.extract_compute("mdbridge_forces", 0, 1)[:6]) * volume
        fixes = np.array(self._lmp.numpy.extract_compute("mdbridge_fixes", 0, 1)[:6]) * volume
        # near rest the virial is a small difference of large forces
        scale = max(np.abs(theirs).max(), float(np.sqrt(comm.allreduce((virial**2).sum()))))
        if np.abs(fixes).max() > _AGREE * scale:
            raise InputError(
                "stress = 'hardy': a fix acts between the atoms (its part of the pressure is not 0), and "
                "LAMMPS lists no pairs of it; take stress = 'virial'"
            )
        # where atoms are alone both agree: as it was before
        for undone in (self._embedded, not self._embedded) if self._may_be_embedded else (False,):
            if np.abs(ours[0] - undone * ours[1] - theirs).max() <= _AGREE * scale:
                return undone
        raise InputError(
            f"stress = 'hardy': pair_style {self._style} has forces that are not those of pairs and bonds "
            f"(their virial {ours[0][0]:.6g}, LAMMPS's {theirs[0]:.6g}): it needs central forces, or "
            "embedded atoms, and no angles, dihedrals, long-range sums or tail corrections; take "
            "stress = 'virial'"
        )

    def _sum(self, x: Array, bond: Array, virial: Array) -> Array:
        assert self._atoms is not None
        motion = self.material.look(self._atoms)
        lattice = self.grid.place(motion.box)
        f = lattice.coordinates(x)
        chosen: Any = slice(None)
        if not lattice.fills:
            # a bond may reach into the region from an atom that is far from it
            longest = float(np.sqrt((bond * bond).sum(axis=1).max(initial=0.0)))
            chosen, f, _ = sums.images(lattice, f, lattice.reach(self.radius + longest))
        volume = kernels.integral(self.shape, len(self.grid.cells), self.radius) * lattice.depth
        # tension is positive: pairs that pull have r · f < 0
        values = -virial[chosen] * (self._pressure / volume)
        return bonds.bond_sums(lattice, f, bond[chosen], values, self.radius, self.shape)


class _Places:
    """Where atoms of given IDs are among those of a rank."""

    def __init__(self, ids: NDArray[np.integer[Any]]):
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]

    def __call__(self, wanted: Array) -> NDArray[np.int64]:
        """``(m,)`` rows of the atoms of these IDs."""
        return self._order[np.searchsorted(self._sorted, wanted.astype(np.int64))]
