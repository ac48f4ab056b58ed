"""What fields are made of: numbers that each atom gives, to be summed onto nodes."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...coarse import sums, terms
from ...coarse.terms import TYPE, Sum, Term, Terms, linear
from ...coarse.windows import ONLY
from ...fields.grid import Lattice
from .base import Atoms
from .material import Flow, Motion

if TYPE_CHECKING:
    from ..session import Session

Array = NDArray[np.float64]

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""The components of a symmetric tensor, in the order of LAMMPS: xx, yy, zz, xy, xz, yz."""

VELOCITIES = ("vx", "vy", "vz")
ENERGY = "c_mdbridge_energy"
STRESS = "c_mdbridge_stress"
VIRIAL = "c_mdbridge_virial"
CENTROID = "c_mdbridge_centroid"
"""Per-atom computes: of the potential energy, of the stress times volume, of the latter without motion, and
of its form that heat fluxes need."""


@dataclass(frozen=True)
class Constants:
    """Factors of LAMMPS's unit style, and the number of atom types.

    Attributes:
        energy: what m v² is multiplied with for an energy.
        boltzmann: k_B.
        pressure: what an energy per volume is multiplied with for a pressure.
        dimension: 2 or 3.
        freedom: translations that an atom is free to make, on average.
        types: number of atom types.
    """

    energy: float
    boltzmann: float
    pressure: float
    dimension: int
    freedom: float
    types: int

    @classmethod
    def of(cls, session: "Session") -> "Constants":
        """Those of a simulation."""
        read, atoms = session.lmp.extract_global, session.atoms()
        return cls(
            float(read("mvv2e")),
            float(read("boltz")),
            float(read("nktv2p")),
            atoms.dimension,
            float(atoms.degrees_of_freedom),
            int(session.lmp.extract_setting("ntypes")),
        )


