"""Maps and grids of fields in xarray: values lie where their nodes do, under the right names and units."""

import subprocess
import sys

import numpy as np
import pytest
import xarray
from matplotlib import pyplot

from mdbridge.core import store
from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.fields.storage import put_fields

GRID = NodeGrid.periodic_cells((30.0, 24.0), 6.0)
DISC = NodeGrid.centred(15.0, (5.0, 3.0)).points()
DISC = DISC[np.hypot(*DISC.T) < 15.0]
SCATTERED = np.random.default_rng(0).uniform(0.0, 20.0, (40, 2))


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def field_set(nodes):
    """Samples whose displacement is linear in the place: 2 x − 3 y along x, x y along y, and twice that."""
    x, y = nodes.T
    u = np.stack([2 * x - 3 * y, x * y], axis=-1)
    edges = np.ptp(nodes, axis=0)
    load = np.array([[1.0], [2.0]])
    return FieldSet(
        nodes, np.stack([u, 2 * u]), 0.1 * np.stack([u, 2 * u]), load, ["n"], ["a", "b"], edges, edges, None
    )


def test_nodes_of_a_lattice_become_rows_and_columns():
    flat = field_set(GRID.points()).to_xarray().mdbridge.grid()
    assert flat.sizes == {"sample": 2, "axis": 2, "y": 4, "x": 5, "parameter": 1}
    np.testing.assert_allclose(flat.x, np.unique(GRID.points()[:, 0]))
    np.testing.assert_allclose(flat.y, np.unique(GRID.points()[:, 1]))
    expected = 2 * (2 * flat.x - 3 * flat.y)
    np.testing.assert_allclose(
        flat.u.sel(sample="b", axis="x").transpose("y", "x"), expected.transpose("y", "x")
    )
    assert flat.x.attrs["units"] == flat.y.attrs["units"] == flat.u.attrs["units"] == "angstrom"
    assert "nodes" not in flat and flat["load"].dims == ("sample", "parameter")


def test_where_a_lattice_has_no_node_there_is_no_number():
    shuffled = np.random.default_rng(1).permutation(DISC)
    flat = field_set(shuffled).to_xarray().mdbridge.grid()
    there = np.hypot(flat.x, flat.y) < 15.0
    u = flat.u.sel(sample="a", axis="y")
    assert (u.notnull() == there).all() and int(there.sum()) == len(DISC) < there.size
    expected = (flat.y * flat.x).where(there)
    np.testing.assert_array_equal(u.transpose("y", "x"), expected.transpose("y", "x"))


def test_scattered_nodes_have_no_grid():
    with pytest.raises(InputError, match="on no lattice"):
        field_set(SCATTERED).to_xarray().mdbridge.grid()


@pytest.mark.parametrize(("sample", "component"), [(1, 0), ("b", "x")])
def test_a_map_has_the_values_at_their_places(sample, component):
    axes = field_set(GRID.points()).to_xarray().mdbridge.map("u", sample, component)
    (image,) = axes.collections
    corners = image.get_coordinates()
    middles = 0.25 * (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:])
    expected = 2 * (2 * middles[..., 0] - 3 * middles[..., 1])
    np.testing.assert_allclose(np.asarray(image.get_array()).reshape(expected.shape), expected)
    np.testing.assert_allclose(middles[0, 0], GRID.points()[0])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (Å)", "y (Å)")
    assert axes.get_title() == "displacement, b, x" and axes.get_aspect() == 1.0
    # of both signs: white is 0
    assert image.norm.vmin == -image.norm.vmax == pytest.approx(-abs(expected).max())
    assert image.colorbar.ax.get_ylabel() == "u (Å)"


def test_a_map_shows_scattered_nodes_as_points_and_leaves_holes_empty():
    _, axes = pyplot.subplots()
    assert field_set(SCATTERED).to_xarray().mdbridge.map("b", component="y", axes=axes) is axes
    (points,) = axes.collections
    np.testing.assert_allclose(points.get_offsets(), SCATTERED)
    np.testing.assert_allclose(points.get_array(), 0.1 * SCATTERED.prod(axis=1))
    assert points.colorbar.ax.get_ylabel() == "b (TPa/Å)"
    (image,) = field_set(DISC).to_xarray().mdbridge.map("u").collections
    assert np.ma.count(np.ma.masked_invalid(image.get_array())) == len(DISC)


def test_of_a_file_as_of_a_field_set(tmp_path):
    with store.writing(tmp_path / "a.h5", store.Format("test", 1, "nobody"), "key") as file:
        put_fields(file, "test", field_set(DISC))
    dataset = xarray.load_dataset(tmp_path / "a.h5", group="test")
    made = field_set(DISC).to_xarray().mdbridge.grid()
    xarray.testing.assert_equal(dataset.mdbridge.grid(), made)
    assert dataset.mdbridge.map("u", "b", "y").get_title() == "displacement, b, y"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("v",), "'v' is no field on nodes; there is u, b"),
        (("load",), "'load' is no field on nodes"),
        (("u", "c"), "no sample 'c'; there is a, b"),
        (("u", 5), "no sample 5; there is a, b"),
        (("u", 0, "z"), "no axis 'z'; there is x, y"),
    ],
)
def test_what_is_not_there_is_named(arguments, words):
    with pytest.raises(InputError, match=words):
        field_set(GRID.points()).to_xarray().mdbridge.map(*arguments)


def test_other_datasets_are_told_what_is_missing():
    with pytest.raises(InputError, match="no 'nodes'"):
        xarray.Dataset({"u": ("node", [1.0])}).mdbridge.map("u")
    with pytest.raises(InputError, match="over node, time"):
        dataset = field_set(GRID.points()).to_xarray()
        dataset.assign(u=dataset.u.expand_dims(time=2, axis=-1)).mdbridge.map("u")


def test_it_is_there_from_the_first_use_on_and_draws_nothing_before_it_is_asked_to():
    code = (
        "import sys, numpy, mdbridge; mdbridge.FieldSet; assert 'xarray' not in sys.modules\n"
        "one = numpy.ones((1, 1, 2))\n"
        "f = mdbridge.FieldSet(one[0], one, one, one[0], ['a', 'b'], ['s'], one[0, 0], one[0, 0], None)\n"
        "assert f.to_xarray().mdbridge and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
