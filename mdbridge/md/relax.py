"""Equilibrium of a planar crystal under dead loads: Newton's method with the Hessian at rest.

The strains are small, so the Hessian of the unloaded crystal, factorised once,
serves every load: each step divides the residual force by about the inverse
of the strain times the anharmonicity (10 to 50).  Conjugate gradients need
thousands of force evaluations for the long waves; this needs about six.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from ..core.errors import ConvergenceError
from .session import Session

_STRAIN_LIMIT = 0.2


class Crystal:
    """A planar crystal at rest in a session, ready to be loaded.

    Args:
        session: holds the crystal near its equilibrium without load; its arrays
            ``d2_reference`` and ``d2_load`` are those of :mod:`.graphene`.
        bond: the longest distance of bonded atoms (Å).
        interaction: the longest distance at which moving an atom changes a force (Å).
        free: whether the crystal may also rotate (no periodic boundaries).

    Attributes:
        reference: ``(n, 2)`` positions at rest (Å), in the order of the atom IDs.
        displacement: ``(n, 2)`` from there, of the state last placed (Å).
        bonds: ``(m, 2)`` indices of bonded atoms.
        hessian: ``(2n, 2n)`` at rest (eV/Å²).
    """

    def __init__(self, session: Session, bond: float, interaction: float, free: bool):
        self.session = session
        self.reference = session.gather("d2_reference", 2)
        self.displacement = np.zeros_like(self.reference)
        self.box = None if free else np.diag(session.atoms().box())[:2].copy()
        tree = _tree(self.reference, self.box)
        self.bonds = tree.query_pairs(bond, output_type="ndarray")
        self._held = _held_components(self.reference, free)
        self.hessian = self._hessian(tree, interaction)
        keep = np.setdiff1d(np.arange(2 * session.natoms), self._held)
        self._keep = keep
        self._factors = splu(self.hessian[keep][:, keep].tocsc(), permc_spec="MMD_AT_PLUS_A")

    def respond(self, load: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear response ``(n, 2)`` (Å) to forces ``(n, 2)`` (eV/Å), without rigid motion."""
        u = np.zeros(load.size)
        u[self._keep] = self._factors.solve(self._without_rigid_motion(load).ravel()[self._keep])
        return self._without_rigid_motion(u.reshape(-1, 2))

    def relax(self, load: NDArray[np.float64], tolerance: float, iterations: int = 40) -> NDArray[np.float64]:
        """Find the equilibrium under ``load`` ``(n, 2)`` (eV/Å); leaves the atoms there.

        Args:
            tolerance: largest force component left (eV/Å).

        Returns:
            ``(n, 2)`` displacements (Å), without rigid motion.

        Raises:
            ConvergenceError: the force does not fall below the tolerance.
        """
        self.session.scatter("d2_load", load)
        u = self.respond(load)
        largest = np.inf
        for _ in range(iterations):
            # far from rest the iteration runs away, and LAMMPS would lose the atoms
            if not self.bond_strain(u) < _STRAIN_LIMIT:
                break
            # On a free crystal dead loads turn with nothing: once the shape has changed they leave a
            # tiny couple (second order in the strain), which no deformation can balance.
            force = self._without_rigid_motion(self.force(u))
            largest = np.abs(force).max()
            if largest < tolerance:
                self.place(u)
                return u
            u = u + self.respond(force)
        raise ConvergenceError(
            f"relaxation: a force of {largest:.1e} eV/Å is left after at most {iterations} Newton steps, "
            f"above {tolerance:.0e}; the load is too large for the Hessian at rest; "
            "lower 'md.max_bond_strain'"
        )

    def settle(self, tolerance: float) -> None:
        """Bring the unloaded crystal to rest and make that the reference."""
        u = self.relax(np.zeros_like(self.reference), tolerance)
        self.reference = self.reference + u
        self.displacement = np.zeros_like(u)
        self.session.scatter("d2_reference", self.reference)

    def place(self, u: NDArray[np.float64]) -> None:
        """Put the atoms at displacements ``u`` ``(n, 2)`` and evaluate everything, observers included."""
        self._move(u)
        self.displacement = u
        self.session.run(0)

    def force(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Forces ``(n, 2)`` (eV/Å), the load included, at displacements ``u``; no observer is called."""
        self._move(u)
        self.session.evaluate()
        return self.session.gather("f", 2)

    def bond_strain(self, u: NDArray[np.float64]) -> float:
        """The largest relative change of a bond length at displacements ``u`` ``(n, 2)``."""
        i, j = self.bonds.T
        before = self.reference[j] - self.reference[i]
        if self.box is not None:
            before -= self.box * np.rint(before / self.box)
        after = before + u[j] - u[i]
        return float(np.abs(np.linalg.norm(after, axis=1) / np.linalg.norm(before, axis=1) - 1).max())

    def _move(self, u: NDArray[np.float64]) -> None:
        """Set unwrapped positions; image flags go back to those of the reference (zero)."""
        self.session.scatter("x", self.reference + u)
        atoms = self.session.atoms()
        half = 1 << (atoms.image_bits - 1)
        atoms.array("image")[:] = half | half << atoms.image_bits | half << 2 * atoms.image_bits

    def _without_rigid_motion(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        u = u - u.mean(axis=0)
        if self.box is None:
            x = self.reference - self.reference.mean(axis=0)
            spin = np.stack([-x[:, 1], x[:, 0]], axis=1)
            u -= spin * (np.vdot(spin, u) / np.vdot(spin, spin))
        return u

    def _hessian(self, tree: cKDTree, interaction: float) -> sparse.csr_array:
        """Second derivatives of the energy from differences of LAMMPS's forces.

        Atoms that no third one interacts with are moved together (graph
        colouring), so the number of force evaluations does not grow with size.
        """
        step = 1.0e-4
        n = len(self.reference)
        pairs = tree.query_pairs(interaction, output_type="ndarray")
        near = sparse.csr_array((np.ones(len(pairs)), pairs.T), shape=(n, n))
        near = (near + near.T + sparse.eye_array(n)).tocsr()
        colour = _colour((near @ near).tocsr())
        rows, columns, values = [], [], []
        for group in range(colour.max() + 1):
            members = np.flatnonzero(colour == group)
            # every atom that feels a member feels exactly one: find which
            owner = near[:, members].tocoo()
            for axis in range(2):
                u = np.zeros((n, 2))
                u[members, axis] = step
                slope = -(self.force(u) - self.force(-u)) / (2 * step)
                for component in range(2):
                    rows.append(2 * owner.row + component)
                    columns.append(2 * members[owner.col] + axis)
                    values.append(slope[owner.row, component])
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        hessian = sparse.csr_array(entries, shape=(2 * n, 2 * n))
        return (0.5 * (hessian + hessian.T)).tocsr()


def _tree(points: NDArray[np.float64], box: NDArray[np.float64] | None) -> cKDTree:
    if box is None:
        return cKDTree(points)
    return cKDTree(np.mod(points - points.min(axis=0), box), boxsize=box)


def _held_components(reference: NDArray[np.float64], free: bool) -> NDArray[np.int64]:
    """Degrees of freedom to hold so that no rigid motion is left in the linear system."""
    if not free:
        return np.array([0, 1])
    x = reference - reference.mean(axis=0)
    centre, far = np.hypot(*x.T).argmin(), x[:, 0].argmax()
    return np.array([2 * centre, 2 * centre + 1, 2 * far + 1])


def _colour(conflicts: sparse.csr_array) -> NDArray[np.int64]:
    """Greedy colouring: neighbours in the graph get different colours."""
    colour = np.full(conflicts.shape[0], -1)
    for i in range(conflicts.shape[0]):
        taken = set(colour[conflicts.indices[conflicts.indptr[i] : conflicts.indptr[i + 1]]].tolist())
        colour[i] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colour
