"""Reading fields: what contradicts itself is refused, with both values."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from mdbridge.core.errors import FileError
from mdbridge.fields import fieldset
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid

GRID = NodeGrid.periodic_cells((30.0, 36.0), 6.0)
MOVED = GRID.points()
MOVED[7] += [0.5, 0.0]


def fields(**changes):
    values = np.random.default_rng(0).standard_normal((2, 3, 30, 2))
    made = FieldSet(
        nodes=GRID.points(),
        u=values[0],
        b=values[1],
        load=np.zeros((3, 1)),
        columns=["n"],
        names=["a", "b", "c"],
        box=GRID.box,
        spacing=np.array(GRID.spacing),
        shape=GRID.shape,
    )
    return replace(made, **changes)


def stored(path, one):
    with fieldset.writing(path, "key") as file:
        fieldset.put_fields(file, "train", one)


def read(path):
    with fieldset.reading(path) as file:
        return fieldset.get_fields(file, "train")


def test_fields_come_back(tmp_path):
    stored(tmp_path / "d.h5", fields())
    found = read(tmp_path / "d.h5")
    for name in ("nodes", "u", "b", "load", "box", "spacing"):
        np.testing.assert_array_equal(getattr(found, name), getattr(fields(), name))
    assert (found.shape, found.names, found.columns) == ((5, 6), ["a", "b", "c"], ["n"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"box": np.array([31.0, 36.0])}, "6 × 6 Å apart fill 30 × 36 Å, but the box is 31 × 36 Å"),
        ({"shape": (6, 6)}, "30 nodes do not fill a grid of 6 × 6"),
        ({"u": np.zeros((3, 29, 2))}, r"u has the shape \(3, 29, 2\), but there are 30 nodes"),
        ({"b": np.zeros((2, 30, 2))}, "3 samples of u, but 2 of b"),
        ({"u": np.full((3, 30, 2), np.nan)}, "u has values that are not finite"),
        ({"nodes": MOVED}, r"node 7 is at \(-5.5, -9\) Å, but the grid has it at \(-6, -9\) Å"),
    ],
    ids=["box", "shape", "count", "samples", "finite", "nodes"],
)
def test_what_does_not_fit_is_refused_with_both_values(tmp_path, changes, words):
    stored(tmp_path / "d.h5", fields(**changes))
    with pytest.raises(FileError, match=words):
        read(tmp_path / "d.h5")


@pytest.mark.parametrize(("array", "unit"), [("u", "nm"), ("b", "GPa/nm"), ("nodes", "bohr")])
def test_other_units_are_refused_with_both(tmp_path, array, unit):
    stored(tmp_path / "d.h5", fields())
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file["train"][array].attrs["units"] = unit
    wanted = "TPa/angstrom" if array == "b" else "angstrom"
    with pytest.raises(FileError, match=f"'train/{array}' is in '{unit}', expected '{wanted}'"):
        read(tmp_path / "d.h5")
