"""Equilibrium of a planar crystal under dead loads: Newton's method with the Hessian at rest.

The strains are small, so the Hessian of the unloaded crystal, factorised once,
serves every load: each step divides the residual force by about the inverse
of the strain times the anharmonicity (10 to 50).  Conjugate gradients need
thousands of force evaluations for the long waves; this needs about five.

What the steps tell of the stiffness at the strain that has been reached corrects
the Hessian (BFGS).  That saves a step or two with a smooth potential, and is needed
for one whose stiffness has a kink at rest, as AIREBO's: at a bond strain of 0.01 it is
twice that at rest, and without the correction each step would overshoot.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from ..core.errors import ConvergenceError
from .crystals import plane_box
from .session import Session

Array = NDArray[np.float64]

_STRAIN_LIMIT = 0.2
_MEMORY = 10  # steps that correct the Hessian


class Crystal:
    """A planar crystal at rest in a session, ready to be loaded.

    Args:
        session: holds the crystal near its equilibrium without load; its arrays
            ``d2_reference`` and ``d2_load`` are those of :mod:`.crystals`.
        bond: the longest distance of bonded atoms (Å).
        interaction: the longest distance (Å) at which moving an atom changes a force by
            what matters to the Hessian; what is farther off costs iterations, not accuracy.
        free: whether the crystal may also rotate (no periodic boundaries).

    Attributes:
        reference: ``(n, 2)`` positions at rest (Å), in the order of the atom IDs.
        displacement: ``(n, 2)`` from there, of the state last placed (Å).
        masses: ``(n,)`` of the atoms (g/mol).
        bonds: ``(m, 2)`` indices of bonded atoms.
        hessian: ``(2n, 2n)`` at rest (eV/Å²).
    """

    def __init__(self, session: Session, bond: float, interaction: float, free: bool):
        self.session = session
        self.reference = session.gather("d2_reference", 2)
        self.displacement = np.zeros_like(self.reference)
        self.masses = session.masses()
        self.box = None if free else plane_box(session)
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
        u, step, before = np.zeros_like(load), self.respond(load), load
        largest = np.inf
        seen: deque[tuple[Array, Array]] = deque(maxlen=_MEMORY)
        for _ in range(iterations):
            u = u + step
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
            seen.append((step, before - force))
            step, before = self._step(force, seen), force
        raise ConvergenceError(
            f"relaxation: a force of {largest:.1e} eV/Å is left after at most {iterations} Newton steps, "
            f"above {tolerance:.0e}; the load is too large for the Hessian at rest; "
            "lower 'md.max_bond_strain'"
        )

    def _step(self, force: Array, seen: "deque[tuple[Array, Array]]") -> Array:
        """Where the Hessian at rest, corrected by the steps that were ``seen``, expects no force.

        The two loops of limited-memory BFGS, [Nocedal and Wright, alg. 7.4].

        Args:
            force: ``(n, 2)`` what is left (eV/Å).
            seen: steps and the forces that they took away, the latest last.
        """
        used = [(step, taken, np.vdot(step, taken)) for step, taken in seen if np.vdot(step, taken) > 0]
        left, amounts = force, []
        for step, taken, work in reversed(used):
            amounts.append(np.vdot(step, left) / work)
            left = left - amounts[-1] * taken
        result = self.respond(left)
        for (step, taken, work), amount in zip(used, reversed(amounts), strict=True):
            result = result + (amount - np.vdot(taken, result) / work) * step
        return result

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
        self.session.scatter("x", self.reference + u, unwrapped=True)

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
        return _translation_invariant((0.5 * (hessian + hessian.T)).tocsr())


def _translation_invariant(hessian: sparse.csr_array) -> sparse.csr_array:
    """The Hessian with the blocks on its diagonal such that moving all atoms together costs nothing.

    Without a cut at the interaction's range it does so by itself.  With one, the long waves would miss
    the small forces of many far atoms, which are as large as what is left of the near ones.
    """
    n = hessian.shape[0] // 2
    rigid = np.tile(np.eye(2), (n, 1))
    left = (hessian @ rigid).reshape(n, 2, 2)
    # the sum of the blocks of a row need not be symmetric where rotations are cut off as well
    blocks = 0.5 * (left + left.transpose(0, 2, 1))
    diagonal = sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1)), shape=hessian.shape)
    return (hessian - diagonal).tocsr()


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
