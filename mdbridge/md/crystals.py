"""Planar crystals: what one is, how LAMMPS is told of it, and where they are registered.

A planar crystal is a value: its cell, its atoms, its potential.  From it come a periodic
sheet, a free disc and the lattice without stress.  Planar means that no atom has a force
or moves out of the plane.  Another crystal is another file with a ``CRYSTAL`` in it, and a
line in :data:`CRYSTALS`.

Two per-atom arrays travel with the atoms: ``d2_reference`` (where the atom was at rest)
and ``d2_load`` (the dead load on it, applied by ``fix addforce``).
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib import import_module
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MDError

if TYPE_CHECKING:  # inputs are checked where there is no LAMMPS
    from mpi4py import MPI

    from .session import Session

Array = NDArray[np.float64]

CRYSTALS = {"graphene": ".graphene", "boron-nitride": ".boron_nitride"}
"""Name in the input -> module with the ``CRYSTAL``."""

HEIGHT = 10.0
"""Height of the box (Å).  It is not periodic, so that layers do not meet, however far a potential reaches."""

HONEYCOMB_CELL = (1.0, sqrt(3.0))
"""Edges of the rectangular cell over the lattice constant, along a zigzag row and across it."""

_SEARCH = (0.03, 0.06, 0.09, 0.12, 0.15)  # of the guess, to both sides
_NOT_OF_THE_CRYSTAL = ("potentials", "lattice_guess", "timestep")
_STRESS_LEFT = 1.0  # bar over the box's height: a strain of about 1e-7
_FORCE_LEFT = 1e-6  # eV/Å


def honeycomb(first: int, second: int) -> tuple[tuple[int, float, float], ...]:
    """The basis of a honeycomb with types ``first`` and ``second`` on its two sublattices.

    The atoms lie a quarter of the cell away from the sides of the cell, so that none is on the
    edge of a box, where roundoff would decide on which side.
    """
    return ((first, 0.25, 1 / 12), (second, 0.75, 0.25), (first, 0.75, 7 / 12), (second, 0.25, 0.75))


@dataclass(frozen=True)
class PlanarCrystal:
    """A planar crystal with a rectangular cell and an interatomic potential of LAMMPS.

    The potential is for ``units metal``.  It must leave the flat lattice elastically isotropic, as
    hexagonal ones are: the peridynamic solid that is learned from it is.

    Attributes:
        name: in inputs and reports.
        cell: edges of the rectangular cell over the lattice constant.
        basis: of each atom in the cell its type (from 1) and its place, in fractions of the edges.
        masses: by type (g/mol).
        pair_style: as LAMMPS takes it; ``{label}`` stands for a file.
        pair_coeff: one or more lines of the same.
        potentials: label -> file of the potential: a path, or a name that ships with LAMMPS.
        lattice_guess: start of the search for the lattice constant (Å).
        thickness: for stresses (Å): the distance of layers in the layered solid.
        timestep: of the dynamics (ps).
        bonded: atoms nearer than so many shortest distances are bonded.
    """

    name: str
    cell: tuple[float, float]
    basis: tuple[tuple[int, float, float], ...]
    masses: tuple[float, ...]
    pair_style: str
    pair_coeff: tuple[str, ...]
    lattice_guess: float
    thickness: float
    potentials: Mapping[str, str] = field(default_factory=dict)
    timestep: float = 0.0005
    bonded: float = 1.3

    def __post_init__(self) -> None:
        if {kind for kind, _, _ in self.basis} != set(range(1, len(self.masses) + 1)):
            raise ValueError(f"{self.name}: the basis must hold each of the {len(self.masses)} types")
        if min(self.masses) <= 0:
            raise ValueError(f"{self.name}: masses must be positive")
        if not all(0 < place < 1 for _, *places in self.basis for place in places):
            raise ValueError(f"{self.name}: atoms must lie inside the cell, not on its edge")

    # --- the potential ------------------------------------------------------------------

    def files(self) -> dict[str, Path]:
        """The files that LAMMPS reads for this crystal, by label.

        Raises:
            InputError: one is nowhere to be found.
        """
        from .potentials import potential

        return {label: potential(name) for label, name in self.potentials.items()}

    def with_potential(
        self, pair_style: str, pair_coeff: Sequence[str], potentials: Mapping[str, str]
    ) -> "PlanarCrystal":
        """The same atoms with another potential; its lattice constant may differ by 15 %."""
        return replace(self, pair_style=pair_style, pair_coeff=tuple(pair_coeff), potentials=dict(potentials))

    def describe(self) -> dict[str, Any]:
        """All that what it does at rest depends on, but for the contents of its :meth:`files`; JSON-able."""
        return {key: value for key, value in asdict(self).items() if key not in _NOT_OF_THE_CRYSTAL}

    def pair_commands(self, word: Callable[[Path], str] = '"{}"'.format) -> list[str]:
        """The ``pair_style`` and ``pair_coeff`` commands.

        Args:
            word: how a file is written in them, :meth:`.session.Session.word` for LAMMPS to read.

        Raises:
            InputError: a line names a file that is not declared, a declared file is not
                used, or is nowhere to be found.
        """
        lines = [f"pair_style {self.pair_style}", *(f"pair_coeff {line}" for line in self.pair_coeff)]
        used = set().union(*map(_labels, lines))
        if unknown := used - set(self.potentials):
            given = ", ".join(f"{{{label}}}" for label in self.potentials) or "none"
            raise InputError(
                f"{{{min(unknown)}}} in 'md.pair_style' or 'md.pair_coeff' stands for no file; "
                f"'md.potential' gives {given}"
            )
        if unused := set(self.potentials) - used:
            raise InputError(
                f"'md.potential': the file '{self.potentials[min(unused)]}' is not used; write "
                f"{{{min(unused)}}} where 'md.pair_style' or 'md.pair_coeff' takes a file"
            )
        _refuse_undeclared_files(lines)
        words = {label: word(path) for label, path in self.files().items()}
        return [line.format(**words) for line in lines]

    # --- the lattice --------------------------------------------------------------------

    @cached_property
    def shortest(self) -> float:
        """The shortest distance of atoms over the lattice constant."""
        places = np.array([place for _, *place in self.basis])
        shifts = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
        apart = (places[:, None, None] - places[None, :, None] + shifts) * np.array(self.cell)
        distance = np.linalg.norm(apart, axis=-1)
        return float(distance[distance > 0].min())

    def bond_cutoff(self, lattice: float) -> float:
        """Atoms nearer than this (Å) are bonded, at a lattice constant of ``lattice`` (Å)."""
        return self.bonded * self.shortest * lattice

    def box(self, cells: Sequence[int], lattice: float) -> Array:
        """``(2,)`` edges (Å) of a sheet of ``cells`` rectangular cells."""
        return np.array(self.cell) * lattice * np.array(cells)

    def relaxed_lattice(self, comm: "MPI.Comm", guess: float | None = None) -> float:
        """The lattice constant (Å) at which the flat sheet has no stress (collective).

        Args:
            guess: where to start (Å), by default :attr:`lattice_guess`.

        Raises:
            InputError: there is none within 15 % of the guess, or none frees this
                shape of the cell of stress and the atoms at their places of forces.
        """
        from scipy.optimize import brentq

        start = self.lattice_guess if guess is None else guess

        def pressure(lattice: float) -> float:
            stress, _ = self._at_rest(comm, lattice)
            return float(stress[:2].sum())

        for reach in _SEARCH:
            low, high = (1 - reach) * start, (1 + reach) * start
            if pressure(low) > 0 > pressure(high):
                lattice = float(brentq(pressure, low, high, xtol=1e-9))
                self._check_rest(comm, lattice)
                return lattice
        raise InputError(
            f"'md.bond_guess_A' = {start * self.shortest:.4g}: no stress-free bond length of {self.name} "
            f"with pair_style {self.pair_style} lies within {_SEARCH[-1]:.0%} of it; give a nearer value"
        )

    def _at_rest(self, comm: "MPI.Comm", lattice: float) -> tuple[Array, float]:
        """Stress xx, yy, xy (bar over the box's height) and largest force (eV/Å) of the perfect lattice."""
        with self.sheet(comm, (4, 3), lattice) as session:
            session.run(0)
            stress = np.array([session.lmp.get_thermo(name) for name in ("pxx", "pyy", "pxy")])
            return stress, float(np.abs(session.gather("f", 2)).max())

    def _check_rest(self, comm: "MPI.Comm", lattice: float) -> None:
        stress, force = self._at_rest(comm, lattice)
        if np.abs(stress).max() > _STRESS_LEFT or force > _FORCE_LEFT:
            raise InputError(
                f"{self.name} with pair_style {self.pair_style}: at a lattice constant of {lattice:.4f} Å "
                f"stresses of {np.abs(stress).max():.1e} bar and forces of {force:.1e} eV/Å are left; this "
                "potential wants another shape of the cell, or other places of the atoms in it"
            )

    # --- LAMMPS -------------------------------------------------------------------------

    def sheet(self, comm: "MPI.Comm", cells: Sequence[int], lattice: float) -> "Session":
        """A periodic sheet, centred on 0.

        Args:
            cells: number of rectangular cells along x and y.
            lattice: the lattice constant (Å).
        """
        half = self.box(cells, lattice) / 2
        region = (
            f"region whole block {_interval(half[0])} {_interval(half[1])} {_interval(HEIGHT / 2)} units box"
        )
        session = self._session(comm, "p p f", lattice, -half, region, "box")
        expected = cells[0] * cells[1] * len(self.basis)
        if session.natoms != expected:
            raise MDError(f"{self.name}: LAMMPS put {session.natoms} atoms where {expected} belong")
        _set_reference(session)
        return session

    def free_disc(self, comm: "MPI.Comm", radius: float, lattice: float) -> "Session":
        """A disc cut from the sheet, its edge relaxed well enough for :meth:`.relax.Crystal.settle`.

        Atoms with fewer than two bonds are removed: in the plane they are hinges.

        Args:
            radius: of the disc (Å).
            lattice: the lattice constant (Å).

        Raises:
            InputError: no atom is left.
        """
        wall = _interval(radius + 20.0)
        regions = (
            f"region whole block {wall} {wall} {_interval(HEIGHT / 2)} units box\n"
            f"region disc cylinder z 0 0 {radius} {_interval(HEIGHT)} units box"
        )
        session = self._session(comm, "f f f", lattice, np.zeros(2), regions, "region disc")
        _remove_loose(session, self.bond_cutoff(lattice))
        if session.natoms == 0:
            raise InputError(
                f"'md.disc_radius_A' = {radius:g}: no bonded atoms are left; give a larger radius"
            )
        session.minimize(force=1e-2, iterations=2000)
        _set_reference(session)
        return session

    def _session(
        self, comm: "MPI.Comm", boundary: str, lattice: float, origin: Array, regions: str, where: str
    ) -> "Session":
        """A session with the atoms of the lattice ``where``, in the region ``whole``."""
        from .session import Session

        self.pair_commands()  # what is wrong with it is found before LAMMPS starts
        x, y = np.array(self.cell) * lattice
        shift = np.mod(origin / [x, y], 1.0)
        places = " ".join(f"basis {a!r} {b!r} 0" for _, a, b in self.basis)
        types = " ".join(f"basis {number} {kind}" for number, (kind, _, _) in enumerate(self.basis, start=1))
        masses = "\n".join(f"mass {kind} {mass}" for kind, mass in enumerate(self.masses, start=1))
        session = Session(comm)
        pair = "\n".join(self.pair_commands(session.word))
        session.commands(f"""
            units metal
            boundary {boundary}
            atom_style atomic
            atom_modify map array sort 0 0.0
            timestep {self.timestep}
            newton on
            lattice custom 1.0 a1 {x} 0 0 a2 0 {y} 0 a3 0 0 {HEIGHT} {places} origin {shift[0]} {shift[1]} 0
            {regions}
            create_box {len(self.masses)} whole
            create_atoms 1 {where} {types}
            {masses}
            {pair}
            {_LOADS}
            """)
        return session


def planar_crystal(name: str) -> PlanarCrystal:
    """The crystal that is registered under ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in CRYSTALS:
        raise InputError(f"no crystal '{name}'; there are {', '.join(CRYSTALS)}")
    crystal = import_module(CRYSTALS[name], __package__).CRYSTAL
    assert isinstance(crystal, PlanarCrystal) and crystal.name == name
    return crystal


def plane_box(session: "Session") -> Array:
    """``(2,)`` edges of the box in the plane (Å)."""
    return np.diag(session.box())[:2].copy()


_LOADS = """
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


def _interval(half: float) -> str:
    return f"{-half} {half}"


def _labels(line: str) -> set[str]:
    """What stands in braces in a line.

    Raises:
        InputError: the braces do not match, or hold something else than a label.
    """
    try:
        fields = [
            (label, spec, way) for _, label, spec, way in string.Formatter().parse(line) if label is not None
        ]
    except ValueError as error:
        raise InputError(f"'{line}': {error}; braces hold a label of 'md.potential'") from error
    for label, spec, way in fields:
        if spec or way or not label.isidentifier():
            raise InputError(f"'{line}': braces hold a label of 'md.potential', for instance {{potential}}")
    return {label for label, _, _ in fields}


def _refuse_undeclared_files(lines: Sequence[str]) -> None:
    """What LAMMPS found by itself would not be part of what a result is known by."""
    from .potentials import potential

    for line in lines:
        for word in (word.strip("\"'") for word in line.split()[1:]):
            if len(word) <= 2 or "{" in word:  # elements; files that are declared
                continue
            try:
                potential(word)
            except InputError:
                continue
            raise InputError(
                f"'{line}' names the file '{word}' itself; give it as 'md.potential' and write "
                "{potential} in its place"
            )


def _remove_loose(session: "Session", bond: float) -> None:
    """Delete atoms with fewer than two neighbours within ``bond`` (Å), until there are none."""
    before = None
    while session.natoms != before:
        before = session.natoms
        session.commands(f"""
            compute bonds all coord/atom cutoff {bond}
            variable loose atom c_bonds<1.5
            run 0
            group loose variable loose
            delete_atoms group loose compress yes
            group loose delete
            variable loose delete
            uncompute bonds
            """)


def _set_reference(session: "Session") -> None:
    session.run(0)
    atoms = session.atoms()
    atoms.array("d2_reference")[:] = atoms.array("x")[:, :2]
    atoms.array("d2_load")[:] = 0.0
