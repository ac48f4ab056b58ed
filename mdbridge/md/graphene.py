"""Graphene in LAMMPS: a periodic sheet, a free disc, and its elastic constants.

Planar: no force and no motion out of the plane.  Two per-atom arrays travel
with their atoms: ``d2_reference`` (where the atom was at rest) and ``d2_load``
(the dead load on it, applied by ``fix addforce``).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..core.errors import InputError
from ..core.units import BAR_IN_GPA, BOLTZMANN_EV_PER_K
from .session import Session

THICKNESS = 3.35
"""Thickness of one layer (Å), for stresses: the distance of layers in graphite."""

TIMESTEP = 0.0005
"""Time step of the dynamics (ps)."""

BOND_CUTOFF = 1.9
"""Atoms nearer than this are bonded (Å)."""

INTERACTION = 2.75
"""Moving an atom changes the forces up to here (Å): second neighbours through a common bond."""

_HEIGHT = 10.0  # of the periodic box out of the plane (Å): more than the cutoff, so layers do not meet


def sheet(comm: MPI.Comm, cells: tuple[int, int], bond: float, potential: Path) -> Session:
    """A periodic sheet of ``cells`` rectangular cells √3 a × 3 a, centred on 0, with bond length a (Å)."""
    half = np.array([np.sqrt(3.0), 3.0]) * bond * np.array(cells) / 2
    session = Session(comm)
    session.commands(_header("p p p"))
    session.commands(_lattice(bond, origin=-half))
    session.commands(
        f"region whole block {-half[0]} {half[0]} {-half[1]} {half[1]} {-_HEIGHT / 2} {_HEIGHT / 2} units box"
    )
    session.commands("create_box 1 whole\ncreate_atoms 1 box")
    session.commands(_physics(potential))
    _set_reference(session)
    return session


def free_disc(comm: MPI.Comm, radius: float, bond: float, potential: Path) -> Session:
    """A disc cut from the sheet, its edge relaxed well enough for :meth:`.relax.Crystal.settle`.

    Atoms with fewer than two bonds are removed: in the plane they are hinges.

    Raises:
        InputError: no atom is left.
    """
    session = Session(comm)
    wall = radius + 20.0
    session.commands(_header("f f p"))
    session.commands(_lattice(bond, origin=np.zeros(2)))
    session.commands(
        f"region whole block {-wall} {wall} {-wall} {wall} {-_HEIGHT / 2} {_HEIGHT / 2} units box\n"
        f"region disc cylinder z 0 0 {radius} {-_HEIGHT} {_HEIGHT} units box\n"
        "create_box 1 whole\ncreate_atoms 1 region disc"
    )
    session.commands(_physics(potential))
    while True:
        session.commands(f"compute bonds all coord/atom cutoff {BOND_CUTOFF}")
        session.commands("variable loose atom c_bonds<1.5\nrun 0\ngroup loose variable loose")
        before = session.natoms
        session.commands("delete_atoms group loose compress yes")
        session.commands("group loose delete\nvariable loose delete\nuncompute bonds")
        if session.natoms == before:
            break
    if session.natoms == 0:
        raise InputError(f"'md.disc_radius_A' = {radius:g}: no bonded atoms are left; give a larger radius")
    session.minimize(force=1e-2, iterations=2000)
    _set_reference(session)
    return session


def equilibrium_bond(comm: MPI.Comm, guess: float, potential: Path) -> float:
    """The bond length (Å) at which the flat sheet has no stress.

    Raises:
        InputError: there is none within 3 % of ``guess``.
    """

    def pressure(bond: float) -> float:
        with sheet(comm, (4, 3), bond, potential) as session:
            session.run(0)
            return float(session.lmp.get_thermo("pxx") + session.lmp.get_thermo("pyy"))

    low, high = 0.97 * guess, 1.03 * guess
    if not pressure(low) > 0 > pressure(high):
        raise InputError(
            f"'md.bond_guess_A' = {guess:g}: no stress-free bond length of '{potential.name}' lies within "
            "3 % of it; give a nearer value (carbon: 1.46)"
        )
    return float(brentq(pressure, low, high, xtol=1e-9))


def elastic_constants(comm: MPI.Comm, bond: float, potential: Path) -> dict[str, float]:
    """C11, C12, C66 (TPa at :data:`THICKNESS`) from small strains of a small sheet, relaxed inside.

    Central differences of the stress at strains of ±1e-4; nothing of the
    coarse-graining or of the continuum model enters.
    """

    def stress(mode: str, strain: float) -> NDArray[np.float64]:
        with sheet(comm, (4, 3), bond, potential) as session:
            _strain_box(session, mode, strain)
            session.minimize(force=1e-10, iterations=20000)
            return -np.array([session.lmp.get_thermo(p) for p in ("pxx", "pyy", "pxy")])

    return _moduli(stress, 1e-4)


def thermal_elastic_constants(
    comm: MPI.Comm,
    bond: float,
    potential: Path,
    *,
    temperature: float,
    damping: float,
    duration: float,
    seed: int,
) -> dict[str, float]:
    """C11, C12, C66 (TPa), isothermal, of a sheet whose box is that of 0 K, and its thermal stress.

    Central differences of the mean stress, virial and kinetic, at strains of ±0.005
    under one and the same thermal noise: what the four runs have in common cancels.

    Args:
        temperature: K.
        damping: of the thermostat (ps).
        duration: over which the stress is averaged (ps), after a third of it has passed.
        seed: of the noise.
    """
    steps = round(duration / TIMESTEP)

    def stress(mode: str, strain: float) -> NDArray[np.float64]:
        with sheet(comm, (12, 7), bond, potential) as session:
            _strain_box(session, mode, strain)
            thermostat(session, temperature, damping, seed)
            session.run(steps // 3)
            session.commands("reset_timestep 0")  # the mean below is over whole multiples of its length
            components = " ".join(f"c_thermo_press[{i}]" for i in (1, 2, 4))
            session.commands(f"fix mean all ave/time 5 {steps // 5} {5 * (steps // 5)} {components}")
            session.run(5 * (steps // 5))
            return -np.array([session.lmp.extract_fix("mean", 0, 1, row) for row in range(3)])

    unit = BAR_IN_GPA * 1e-3 * _HEIGHT / THICKNESS
    rest = stress("x", 0.0) * unit
    return _moduli(stress, 5e-3) | {"thermal_stress_TPa": float(rest[:2].mean())}


def _strain_box(session: Session, mode: str, strain: float) -> None:
    session.commands("change_box all triclinic")
    if mode == "x":
        session.commands(f"change_box all x scale {1 + strain} remap units box")
    else:
        ly = session.atoms().box()[1, 1]
        session.commands(f"change_box all xy final {strain * ly} remap units box")


def _moduli(stress: Callable[[str, float], NDArray[np.float64]], strain: float) -> dict[str, float]:
    """Central differences of the stress (xx, yy, xy, in bar over the box's height)."""
    unit = BAR_IN_GPA * 1e-3 * _HEIGHT / THICKNESS
    along, shear = (
        (stress(mode, strain) - stress(mode, -strain)) / (2 * strain) * unit for mode in ("x", "xy")
    )
    return {"C11_TPa": float(along[0]), "C12_TPa": float(along[1]), "C66_TPa": float(shear[2])}


def thermostat(session: Session, temperature: float, damping: float, seed: int) -> None:
    """Velocities and a Langevin thermostat at ``temperature`` (K), in the plane only.

    The sheet starts at rest in a potential minimum, so half of the first kinetic
    energy goes into the bonds: the velocities are drawn at twice the temperature.

    Args:
        damping: relaxation time of the thermostat (ps).
        seed: of velocities and random forces.
    """
    session.commands(f"""
        velocity all create {2 * temperature} {seed} mom yes rot no dist gaussian
        velocity all set NULL NULL 0.0
        fix motion all nve
        fix bath all langevin {temperature} {temperature} {damping} {seed + 1} zero yes
        unfix planar
        fix planar all setforce NULL NULL 0.0
        """)  # the last fix must come after the thermostat, whose kicks it removes out of the plane


def temperature(session: Session) -> float:
    """Temperature of the in-plane motion (K): two degrees of freedom an atom."""
    return float(session.lmp.get_thermo("ke")) / (session.natoms * BOLTZMANN_EV_PER_K)


def plane_box(session: Session) -> NDArray[np.float64]:
    """``(2,)`` lengths of the box in the plane (Å)."""
    return np.diag(session.atoms().box())[:2].copy()


def _header(boundary: str) -> str:
    return f"""
        units metal
        boundary {boundary}
        atom_style atomic
        atom_modify map array sort 0 0.0
        timestep {TIMESTEP}
        newton on
        """


def _lattice(bond: float, origin: NDArray[np.float64]) -> str:
    """The honeycomb as a rectangular cell of four atoms, a quarter cell away from its edges."""
    cell = np.array([np.sqrt(3.0), 3.0]) * bond
    shift = np.mod(origin / cell, 1.0)
    return (
        f"lattice custom 1.0 a1 {cell[0]} 0 0 a2 0 {cell[1]} 0 a3 0 0 {_HEIGHT} "
        "basis 0.25 0.083333333333333333 0 basis 0.75 0.25 0 "
        "basis 0.75 0.583333333333333333 0 basis 0.25 0.75 0 "
        f"origin {shift[0]} {shift[1]} 0"
    )


def _physics(potential: Path) -> str:
    return f"""
        mass 1 12.011
        pair_style tersoff
        pair_coeff * * "{potential}" C
        neighbor 1.0 bin
        neigh_modify every 1 delay 0 check yes
        thermo_modify norm no
        fix arrays all property/atom d2_reference 2 d2_smoothed 2 d2_load 2
        variable load_x atom d2_load[1]
        variable load_y atom d2_load[2]
        compute unwrapped all property/atom xu yu
        variable work_x atom d2_load[1]*(c_unwrapped[1]-d2_reference[1])
        variable work_y atom d2_load[2]*(c_unwrapped[2]-d2_reference[2])
        variable load_energy atom -v_work_x-v_work_y
        fix load all addforce v_load_x v_load_y 0.0 energy v_load_energy
        fix_modify load energy yes
        fix planar all setforce NULL NULL 0.0
        """


def _set_reference(session: Session) -> None:
    session.run(0)
    atoms = session.atoms()
    atoms.array("d2_reference")[:] = atoms.array("x")[:, :2]
    atoms.array("d2_load")[:] = 0.0
