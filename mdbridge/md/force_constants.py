"""Force constants of a planar crystal: how far they reach, and how fast its atoms oscillate."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.units import EV_PER_A2_IN_G_PER_MOL_PS2
from .crystals import PlanarCrystal

Array = NDArray[np.float64]

_EDGE = 30.0  # of the sheet (Å): twice the range of the potentials in use, and more
_STEP = 1e-4  # Å
_WAVES = 12  # wave vectors along each axis of the zone
_UNSTABLE = 0.01  # of the highest frequency; differences of forces leave 1e-5 of it
_RESOLVED = 0.3  # angular frequency times timestep: Verlet's frequencies are then off by 0.4 %


@dataclass(frozen=True)
class ForceConstants:
    """−∂F/∂x between the atoms of one cell and all atoms.

    Attributes:
        name: of the crystal, for errors.
        apart: ``(m, n, 2)`` from each of the m atoms of the cell to all n of a sheet, nearest image (Å).
        blocks: ``(m, n, 2, 2)`` force constants (eV/Å²).
        basis: ``(n,)`` which atom of its cell an atom is.
        masses: ``(m,)`` of the atoms of the cell (g/mol).
        edges: ``(2,)`` of the cell (Å).
    """

    name: str
    apart: Array
    blocks: Array
    basis: NDArray[np.int64]
    masses: Array
    edges: Array

    def reach(self, beyond: float = 0.01) -> float:
        """Distance (Å) up to which force constants matter.

        Those farther off contribute less than ``beyond`` to Σ |Φ| r², which is what the stiffness
        against long waves is made of.

        Raises:
            InputError: they reach as far as the sheet does on which they are measured.
        """
        distance = np.linalg.norm(self.apart, axis=-1).ravel()
        part = np.abs(self.blocks).max(axis=(-2, -1)).ravel() * distance**2
        order = np.argsort(distance)
        left = 1.0 - np.cumsum(part[order]) / part.sum()
        last = distance[order][np.flatnonzero(left < beyond)[0]]
        shells = np.unique(np.round(distance, 3))
        if last + 0.01 >= shells.max():
            raise InputError(
                f"{self.name}: force constants reach beyond {shells.max():.0f} Å, the farthest that two "
                "atoms of the sheet are apart on which they are measured; take a potential of shorter range"
            )
        # half-way to the next shell, so that the edge of the sheet's atoms may move a little
        return float(0.5 * (last + shells[shells > last + 0.01].min()))

    def frequencies(self, k: Array) -> Array:
        """Angular frequencies (1/ps) at the wave vector ``k`` ``(2,)`` (1/Å), ascending.

        An unstable mode has a negative one, of the size of its growth rate.
        """
        m = len(self.masses)
        phase = np.exp(1j * self.apart @ k)
        matrix = np.zeros((m, 2, m, 2), dtype=complex)
        for other in range(m):
            mine = self.basis == other
            matrix[:, :, other, :] = np.einsum("an,anij->aij", phase[:, mine], self.blocks[:, mine])
        matrix /= np.sqrt(self.masses[:, None, None, None] * self.masses[None, None, :, None])
        dynamical = matrix.reshape(2 * m, 2 * m)
        squared = np.linalg.eigvalsh(0.5 * (dynamical + dynamical.conj().T)) * EV_PER_A2_IN_G_PER_MOL_PS2
        return np.sign(squared) * np.sqrt(np.abs(squared))

    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest angular frequency (1/ps) over the zone."""
        waves = [
            2 * np.pi * np.array([i, j]) / _WAVES / self.edges
            for i in range(_WAVES // 2 + 1)
            for j in range(-_WAVES // 2 + 1, _WAVES // 2 + 1)
        ]
        frequencies = np.array([self.frequencies(k) for k in waves])
        return float(frequencies.min()), float(frequencies.max())

    def check_timestep(self, timestep: float) -> None:
        """Refuse a timestep (ps) that does not resolve the fastest oscillation.

        Raises:
            InputError: names the longest one that does.
        """
        _, highest = self.extremes()
        if highest * timestep > _RESOLVED:
            raise InputError(
                f"'md.timestep_ps' = {timestep:g}: the fastest oscillation of {self.name} with this "
                f"potential has a period of {2 * np.pi / highest:.4f} ps; the timestep must be at most "
                f"{_RESOLVED / highest:.5f} ps"
            )


def force_constants(comm: MPI.Comm, crystal: PlanarCrystal, lattice: float) -> ForceConstants:
    """Central differences of LAMMPS's forces on a sheet at rest (collective).

    Args:
        lattice: the lattice constant without stress (Å).

    Raises:
        InputError: the crystal is at rest, but not stable.
    """
    edges = np.array(crystal.cell) * lattice
    cells = [ceil(_EDGE / edge) for edge in edges]
    with crystal.sheet(comm, cells, lattice) as session:
        x, box = session.gather("d2_reference", 2), edges * cells
        within = np.mod((x + box / 2) / edges, 1.0)
        places = np.array([place for _, *place in crystal.basis])
        basis = np.abs(within[:, None] - places).max(axis=2).argmin(axis=1)
        # one atom of each kind of place, wherever: all cells are alike
        chosen = np.array([np.flatnonzero(basis == number)[0] for number in range(len(places))])
        blocks = np.empty((len(chosen), len(x), 2, 2))
        for row, atom in enumerate(chosen):
            for axis in range(2):
                forces = []
                for step in (_STEP, -_STEP):
                    moved = x.copy()
                    moved[atom, axis] += step
                    session.scatter("x", moved)
                    session.evaluate()
                    forces.append(session.gather("f", 2))
                blocks[row, :, axis] = (forces[1] - forces[0]) / (2 * _STEP)
    apart = x - x[chosen, None]
    apart -= box * np.rint(apart / box)
    masses = np.array([crystal.masses[kind - 1] for kind, *_ in crystal.basis])
    constants = ForceConstants(crystal.name, apart, blocks, basis, masses, edges)
    lowest, highest = constants.extremes()
    if lowest < -_UNSTABLE * highest:
        raise InputError(
            f"{crystal.name} with pair_style {crystal.pair_style} is at rest at a lattice constant of "
            f"{lattice:.4f} Å, but not stable in its plane; this potential does not hold it together"
        )
    return constants