class Sample:
    """The atoms of one group on one rank at one moment; ``n`` of them.

    Args:
        atoms: all of the rank's atoms.
        motion: of the box.
        group: LAMMPS's group that is looked at.
        constants: of the simulation.
        flow: of the box; None where it is at rest.
        peculiar: velocities are those less the flow of the box.
    """

    def __init__(
        self,
        atoms: Atoms,
        motion: Motion,
        group: str,
        constants: Constants,
        flow: Flow | None = None,
        peculiar: bool = False,
    ):
        self._atoms, self.motion, self.constants = atoms, motion, constants
        self._flow, self._peculiar = flow, peculiar
        self._chosen = None if group == "all" else np.flatnonzero(atoms.group(group))
        self._beyond: Array | None = None  # of images: how much faster than their atoms
        self._farther: Array | None = None  # of images: how much faster the box is where they are
        self.step = atoms.step

    def images(self, atoms: NDArray[np.int64], shifts: Array, moving: bool) -> "Sample":
        """Images of these atoms.

        Args:
            atoms: ``(m,)`` their numbers.
            shifts: ``(m, 3)`` by how many edges of the box they are shifted.
            moving: whether an image moves relative to its atom, as the box does.
        """
        images = copy.copy(self)
        images._chosen = atoms if self._chosen is None else self._chosen[atoms]
        if self._flow is not None:
            images._farther = shifts @ self._flow.edges
            # a box that carries places, not velocities, has images that are like their atoms
            images._beyond = images._farther if moving else None
        # read already, of the atoms themselves
        for name in ("x", "unwrapped", "mass", "velocity", "types", "box_velocity"):
            images.__dict__.pop(name, None)
        return images

    def chosen(self, values: NDArray[Any]) -> NDArray[Any]:
        """The rows of an array of all of the rank's atoms that belong to the group."""
        return values if self._chosen is None else values[self._chosen]

    def values(self, source: str) -> Array:
        """``(n,)`` what a source of LAMMPS says of each atom (collective)."""
        return self.chosen(self._atoms.values(source))

    def table(self, source: str, columns: int) -> Array:
        """``(n, columns)`` the columns of an array of LAMMPS (collective)."""
        return self.chosen(self._atoms.table([f"{source}[{k}]" for k in range(1, columns + 1)]))

    def tables(self, names: Sequence[str]) -> tuple[list[Array], Mapping[str, tuple[int, int]]]:
        """Tables with a row an atom that have these sources, and where in them they are (collective)."""
        tables, places = self._atoms.tables(names)
        return [self.chosen(table) for table in tables], places

    def placed(
        self, lattice: Lattice, names: Sequence[str], edges: Array, corner: Array, numbers: Sequence[Sum]
    ) -> tuple[Array, Array]:
        """Grid coordinates, and sums of products of what LAMMPS has, in one pass over the atoms (collective).

        Args:
            lattice: the nodes.
            names: three sources, from which places are corner + names · edges.
            edges, corner: ``(3, 3)`` and ``(3,)``.
            numbers: the sums.

        Returns:
            ``(n, 3)``, as of :func:`..windows.padded`, and ``(n, len(numbers))``.
        """
        slope, start = edges @ lattice.slope, (corner - lattice.corner) @ lattice.slope
        places = [linear(names, slope[:, k], start[k]) for k in range(len(start))]
        places += [[Term((), ONLY)]] * (3 - len(start))
        asked = Terms.of([*places, *numbers])
        return terms.evaluate(*self.tables(asked.names), asked, 3)

    def evaluated(self, numbers: Sequence[Sum]) -> Array:
        """``(n, len(numbers))`` sums of products, with velocities as they are meant here (collective)."""
        asked = Terms.of(numbers)
        table = np.empty((self.count, len(asked.names)))
        for k, name in enumerate(asked.names):
            table[:, k] = self._column(name)
        return terms.evaluate([table], {name: (0, k) for k, name in enumerate(asked.names)}, asked)[1]

    def _column(self, name: str) -> NDArray[Any]:
        if name in VELOCITIES:
            return self.velocity[:, VELOCITIES.index(name)]
        if name == "mass":
            return self.mass
        return self.types if name == TYPE else self.values(name)

    @property
    def as_recorded(self) -> bool:
        """Whether all of it is what the atoms themselves say: no images, no velocities less the flow."""
        return not self._peculiar and self._farther is None

    def array(self, name: str) -> NDArray[Any]:
        """``(n, k)`` a per-atom array of LAMMPS."""
        return self.chosen(self._atoms.array(name))

    @property
    def count(self) -> int:
        return self._atoms.count if self._chosen is None else len(self._chosen)

    @cached_property
    def x(self) -> Array:
        """``(n, 3)`` positions."""
        return self.chosen(self._atoms.x)

    @cached_property
    def unwrapped(self) -> Array:
        """``(n, 3)`` positions carried over the boundaries."""
        return self.chosen(self._atoms.unwrapped())

    @cached_property
    def mass(self) -> Array:
        """``(n,)`` masses."""
        return self.chosen(self._atoms.masses())

    @cached_property
    def velocity(self) -> Array:
        """``(n, 3)`` velocities in the laboratory, or less the flow of the box."""
        # LAMMPS has the velocity of the atom itself, in the box
        # that of an image differs where atoms take over the velocity of the box as they cross
        own = self.chosen(self._atoms.v)
        if self._beyond is not None:
            own = own + self._beyond
        return own - self.box_velocity if self._peculiar else own

    @cached_property
    def box_velocity(self) -> Array:
        """``(n, 3)`` velocities of the box at the atoms' places."""
        if self._flow is None:
            return np.zeros((self.count, 3))
        own = self._flow.at(self.x, self.motion.box)
        # linear in the place, and images lie whole edges farther
        return own if self._farther is None else own + self._farther

    @cached_property
    def types(self) -> NDArray[np.integer]:
        """``(n,)`` atom types, from 1."""
        return self.chosen(self._atoms.types)


