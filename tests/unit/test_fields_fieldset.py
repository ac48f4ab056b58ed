"""Fields on nodes: what contradicts itself is refused, with both values."""

from dataclasses import replace

import numpy as np
import pytest
import xarray

from mdbridge.core import store
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.fields.storage import put_fields

GRID = NodeGrid.periodic_cells((30.0, 36.0), 6.0)
MOVED = GRID.points()
MOVED[7] += [0.5, 0.0]


def fields(**changes):
    values = np.random.default_rng(0).standard_normal((2, 3, 30, 2))
    complete = FieldSet(
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
    return replace(complete, **changes)


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
def test_what_does_not_fit_is_refused_with_both_values(changes, words):
    fields().check()
    with pytest.raises(ValueError, match=words):
        fields(**changes).check()


def test_as_xarray_every_axis_has_a_name():
    dataset = fields().to_xarray()
    assert dataset["u"].sel(sample="b", axis="y").equals(dataset["u"][1, :, 1])
    np.testing.assert_array_equal(dataset["b"], fields().b)
    assert dataset["u"].dims == ("sample", "node", "axis") and dataset["load"].dims == ("sample", "parameter")
    units = {"nodes": "angstrom", "u": "angstrom", "b": "TPa/angstrom", "load": "see 'parameter'"}
    assert {name: array.attrs["units"] for name, array in dataset.data_vars.items()} == units
    assert all(array.attrs["long_name"] for array in dataset.data_vars.values())


def test_in_xarray_it_is_what_a_file_of_it_is(tmp_path):
    with store.writing(tmp_path / "a.h5", store.Format("test", 1, "nobody"), "key") as file:
        put_fields(file, "train", fields())
    stored, made = xarray.load_dataset(tmp_path / "a.h5", group="train"), fields().to_xarray()
    xarray.testing.assert_equal(stored.drop_vars("node"), made)
    for name in made.data_vars:
        assert stored[name].attrs == made[name].attrs
    assert stored["parameter"].attrs["long_name"] == made["parameter"].attrs["long_name"]


def test_a_deformation_is_what_is_left_without_the_rigid_motion():
    given = fields(shape=None)
    arm = given.nodes - given.nodes.mean(axis=0)
    turn = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    moved = replace(given, u=given.u + [3.0, -1.0] + 0.1 * turn)
    np.testing.assert_allclose(moved.deformation, given.deformation, atol=1e-12)
    assert np.abs(np.einsum("sni,ni->s", moved.deformation, turn)).max() < 1e-9
    # a box does not turn
    wraps = replace(moved, wraps=True)
    np.testing.assert_allclose(wraps.deformation, moved.u - moved.u.mean(axis=1, keepdims=True), atol=1e-12)
