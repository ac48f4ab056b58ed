"""How much more stress each place of a glass bears before its atoms rearrange: the local yield stress.

A cylinder of atoms, through the thin edge of the box, is sheared in small steps at no temperature: the
atoms around it follow the homogeneous shear and are held, its own are taken to a minimum after each step.
Its stress grows until something gives way, and falls; what it has gained until then is what this place bears
beyond the stress that it has at rest [Patinet, Vandembroucq, Falk, Phys. Rev. Lett. 117, 045501 (2016), in
the direction of the shear alone; Barbot et al., Phys. Rev. E 97, 033001 (2018)].  Where it is small the glass
is soft.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core import parallel
from ..core.errors import ConvergenceError
from ..core.units import BAR_IN_GPA
from . import cuzr
from .session import Session
from .softness import FORCE, ITERATIONS

Array = NDArray[np.float64]

RADIUS = 10.0
"""Of a cylinder (Å): smaller ones are stiffened by what holds them."""
REACH = 8.0
"""Of the forces (Å); those on an atom depend on neighbours of its neighbours, too."""
STEP = 0.01
"""Of the shear strain."""
LARGEST = 0.2
"""Shear strain at which a cylinder that has not yielded is left; it has borne that much, at least."""
_DROP = 0.005
"""Fall of the stress that is none of its noise (GPa): minima are known to a force, not exactly."""
_MARGIN = 10.0
"""Empty space beside the atoms (Å), into which they are sheared."""


@dataclass(frozen=True)
class Rest:
    """A glass at a minimum of its energy.

    Attributes:
        types: ``(N,)`` of the atoms.
        places: ``(N, 3)`` from the corner of the box (Å).
        box: ``(3,)`` edges of the upright box (Å).
    """

    types: NDArray[np.int64]
    places: Array
    box: Array


def yield_stresses(
    comm: MPI.Comm, restart: Path, potential: Path, timestep: float
) -> tuple[Array, Array, Array]:
    """The local yield stress on a lattice of places, about a radius apart (collective).

    Args:
        comm: the ranks, which share the places.
        restart: the glass at rest.
        potential: its EAM file.
        timestep: (ps); nothing moves in time, LAMMPS wants one.

    Returns:
        ``(P, 2)`` places in the plane, from the corner of the box (Å); ``(P,)`` gained stress at yield (GPa);
        ``(3,)`` the edges of the upright box (Å).

    Raises:
        ConvergenceError: a minimum was not found.
    """
    with cuzr.resume(comm, restart, potential, timestep) as session:
        session.minimize(FORCE, ITERATIONS)
        places = session.gather("x", 3) - session.corner()
        rest = Rest(session.gather("type", 1)[:, 0].astype(np.int64), places, np.diag(session.box()).copy())
    centres = lattice(rest.box)

    def share() -> list[tuple[int, float]]:
        mine = range(comm.rank, len(centres), comm.size)
        return [(k, yield_stress(rest, centres[k], potential, timestep)) for k in mine]

    # the ranks agree before they meet again: a minimum that one of them does not find ends all
    known = comm.allgather(parallel.agreed(comm, share))
    gained = np.array([stress for _, stress in sorted(pair for part in known for pair in part)])
    return centres, gained, rest.box


def lattice(box: Array) -> Array:
    """``(P, 2)`` centres of the cylinders: whole numbers of them along both edges, a radius apart or less."""
    counts = np.ceil(box[:2] / RADIUS - 1e-9).astype(int)
    x, y = ((np.arange(n) + 0.5) * edge / n for n, edge in zip(counts, box, strict=False))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def smallest_edge() -> float:
    """The edge (Å) that a box must have for a cylinder and what its forces depend on to fit into it once."""
    return 2 * (RADIUS + 2 * REACH)


def yield_stress(rest: Rest, centre: Array, potential: Path, timestep: float) -> float:
    """What the cylinder about ``centre`` bears beyond its stress at rest (GPa); of one rank.

    Raises:
        ConvergenceError: a minimum was not found.
    """
    offset = rest.places[:, :2] - centre
    # the nearest image: the box is periodic, the piece that is cut out of it is not
    offset -= rest.box[:2] * np.round(offset / rest.box[:2])
    near, thickness = np.hypot(*offset.T) < RADIUS + 2 * REACH, float(rest.box[2])
    places = np.column_stack([offset[near], rest.places[near, 2] % thickness])
    with _piece(rest.types[near], places, thickness, potential, timestep) as session:
        return _gain(session, thickness)


def _piece(
    types: NDArray[np.int64], places: Array, thickness: float, potential: Path, timestep: float
) -> Session:
    """A cylinder within its surroundings, which are held; the axis is at (0, 0)."""
    session = Session(MPI.COMM_SELF)
    edge = RADIUS + 2 * REACH + _MARGIN
    session.commands(f"""
        units metal
        suffix opt
        boundary f f p
        atom_modify map array
        region whole block {-edge} {edge} {-edge} {edge} 0.0 {thickness!r}
        create_box 2 whole
        """)
    count = len(places)
    session.lmp.create_atoms(
        count, list(range(1, count + 1)), types.tolist(), places.ravel().tolist(), [0.0] * (3 * count)
    )
    session.commands(f"""
        {cuzr.physics(session, potential, timestep)}
        region inner cylinder z 0.0 0.0 {RADIUS} INF INF
        group inner region inner
        group around subtract all inner
        fix held around setforce 0.0 0.0 0.0
        compute virial all stress/atom NULL virial
        compute stress inner reduce sum c_virial[4]
        thermo_style custom step fmax c_stress
        """)
    return session


def _gain(session: Session, thickness: float) -> float:
    """Shear the piece until its stress falls; the largest stress before, less that at rest (GPa)."""
    volume = np.pi * RADIUS**2 * thickness
    # far beyond the atoms: the ramp goes on outside of them as it does between them
    far = 100.0
    first = highest = _stress(session) * BAR_IN_GPA / volume
    for _ in range(round(LARGEST / STEP)):
        session.commands(f"displace_atoms all ramp x {-STEP * far!r} {STEP * far!r} y {-far} {far} units box")
        stress = _stress(session) * BAR_IN_GPA / volume
        if stress < highest - _DROP:
            break
        highest = max(highest, stress)
    return highest - first


def _stress(session: Session) -> float:
    """Sum of σ_xy times the volume of the inner atoms at the minimum (bar Å³), tension positive."""
    try:
        session.minimize(FORCE, ITERATIONS)
    except ConvergenceError as error:
        raise ConvergenceError(f"local yield stress: {error}") from error
    return float(session.lmp.extract_compute("stress", 0, 0))