def seen(lattice: Lattice, f: Array, radius: float) -> tuple[Lattice, NDArray[np.int64] | slice, Array]:
    """The atoms that a grid sees: as they are where it is the box, else those around it, with their images.

    Returns:
        The lattice, which atoms, and the grid coordinates of each.
    """
    if lattice.fills:
        return lattice, slice(None), f
    atoms, places, _ = sums.images(lattice, f, lattice.reach(radius))
    return lattice, atoms, places


def products(a: Array, b: Array) -> Array:
    """``(…, 6)`` a_i b_j for the components of :data:`PAIRS`, of vectors ``(…, 3)``."""
    return np.stack([a[..., i] * b[..., j] for i, j in PAIRS], axis=-1)


def _flux(sample: Sample) -> Array:
    """e v − S · v of each atom, whose sum is what 'compute heat/flux' gives."""
    v = sample.velocity
    # the order of LAMMPS: this tensor is not symmetric atom by atom
    xx, yy, zz, xy, xz, yz, yx, zx, zy = (sample.table(CENTROID, 9) / sample.constants.pressure).T
    virial = np.stack([xx, xy, xz, yx, yy, yz, zx, zy, zz], axis=1).reshape(-1, 3, 3)
    energy = sample.values(ENERGY) + 0.5 * sample.constants.energy * sample.mass * (v * v).sum(axis=1)
    return energy[:, None] * v - np.einsum("nij,nj->ni", virial, v)


@dataclass(frozen=True)
class Channel:
    """What is taken of each atom.

    Attributes:
        width: how many numbers.
        take: ``(n, width)`` of the atoms (collective where it reads sources).
        sources: what of LAMMPS it reads, beside positions, masses and types.
        sums: the same as sums of products of what LAMMPS has of the atoms, where they are such.
    """

    width: int
    take: Callable[[Sample], Array]
    sources: tuple[str, ...] = ()
    sums: tuple[Sum, ...] | None = None

    @classmethod
    def of(cls, *numbers: Sum, sources: tuple[str, ...] = ()) -> "Channel":
        """That of sums of products."""
        return cls(len(numbers), lambda s: s.evaluated(numbers), sources, numbers)


def _columns(source: str, count: int) -> tuple[str, ...]:
    return tuple(f"{source}[{k}]" for k in range(1, count + 1))


def _read(*sources: str) -> Channel:
    return Channel.of(*([Term((source,))] for source in sources), sources=sources)


def extra_channel(name: str) -> str:
    """The channel of an extra field, whose own name may be that of another: "mass", "energy"."""
    return f"extra {name}"


def channels(constants: Constants, extra: Mapping[str, str]) -> dict[str, Channel]:
    """All channels by name.

    Number, mass, momentum m v, the same of the box as flow, motion m v ⊗ v, its trace as heat,
    potential energy, one of each type, stress times volume with and without motion, heat flux
    times volume; and whatever the sources of ``extra`` say.
    """
    moving = ("v",)
    momentum = [[Term(("mass", v))] for v in VELOCITIES]
    motion = [[Term(("mass", VELOCITIES[i], VELOCITIES[j]))] for i, j in PAIRS]
    # in two dimensions there is no third motion to be warm with
    heat = [Term(("mass", v, v)) for v in VELOCITIES[: constants.dimension]]
    types = [[Term(type=k)] for k in range(1, constants.types + 1)]
    known = {
        "number": Channel.of([Term()]),
        "mass": Channel.of([Term(("mass",))]),
        "momentum": Channel.of(*momentum, sources=moving),
        "flow": Channel(3, lambda s: s.mass[:, None] * s.box_velocity),
        "motion": Channel.of(*motion, sources=moving),
        "heat": Channel.of(heat, sources=moving),
        "energy": _read(ENERGY),
        "types": Channel.of(*types),
        "stress": _read(*_columns(STRESS, 6)),
        "virial": _read(*_columns(VIRIAL, 6)),
        "flux": Channel(3, _flux, ("v", ENERGY, *_columns(CENTROID, 9))),
    }
    return known | {extra_channel(name): _read(source) for name, source in extra.items()}
