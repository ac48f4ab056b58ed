"""The fields that there are: what each is summed from, and how the sums become it.

A field is a quotient, of which numerator and denominator are added up over the steps of a
frame.  Kernels are normalised to an integral of 1, [You2022, eq. 2.1], so that densities are
those of the smoothed matter; the stress of the virial and the heat flux take the weights of
[You2022, eq. 6.1], which add up to 1 over the nodes for every atom, so that their mean over
the box is LAMMPS's own to round-off.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.units import UnitStyle
from .channels import PAIRS, Constants, extra_channel, products

Array = NDArray[np.float64]
Quotient = tuple[Array, Array]

XYZ = ("x", "y", "z")
VOIGT = tuple("xyz"[i] + "xyz"[j] for i, j in PAIRS)
TENSOR = tuple(a + b for a in "xyz" for b in "xyz")

_ALONE = 1e-9
"""Below this part of a window's weight its atoms are one atom, which has no temperature."""


@dataclass
class Sums:
    """Sums over the atoms of one step, on the nodes.

    Attributes:
        plain: channel → ``(*shape, k)`` Σ τ v.
        squares: channel → Σ τ² v.
        whole: channel → Σ ω v with the weights of [You2022, eq. 6.1], per volume.
        volume: ∫ τ, by which Σ τ v becomes a density.
        bonds: ``(*shape, 6)`` −Σ r ⊗ f B per volume, where pair forces were taken.
        constants: of the simulation.
    """

    plain: Mapping[str, Array]
    squares: Mapping[str, Array]
    whole: Mapping[str, Array]
    volume: float
    constants: Constants
    bonds: Array | None = None

    def density(self, channel: str) -> Array:
        """Σ ω v of a channel, per volume."""
        return self.plain[channel] / self.volume


@dataclass(frozen=True)
class Quantity:
    """A field.

    Attributes:
        name: of its dataset.
        title: what it is, in words.
        units: name of its units, of a style.
        quotient: its numerator ``(*shape, k)`` and denominator ``(*shape, 1)`` from the sums.
        components: names of its k components; none for a number.
        plain, squares, whole: the channels whose sums it takes.
        factor: what LAMMPS's numbers are multiplied with.
        bonds: whether it takes pair forces.
    """

    name: str
    title: str
    units: Callable[[UnitStyle], str]
    quotient: Callable[[Sums], Quotient]
    components: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    factor: Callable[[UnitStyle], float] = field(default=lambda _: 1.0)
    bonds: bool = False


def _per_window(values: Array) -> Quotient:
    """A density: its mean over the steps."""
    return values, np.ones((*values.shape[:-1], 1))


def _mean(channel: str, weight: str = "number") -> Callable[[Sums], Quotient]:
    return lambda s: (s.plain[channel], s.plain[weight])


def _of_local_mean(motion: Array, momentum: Array, mass: Array) -> Array:
    """Σ m (v − v̄) ⊗ (v − v̄), of sums with any one weight; v̄ is the local mean velocity."""
    with np.errstate(invalid="ignore", divide="ignore"):
        # Σ m v̄ ⊗ v̄, without a second pass over the atoms
        together = products(momentum, momentum) / mass
    return motion - np.where(mass > 0.0, together, 0.0)


def _temperature(s: Sums) -> Quotient:
    """Of the motion about the local mean velocity, which takes part of it where atoms are few.

    Of n velocities that are independent of each other, the mean of Σ τ m (v − v̄)² is
    k_B T (Σ τ − Σ τ² m / Σ τ m) for each direction: with equal weights and masses, n − 1.
    """
    c = s.constants
    mass, number, momentum = s.plain["mass"], s.plain["number"], s.plain["momentum"][..., : c.dimension]
    # 0/0 where there is no atom: told apart below
    with np.errstate(invalid="ignore", divide="ignore"):
        together = (momentum * momentum).sum(axis=-1, keepdims=True) / mass
        free = number - np.where(mass > 0.0, s.squares["mass"] / mass, 0.0)
    heat = s.plain["heat"] - np.where(mass > 0.0, together, 0.0)
    # round-off over round-off is no temperature
    several = free > _ALONE * number
    scale = c.energy / (c.boltzmann * c.freedom)
    return np.where(several, scale * heat, 0.0), np.where(several, free, 0.0)


