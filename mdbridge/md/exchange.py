"""Atoms in and out of a session as ``ase.Atoms`` (the only importer of ase).

ASE works in Å, Å·√(u/eV) for times, and with a cell of any orientation; LAMMPS in the units of the script,
with a cell whose first edge lies along x.  Both ways the conversion is ASE's own.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import parallel
from ..core.errors import InputError
from ..core.requires import requires

if TYPE_CHECKING:
    from .session import Session


def to_ase(session: "Session", symbols: Sequence[str]) -> Any:
    """The atoms of a session as they are now, in the order of their IDs, on all ranks (collective).

    Args:
        session: in units metal or real.
        symbols: the element of each atom type, the first that of type 1; ``"X"`` for none.

    Returns:
        ``ase.Atoms`` with positions in the box (Å), velocities, cell and periodicity.

    Raises:
        InputError: other units, or a type without a symbol.
    """
    with requires("ase", "atoms as ase.Atoms"):
        from ase import Atoms
        from ase.calculators.lammps import convert

    here = session.atoms()
    units = _known_units(here.units)
    types = session.gather("type").astype(int).reshape(-1)
    if types.max(initial=0) > len(symbols):
        raise InputError(f"symbols: {len(symbols)} for {types.max()} types of atoms; give one for each")
    velocities = convert(session.gather("v"), "velocity", units, "ASE")
    corner = session.corner()
    atoms = Atoms(
        symbols=[symbols[kind - 1] for kind in types],
        # ASE's cells begin at the origin
        positions=session.gather("x") - corner,
        cell=session.box(),
        pbc=here.periodic,
        velocities=velocities,
    )
    atoms.set_masses(session.masses())
    return atoms


def from_ase(session: "Session", atoms: Any, symbols: Sequence[str], velocities: bool = True) -> None:
    """Make box, atoms and masses of a session from ``ase.Atoms``, by LAMMPS's ``read_data`` (collective).

    The cell is turned so that its first edge lies along x and its second in the plane of x and y, as LAMMPS
    has cells, and positions and velocities with it.

    Args:
        session: with ``units`` (metal or real) and ``boundary`` given, and no box yet; atoms of style atomic.
        atoms: the same on all ranks.
        symbols: the element of each atom type, the first that of type 1.
        velocities: take the atoms' velocities too.

    Raises:
        InputError: other units, elements that have no type, or a cell without volume.
    """
    with requires("ase", "atoms as ase.Atoms"):
        from ase.io import write

    units = _known_units(str(session.lmp.extract_global("units")))
    missing = sorted(set(atoms.get_chemical_symbols()) - set(symbols))
    if missing:
        raise InputError(f"symbols: {', '.join(missing)} is not among {', '.join(symbols)}")
    if not atoms.cell.volume > 0 or np.linalg.det(atoms.cell) <= 0:
        raise InputError("atoms: the cell must have three edges that make a right-handed volume")

    def store() -> str:
        with tempfile.NamedTemporaryFile("w", prefix="atoms-", suffix=".data", delete=False) as file:
            name = file.name
        write(
            name, atoms, format="lammps-data", specorder=list(symbols), masses=True, units=units,
            velocities=velocities and atoms.has("momenta"), atom_style="atomic",
        )  # fmt: skip
        return name

    name = parallel.on_root(session.comm, store)
    try:
        session.commands(f"read_data {session.word(Path(name))}")
    finally:
        if session.comm.rank == 0:  # no agreement: the others may be on another way out
            Path(name).unlink(missing_ok=True)


def _known_units(units: str) -> str:
    if units not in ("metal", "real"):
        raise InputError(f"units {units}: atoms are exchanged with ASE in units metal or real")
    return units
