"""Coarse-grained potential energies, from which effective temperatures are made."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core import store
from ..core.errors import FileError
from . import paperfiles

DATASET, UNITS = "potential_energy", "eV"


def read_energy(path: Path, dataset: str = DATASET) -> NDArray[np.float64]:
    """A field of potential energies per atom in eV, ``(ny, nx)``.

    Args:
        path: HDF5, or text in the format of the files published with [Kontolati2021].
        dataset: where the field is in an HDF5 file; if it says its ``units``, they must be eV.

    Raises:
        FileError: it cannot be read, is no plane field of finite real numbers, or is in other units.
    """
    path = Path(path)
    if not store.is_hdf5(path):
        return paperfiles.read_field(path)
    with store.opening(path) as file:
        energy = file.get(dataset, shape=(None, None), finite=True)
        # other programs' files say none: their numbers are taken at the user's word
        if file.units(dataset) not in (UNITS, store.NO_UNITS):
            raise FileError(f"{path}: '{dataset}' is in '{file.units(dataset)}', expected '{UNITS}'")
    return energy
