"""fields.h5: dimensions, coordinates, units and factors."""

import numpy as np
import pytest
from stored_fields import FIELDS, make

from mdbridge.campaigns.fields import results
from mdbridge.core import store


@pytest.mark.parametrize(
    ("axes", "cells", "dims"), [("z", (4,), "z"), ("xy", (4, 3), "yx"), ("xyz", (4, 3, 2), "zyx")]
)
def test_every_axis_has_a_name_and_a_coordinate(tmp_path, axes, cells, dims):
    xarray = pytest.importorskip("xarray")
    make(tmp_path / "fields.h5", axes=axes, cells=cells)
    with xarray.open_dataset(tmp_path / "fields.h5") as data:
        assert data.density.dims == ("time", *dims)
        assert data.displacement.dims == ("time", *dims, "axis")
        assert data.deformation_gradient.dims == ("time", *dims, "tensor")
        assert data.composition.dims == ("time", *dims, "atom_type")
        assert data.box.dims == ("time", "edge", "axis")
        length = {"x": 20.0, "y": 15.0, "z": 10.0}
        for axis, count in zip(axes, cells, strict=True):
            np.testing.assert_allclose(data[axis], (np.arange(count) + 0.5) / count * length[axis])
        assert not [dimension for dimension in data.dims if dimension.startswith("phony")]
        # what xarray writes beside an axis has to fit there
        assert {data[name].attrs["long_name"] for name in axes} == set(axes)
        assert data.stress.attrs["long_name"] == "Cauchy stress of the virial"
        assert "tension positive" in data.stress.attrs["comment"]
        assert "units" not in data.voigt.attrs  # names have none
    with xarray.open_dataset(tmp_path / "fields.h5", group="curve") as curve:
        assert curve.stress.dims == ("time", "voigt") and curve.strain.attrs["units"] == "1"


def test_numbers_are_in_the_units_that_are_named(tmp_path):
    frames = make(tmp_path / "metal.h5")
    with store.reading(tmp_path / "metal.h5", results.FIELDS) as file:
        np.testing.assert_allclose(
            file.get("stress", units="GPa"), 1e-4 * np.stack([frame["field stress"] for frame in frames])
        )
        np.testing.assert_allclose(
            file.get("density", units="g/cm^3"),
            1.66053906660 * np.stack([frame["field density"] for frame in frames]),
        )
        assert file.units("deformation_gradient") == "1"
        gradients = np.stack([frame["field deformation_gradient"] for frame in frames])
        np.testing.assert_array_equal(file.get("deformation_gradient"), gradients)
        assert file.units("D2min") == "angstrom^2" and file.units("mine") == "as LAMMPS's"
        np.testing.assert_allclose(file.group("curve").get("stress", units="GPa")[:, 0], [0.0, 1.0, 2.0])
        assert file.describe("displacement")["configuration"] == "reference"
        assert file.describe("stress")["configuration"] == "present"
    make(tmp_path / "flat.h5", dimension=2, units="lj")
    with store.reading(tmp_path / "flat.h5", results.FIELDS) as file:
        assert (file.units("stress"), file.units("density")) == ("epsilon/sigma^2", "mass/sigma^2")


def test_a_part_of_the_laboratory_has_its_own_coordinates(tmp_path):
    make(tmp_path / "fields.h5", region=((2.0, 6.0), (1.0, 4.0)))
    with store.reading(tmp_path / "fields.h5", results.FIELDS) as file:
        np.testing.assert_allclose(file.get("x"), [2.5, 3.5, 4.5, 5.5])
        np.testing.assert_allclose(file.get("y"), [1.5, 2.5, 3.5])
        assert set(FIELDS) <= set(file.datasets())
