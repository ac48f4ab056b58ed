"""Energies: the same field from text and from HDF5, in eV or refused."""

import h5py
import numpy as np
import pytest

from mdbridge.core.errors import FileError
from mdbridge.stz.energies import read_energy

FIELD = np.array([[-3.1, -3.2, -3.3], [-3.4, -3.5, -3.6]])


def write(path, values=FIELD, units=None, name="potential_energy"):
    with h5py.File(path, "w") as file:
        file[name] = values
        if units is not None:
            file[name].attrs["units"] = units
    return path


def test_text_and_hdf5_give_rows_of_y_and_columns_of_x(tmp_path):
    (tmp_path / "pe.MD.0").write_text("3 2 0 1\n-3.1 -3.2 -3.3\n-3.4 -3.5 -3.6\n")
    np.testing.assert_array_equal(read_energy(tmp_path / "pe.MD.0"), FIELD)
    np.testing.assert_array_equal(read_energy(write(tmp_path / "a.h5", units="eV")), FIELD)
    np.testing.assert_array_equal(read_energy(write(tmp_path / "no.ending", name="e"), "e"), FIELD)


@pytest.mark.parametrize(
    ("values", "units", "words"),
    [
        (FIELD, "kcal/mol", "is in 'kcal/mol', expected 'eV'"),
        (FIELD[None], "eV", r"has the shape \(1, 2, 3\), expected \(any, any\)"),
        (np.full((2, 3), np.nan), "eV", r"is nan at \(0, 0\)"),
        (FIELD + 0j, "eV", "holds complex128, expected real numbers"),
    ],
)
def test_what_is_no_plane_field_of_energies_is_refused(tmp_path, values, units, words):
    with pytest.raises(FileError, match=rf"a\.h5: '/?potential_energy' {words}"):
        read_energy(write(tmp_path / "a.h5", values, units))


def test_a_field_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match="'energy' is missing; there is potential_energy"):
        read_energy(write(tmp_path / "a.h5"), "energy")
    with pytest.raises(FileError, match="absent"):
        read_energy(tmp_path / "absent.h5")
