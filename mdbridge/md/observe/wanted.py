"""What a person wants of fields: which, of what, on which nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...coarse.kernels import DECAY
from ...core.errors import InputError
from ...fields.grid import CellGrid
from .quantities import Quantity, extra, present, stress

CARRIED = ("displacement", "affine_displacement")
"""Fields of atoms where they were at first."""
FLOWING = "box_velocity"
"""The field that asks how fast the box moves."""
FITTED = ("deformation_gradient", "strain", "D2min")
"""Fields of the deformation since, which are those of a frame's own step."""
NAMES = (*CARRIED, *present(1), "stress", *FITTED)
"""All fields."""


@dataclass(frozen=True)
class Wanted:
    """Which fields, of what, on which nodes.

    Attributes:
        grid: the nodes.
        shape, radius: of the kernel.
        fields: of :data:`NAMES`.
        group: LAMMPS's group of the atoms that count.
        extra: further fields, name → per-atom source as in LAMMPS.
        stress: "virial" or "hardy".
        kinetic: the motion that counts in the stress of the virial: about LAMMPS's own temperature
            ("lammps") or about the local mean velocity ("mean").
        temperature: ID of LAMMPS's compute of the temperature that its pressure takes.
        decay: of the Gaussian.
        peculiar: where the box flows, velocities count less that of the box at their atoms' places: in
            ``velocity``, and in the motion that ``temperature`` is of.
        filter: weight of the time filter of the displacement, [You2022, eq. 2.10]; None for none.
    """

    grid: CellGrid
    shape: str
    radius: float
    fields: Sequence[str]
    group: str = "all"
    extra: Mapping[str, str] = field(default_factory=dict)
    stress: str = "virial"
    kinetic: str = "lammps"
    temperature: str = "thermo_temp"
    filter: float | None = None
    decay: float = DECAY
    peculiar: bool = False

    def __post_init__(self) -> None:
        if self.stress != "hardy" or "stress" not in self.fields:
            return
        # pairs have two atoms: what is half in a group has no place in its balance of momentum
        if self.group != "all":
            raise InputError(
                f"stress = 'hardy' is of all pairs, group = {self.group!r} of some atoms: take "
                "stress = 'virial', or group = 'all'"
            )
        if self.decay != DECAY:
            raise InputError(f"stress = 'hardy' knows the Gaussian of decay {DECAY:g} alone: take that")

    def quantities(self, types: int) -> list[Quantity]:
        """The fields of atoms where they are now."""
        known = present(types) | {"stress": stress(self.stress, self.kinetic)}
        return [known[name] for name in self.fields if name in known] + [
            extra(name, source) for name, source in self.extra.items()
        ]
