"""Fields in HDF5: they come back as they were, or are refused by name."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray

from mdbridge.core import files, store
from mdbridge.core.errors import FileError
from mdbridge.core.store import seal
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.fields.storage import get_fields, put_fields, put_plane

KIND = store.Format("mdbridge-test", 1, "mdbridge test")
GRID = NodeGrid.periodic_cells((30.0, 36.0), 6.0)
VALUES = np.random.default_rng(0).standard_normal((2, 3, 30, 2))
FIELDS = FieldSet(
    nodes=GRID.points(),
    u=VALUES[0],
    b=VALUES[1],
    load=np.zeros((3, 1)),
    columns=["n"],
    names=["a", "b", "c"],
    box=GRID.box,
    spacing=np.array(GRID.spacing),
    shape=GRID.shape,
)


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "d.h5", FIELDS)
    return tmp_path / "d.h5"


def write(path, fields):
    with store.writing(path, KIND, "key") as file:
        put_fields(file, "variants/x1/train", fields)


def read(path):
    with store.reading(path, KIND) as file:
        return get_fields(file.group("variants/x1"), "train")


@pytest.mark.parametrize("shape", [GRID.shape, None])
def test_fields_come_back(tmp_path, shape):
    write(tmp_path / "d.h5", replace(FIELDS, shape=shape))
    fields = read(tmp_path / "d.h5")
    for name in ("nodes", "u", "b", "load", "box", "spacing"):
        np.testing.assert_array_equal(getattr(fields, name), getattr(FIELDS, name))
    assert (fields.shape, fields.names, fields.columns) == (shape, ["a", "b", "c"], ["n"])


def test_xarray_shows_the_same_as_the_fields_themselves(path):
    with xarray.open_dataset(path, group="variants/x1/train", engine="h5netcdf") as stored:
        dataset = FIELDS.to_xarray()
        assert set(stored.sizes) == {"sample", "node", "axis", "parameter"}
        for name in dataset:
            assert stored[name].dims == dataset[name].dims
            np.testing.assert_array_equal(stored[name], dataset[name])
        assert stored["u"].sel(sample="b", axis="y").shape == (30,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"box": np.array([31.0, 36.0])}, "6 × 6 Å apart fill 30 × 36 Å, but the box is 31 × 36 Å"),
        ({"shape": (6, 6)}, "30 nodes do not fill a grid of 6 × 6"),
        ({"u": np.full((3, 30, 2), np.nan)}, r"'variants/x1/train/u' is nan at \(0, 0, 0\)"),
    ],
    ids=["box", "shape", "finite"],
)
def test_what_does_not_fit_is_refused_with_both_values(tmp_path, changes, words):
    write(tmp_path / "d.h5", replace(FIELDS, **changes))
    with pytest.raises(FileError, match=words):
        read(tmp_path / "d.h5")


@pytest.mark.parametrize(("array", "unit"), [("u", "nm"), ("b", "GPa/nm"), ("nodes", "bohr")])
def test_other_units_are_refused_with_both(path, array, unit):
    change(path, lambda group: group[array].attrs.update(units=unit))
    wanted = "TPa/angstrom" if array == "b" else "angstrom"
    with pytest.raises(FileError, match=f"'variants/x1/train/{array}' is in '{unit}', expected '{wanted}'"):
        read(path)


@pytest.mark.parametrize("array", ["nodes", "u", "b", "load", "sample"])
def test_an_array_of_another_length_is_refused(path, array):
    def shorten(group):
        values = group[array][1:]
        # names have no units
        attributes = {k: v for k, v in group[array].attrs.items() if k in ("units", "long_name")}
        del group[array]
        group[array] = values
        group[array].attrs.update(attributes)

    change(path, shorten)
    with pytest.raises(FileError, match=r"has the shape \(.*, expected \("):
        read(path)


def test_a_plane_has_its_cells_centres_and_their_lower_left_corners(tmp_path):
    with store.writing(tmp_path / "d.h5", KIND, "key") as file:
        put_plane(file, (40.0, 30.0), (3, 4), "angstrom")
    with h5py.File(tmp_path / "d.h5") as file:
        assert file["y"][:].tolist() == [5.0, 15.0, 25.0]
        assert file["x"][:].tolist() == [5.0, 15.0, 25.0, 35.0]
        assert file["y_corner"][:].tolist() == [0.0, 10.0, 20.0]
        assert file["x_corner"][:].tolist() == [0.0, 10.0, 20.0, 30.0]


def change(path, how):
    """Edit a file of ours and seal it as if it were whole."""
    with h5py.File(path, "a") as file:
        how(file["variants/x1/train"])
    with path.open("ab") as stream:
        stream.write(seal.seal(files.sha256(path)))