def _virial_about_mean(s: Sums) -> Quotient:
    kinetic = _of_local_mean(s.whole["motion"], s.whole["momentum"], s.whole["mass"])
    return _per_window(s.whole["virial"] - s.constants.energy * s.constants.pressure * kinetic)


def _hardy(s: Sums) -> Quotient:
    kinetic = _of_local_mean(s.density("motion"), s.density("momentum"), s.density("mass"))
    # attached in the wrong order: never a matter of input
    if s.bonds is None:
        raise RuntimeError("the pair forces of this step were not taken")
    return _per_window(s.bonds - s.constants.energy * s.constants.pressure * kinetic)


def _number_density(style: UnitStyle) -> str:
    return f"1/{style.length}^{style.dimension}"


def _flux(style: UnitStyle) -> str:
    across = style.length if style.dimension == 2 else f"{style.length}^2"
    return f"{style.energy}/({style.time} {across})"


def stress(method: str, kinetic: str) -> Quantity:
    """The stress by ``method`` ("virial", "hardy"), of the motion about ``kinetic`` ("lammps", "mean")."""
    about = "the local mean velocity" if kinetic == "mean" else "LAMMPS's own temperature"
    if method == "hardy":
        return Quantity(
            "stress",
            "Cauchy stress of Hardy, tension positive, motion about the local mean velocity",
            lambda u: u.stress,
            _hardy,
            VOIGT,
            plain=("mass", "momentum", "motion"),
            factor=lambda u: u.pressure_factor,
            bonds=True,
        )
    return Quantity(
        "stress",
        f"Cauchy stress of the virial, tension positive, motion about {about}",
        lambda u: u.stress,
        _virial_about_mean if kinetic == "mean" else lambda s: _per_window(s.whole["stress"]),
        VOIGT,
        whole=("virial", "mass", "momentum", "motion") if kinetic == "mean" else ("stress",),
        factor=lambda u: u.pressure_factor,
    )


def extra(name: str, source: str) -> Quantity:
    """The mean over the atoms of what ``source`` says of each."""
    channel = extra_channel(name)
    return Quantity(
        name,
        f"mean over the atoms of {source}",
        lambda _: "as LAMMPS's",
        _mean(channel),
        plain=("number", channel),
    )


def present(types: int) -> dict[str, Quantity]:
    """All fields of atoms where they are now, but the stress, by name."""
    names = tuple(f"type {k}" for k in range(1, types + 1))
    quantities = (
        Quantity(
            "density",
            "mass density",
            lambda u: u.density,
            lambda s: _per_window(s.density("mass")),
            plain=("mass",),
            factor=lambda u: u.density_factor,
        ),
        Quantity(
            "number_density",
            "number of atoms per volume",
            _number_density,
            lambda s: _per_window(s.density("number")),
            plain=("number",),
        ),
        Quantity(
            "composition",
            "number fraction of each atom type",
            lambda _: "1",
            _mean("types"),
            names,
            plain=("types", "number"),
        ),
        Quantity(
            "velocity",
            "velocity in the laboratory, mean over the mass",
            lambda u: u.velocity,
            _mean("momentum", "mass"),
            XYZ,
            plain=("momentum", "mass"),
        ),
        Quantity(
            "box_velocity",
            "velocity of the box at the places of the atoms, mean over the mass",
            lambda u: u.velocity,
            _mean("flow", "mass"),
            XYZ,
            plain=("flow", "mass"),
        ),
        Quantity(
            "temperature",
            "kinetic temperature of the motion about the local mean velocity",
            lambda u: u.temperature,
            _temperature,
            plain=("number", "mass", "momentum", "heat"),
            squares=("mass",),
        ),
        Quantity(
            "potential_energy",
            "potential energy per atom",
            lambda u: u.energy,
            _mean("energy"),
            plain=("energy", "number"),
        ),
        Quantity(
            "heat_flux",
            "heat flux in the laboratory, as of 'compute heat/flux'",
            _flux,
            lambda s: _per_window(s.whole["flux"]),
            XYZ,
            whole=("flux",),
        ),
    )
    return {quantity.name: quantity for quantity in quantities}
