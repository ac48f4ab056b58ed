"""Finite temperature in the plane."""

from ..core.units import BOLTZMANN_EV_PER_K
from .session import Session


def thermostat(session: Session, temperature: float, damping: float, seed: int) -> None:
    """Velocities and a Langevin thermostat at ``temperature`` (K), in the plane only.

    The crystal starts at rest in a potential minimum, so half of the first kinetic
    energy goes into the bonds: the velocities are drawn at twice the temperature.

    Args:
        session: holds a planar crystal of :mod:`.crystals`.
        damping: relaxation time of the thermostat (ps), the same for all masses.
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
