"""Elastic constants of a planar crystal, straight from LAMMPS's stress under small strains.

Nothing of the coarse-graining or of the continuum model enters.  The atoms are relaxed
in the strained box (or move in it, at finite temperature): where a cell has several
atoms, they shift against each other, and the constants are those of relaxed ions.
"""

from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.units import BAR_IN_GPA
from .crystals import HEIGHT, PlanarCrystal, plane_box
from .session import Session
from .thermostat import thermostat

Stress = Callable[[str, float], NDArray[np.float64]]

# of C11; differences of stresses leave far less
_ANISOTROPY = 0.01


def elastic_constants(comm: MPI.Comm, crystal: PlanarCrystal, lattice: float) -> dict[str, float]:
    """C11, C12, C66 (TPa at the crystal's thickness) at rest (collective).

    Central differences of the stress at strains of ±1e-4.

    Args:
        lattice: the lattice constant without stress (Å).

    Raises:
        InputError: the crystal is not isotropic in its plane.
    """

    def stress(mode: str, strain: float) -> NDArray[np.float64]:
        with crystal.sheet(comm, (4, 3), lattice) as session:
            _strain_box(session, mode, strain)
            # relaxed ions: a strained cell with several atoms is not at rest
            session.minimize(force=1e-10, iterations=20000)
            # stress is minus pressure
            return -np.array([session.lmp.get_thermo(p) for p in ("pxx", "pyy", "pxy")])

    unit = _tpa_in_bar(crystal)
    along_x, along_y, shear = (_slope(stress, mode, 1e-4) * unit for mode in ("x", "y", "xy"))
    c11, c12, c22, c66 = along_x[0], along_x[1], along_y[1], shear[2]
    if max(abs(c22 - c11), abs(2 * c66 - (c11 - c12))) > _ANISOTROPY * c11:
        raise InputError(
            f"{crystal.name} with pair_style {crystal.pair_style} is not isotropic in its plane: "
            f"C11 = {c11:.4f}, C22 = {c22:.4f}, C12 = {c12:.4f}, C66 = {c66:.4f} TPa; the peridynamic solid "
            "is (C22 = C11, C66 = (C11 − C12)/2), and cannot stand for it"
        )
    return {"C11_TPa": float(c11), "C12_TPa": float(c12), "C66_TPa": float(c66)}


def thermal_elastic_constants(
    comm: MPI.Comm,
    crystal: PlanarCrystal,
    lattice: float,
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
        lattice: the lattice constant without stress at 0 K (Å).
        temperature: K.
        damping: of the thermostat (ps).
        duration: over which the stress is averaged (ps), after a third of it has passed.
        seed: of the noise.
    """
    steps = round(duration / crystal.timestep)

    def stress(mode: str, strain: float) -> NDArray[np.float64]:
        with crystal.sheet(comm, (12, 7), lattice) as session:
            _strain_box(session, mode, strain)
            thermostat(session, temperature, damping, seed)
            # the strained sheet settles at its temperature first
            session.run(steps // 3)
            session.commands("reset_timestep 0")  # the mean below is over whole multiples of its length
            # xx, yy, xy in LAMMPS's order
            components = " ".join(f"c_thermo_press[{i}]" for i in (1, 2, 4))
            session.commands(f"fix mean all ave/time 5 {steps // 5} {5 * (steps // 5)} {components}")
            session.run(5 * (steps // 5))
            return -np.array([session.lmp.extract_fix("mean", 0, 1, row) for row in range(3)])

    unit = _tpa_in_bar(crystal)
    rest = stress("x", 0.0) * unit
    along_x, shear = (_slope(stress, mode, 5e-3) * unit for mode in ("x", "xy"))
    return {
        "C11_TPa": float(along_x[0]),
        "C12_TPa": float(along_x[1]),
        "C66_TPa": float(shear[2]),
        "thermal_stress_TPa": float(rest[:2].mean()),
    }


def _strain_box(session: Session, mode: str, strain: float) -> None:
    # a box that can lean, also for strains that do not make it lean: one code path
    session.commands("change_box all triclinic")
    if mode == "xy":
        tilt = strain * plane_box(session)[1]
        session.commands(f"change_box all xy final {tilt} remap units box")
    else:
        session.commands(f"change_box all {mode} scale {1 + strain} remap units box")


def _slope(stress: Stress, mode: str, strain: float) -> NDArray[np.float64]:
    """Central difference of the stress (xx, yy, xy) by the strain ``mode``."""
    return (stress(mode, strain) - stress(mode, -strain)) / (2 * strain)


def _tpa_in_bar(crystal: PlanarCrystal) -> float:
    """Of LAMMPS's pressure, which is over the box's height, in TPa over the crystal's thickness."""
    return BAR_IN_GPA * 1e-3 * HEIGHT / crystal.thickness
