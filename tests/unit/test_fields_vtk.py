"""Files for ParaView, read back by VTK itself."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mdbridge.fields.vtk import Field, write_grid, write_series

vtk = pytest.importorskip("vtkmodules.vtkIOXML", reason="needs the package vtk, which reads what was written")
from vtkmodules.util.numpy_support import vtk_to_numpy  # noqa: E402
from vtkmodules.vtkCommonCore import vtkDataArray  # noqa: E402

CELL = np.array([[4.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.5, 0.5, 2.0]])
VALUES = np.random.default_rng(0)
STRESS = ("xx", "yy", "zz", "xy", "xz", "yz")


def read(path):
    """Grid, points by (…, y, x), and the arrays of cells and of points with their names and units."""
    reader = vtk.vtkXMLStructuredGridReader()
    reader.SetFileName(str(path))
    reader.Update()
    grid = reader.GetOutput()
    size = [0, 0, 0]
    grid.GetDimensions(size)
    shape = tuple(n for n in size[::-1] if n > 1)
    points = vtk_to_numpy(grid.GetPoints().GetData()).reshape(*shape, 3)
    return points, arrays(grid.GetCellData()), arrays(grid.GetPointData())


def arrays(data):
    by_name = {}
    for n in range(data.GetNumberOfArrays()):
        array = data.GetArray(n)
        names = tuple(array.GetComponentName(k) for k in range(array.GetNumberOfComponents()))
        units = array.GetInformation().Get(vtkDataArray.UNITS_LABEL())
        by_name[array.GetName()] = (vtk_to_numpy(array), names, units)
    return by_name


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_lie_where_they_belong_in_a_sheared_cell(tmp_path, axes):
    shape = (5, 4, 3)[-axes:]
    scalar, corners = VALUES.random(shape), VALUES.random((*shape, 2))
    fields = {
        "energy": Field(scalar, "eV"),
        "velocity": Field(corners, "angstrom/ps", ("x", "y"), "corner"),
    }
    origin = np.array([1.0, 2.0, 3.0])
    write_grid(tmp_path / "a.vts", CELL[:axes], fields, origin)
    points, cells, nodes = read(tmp_path / "a.vts")

    assert points.shape == (*(n + 1 for n in shape), 3)
    index = np.stack(np.meshgrid(*(np.arange(n + 1) / n for n in shape), indexing="ij")[::-1], axis=-1)
    np.testing.assert_allclose(points, origin + np.einsum("...a,ad->...d", index, CELL[:axes]), atol=1e-12)

    values, _, units = cells["energy"]
    assert units == "eV"
    np.testing.assert_array_equal(values.reshape(shape), scalar)
    values, names, units = nodes["velocity"]
    assert (names, units) == (("x", "y", "z"), "angstrom/ps")
    values = values.reshape(*points.shape)
    inner = tuple(slice(-1) for _ in shape)
    np.testing.assert_array_equal(values[inner][..., :2], corners)
    assert not values[..., 2].any()
    for axis in range(axes):  # the box repeats
        np.testing.assert_array_equal(np.take(values, -1, axis), np.take(values, 0, axis))


def test_a_symmetric_tensor_comes_in_the_order_that_vtk_takes(tmp_path):
    stress = VALUES.random((4, 3, 6))
    write_grid(tmp_path / "a.vts", CELL[:2], {"stress <mean>": Field(stress, "GPa", STRESS)})
    values, names, units = read(tmp_path / "a.vts")[1]["stress <mean>"]
    assert (names, units) == (("xx", "yy", "zz", "xy", "yz", "xz"), "GPa")
    for column, name in enumerate(names):
        np.testing.assert_array_equal(values[:, column].reshape(4, 3), stress[..., STRESS.index(name)])


def test_what_is_not_there_stays_nan(tmp_path):
    field = np.array([[1.0, np.nan], [2.0, 3.0]])
    write_grid(tmp_path / "a.vts", CELL[:2], {"rho": Field(field, "")})
    values, _, units = read(tmp_path / "a.vts")[1]["rho"]
    assert units is None
    np.testing.assert_array_equal(values.reshape(2, 2), field)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"a": Field(np.ones((2, 2, 2)), "1", ("x", "y", "z"))}, r"\(2, 2, 2\).*2 axes and 3 components"),
        ({"a": Field(np.ones((2, 2, 1)), "1")}, "0 components"),
        ({"a": Field(np.ones(2), "1")}, "2 axes"),
        ({"a": Field(np.ones((2, 2)), "1"), "b": Field(np.ones((2, 3)), "1")}, "different grids"),
    ],
)
def test_fields_that_do_not_fit_are_refused(tmp_path, fields, words):
    with pytest.raises(ValueError, match=words):
        write_grid(tmp_path / "a.vts", CELL[:2], fields)
    assert not list(tmp_path.iterdir())


def test_a_series_names_its_files_and_their_times(tmp_path):
    write_series(tmp_path / "run.pvd", [(0.0, "a.vts"), (1 / 3, "b & c.vts")])
    pieces = ET.parse(tmp_path / "run.pvd").findall(".//DataSet")
    assert [piece.get("file") for piece in pieces] == ["a.vts", "b & c.vts"]
    assert [float(piece.get("timestep")) for piece in pieces] == pytest.approx([0.0, 1 / 3], abs=1e-9)
