"""Fields of all kinds of results for ParaView, as pyvista reads them: where they belong, with their units."""

import re

import numpy as np
import pytest
import shear_runs
import stored_fields
from glass_files import KEY, chain, stored
from numpy.testing import assert_allclose

from mdbridge.campaigns import paraview
from mdbridge.campaigns.calibrate import results as calibrated
from mdbridge.campaigns.peridynamics.formats import BODY, DATASET
from mdbridge.campaigns.peridynamics.problems import Solved
from mdbridge.campaigns.peridynamics.results import write_solutions
from mdbridge.campaigns.shear import results as sheared
from mdbridge.core import store
from mdbridge.core.errors import FileError, InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.fields.storage import put_fields

RANDOM = np.random.default_rng(0)
PERIODIC, DISC = NodeGrid.periodic_cells((20.0, 15.0), 5.0), NodeGrid.centred(15.0, 5.0)


def read(pyvista, path):
    """The times of a series, and what lies at each."""
    reader = pyvista.get_reader(path)
    grids = []
    for time in reader.time_values:
        reader.set_active_time_value(time)
        grids.append(reader.read()[0])
    return reader.time_values, grids


def cells(grid, name):
    """A field at the cells, ``(ny, nx[, k])``; x runs fastest."""
    values = np.asarray(grid.cell_data[name])
    return values.reshape(grid.dimensions[1] - 1, grid.dimensions[0] - 1, *values.shape[1:])


def corners(grid, name):
    """The same at corners, without those that the box repeats."""
    nx, ny = grid.dimensions[:2]
    return np.asarray(grid.point_data[name]).reshape(ny, nx)[:-1, :-1]


def units(path, name):
    """What a file of VTK says of an array."""
    (array,) = re.findall(rf'<DataArray [^>]*Name="{name}".*?</DataArray>', path.read_text(), re.DOTALL)
    return re.findall(r"UNITS_LABEL[^>]*>([^<]*)<", array)


@pytest.mark.slow
def test_the_frames_of_a_glass_lie_in_the_sheared_box(tmp_path, pyvista):
    at_rest = {"local_yield": RANDOM.random((6, 8))}
    glass = stored(tmp_path, 5, at_rest, extra={"mine": "c_mine"})
    (series,) = paraview.export(glass)
    assert series == tmp_path / "glass_vtk" / "glass.pvd"
    times, grids = read(pyvista, series)
    with store.opening(glass) as file:
        fields = {name: file.get(name) for name in file.variables()}
    assert_allclose(times, 0.025 * np.arange(5))
    for number, grid in enumerate(grids):
        points = grid.points.reshape(7, 9, 3)
        gamma = 0.025 * number
        assert_allclose(points[-1, -1], [40.0 + gamma * 36.0, 36.0, 0.0], rtol=1e-6)
        # cell (row 2, column 3), counted in the sheared box
        centre = grid.cell_centers().points.reshape(6, 8, 3)[2, 3]
        assert_allclose(centre[:2], [3.5 * 5.0 + gamma * 2.5 * 6.0, 2.5 * 6.0], rtol=1e-6)
        for name in ("potential_energy", "energy_mean_composition", "density", "mine", "composition"):
            assert_allclose(cells(grid, name), fields[name][number], rtol=1e-12)
        for name in ("Exy", "D2min"):
            assert_allclose(corners(grid, name), fields[name][number], rtol=1e-12)
        assert_allclose(cells(grid, "local_yield"), at_rest["local_yield"])
        assert_allclose(cells(grid, "velocity")[..., :2], fields["velocity"][number])
    piece = series.with_name("glass_00004.vts")
    assert units(piece, "potential_energy") == ["eV"] and units(piece, "D2min") == ["angstrom^2"]
    assert 'ComponentName0="type 1" ComponentName1="type 2"' in piece.read_text()


def test_a_run_that_does_not_shear_goes_by_its_steps(tmp_path, monkeypatch):
    glass = stored(tmp_path, 3)
    text = paraview.export(glass)[0].read_text()
    assert re.findall(r'timestep="([^"]*)"', text) == ["0", "0.025", "0.05"]
    with store.opening(glass) as file:
        steps = file.get("step")
    get = store.Reader.get

    def still(self, name, *arguments, **options):
        return get(self, name, *arguments, **options) * (0.0 if name == "gamma" else 1.0)

    monkeypatch.setattr(store.Reader, "get", still)
    text = paraview.export(glass, tmp_path / "still")[0].read_text()
    assert [float(time) for time in re.findall(r'timestep="([^"]*)"', text)] == steps.tolist()


@pytest.mark.slow
def test_md_and_model_lie_on_one_grid(tmp_path, pyvista):
    rest, md, model = RANDOM.random((5, 4)), RANDOM.random((2, 5, 4)), RANDOM.random((2, 5, 4))
    chain(tmp_path / "chain.h5", rest, md, model)
    (series,) = paraview.export(tmp_path / "chain.h5")
    times, grids = read(pyvista, series)
    assert times == [0.1, 0.4]
    for number, grid in enumerate(grids):
        assert_allclose(corners(grid, "Exy_md"), md[number])
        assert_allclose(corners(grid, "Exy_model"), model[number])
        assert_allclose(cells(grid, "energy_at_rest_md"), rest)
        assert_allclose(
            grid.points.reshape(6, 5, 3)[-1, -1], [60.0 + times[number] * 25.0, 25.0, 0.0], rtol=1e-6
        )
    assert units(series.with_name("chain_00001.vts"), "energy_at_rest_md") == ["eV"]


@pytest.mark.slow
def test_fields_of_a_calibration_beside_each_other(tmp_path, pyvista):
    field, curve = RANDOM.random((2, 3, 4)), np.arange(5.0)
    both = {"reference": {"E": field, "s": curve}, "calibrated": {"E": 2 * field, "s": curve}}
    path, options = tmp_path / "best.h5", {"strains": [0.1, 0.5], "max_strain": 0.5}
    calibrated.write(path, both, {}, 0.5, options, {}, {"E": "eV"}, KEY)
    times, grids = read(pyvista, *paraview.export(path, tmp_path / "there"))
    assert times == [0.1, 0.5]
    for number, grid in enumerate(grids):
        assert_allclose(cells(grid, "E_reference"), field[number])
        assert_allclose(cells(grid, "E_calibrated"), 2 * field[number])
        assert grid.bounds[:4] == (0.0, 4.0, 0.0, 3.0)
    assert units(tmp_path / "there" / "E_00000.vts", "E_reference") == ["eV"]
    calibrated.write(path, {name: {"s": curve} for name in both}, {}, 0.5, options, {}, {}, KEY)
    with pytest.raises(InputError, match="curves alone"):
        paraview.export(path)


def field_set(nodes, shape, box):
    u, b = RANDOM.random((2, 3, len(nodes), 2))
    load, spacing = np.ones((3, 1)), np.full(2, 5.0)
    return FieldSet(nodes, u, b, load, ["n"], ["a", "b", "c"], np.asarray(box), spacing, shape)


def dataset(folder):
    """dataset.h5 of a periodic sheet, and of a disc among the variants."""
    inside = DISC.points()[np.hypot(*DISC.points().T) < 14.0]
    sets = {
        "train": field_set(PERIODIC.points(), PERIODIC.shape, PERIODIC.box),
        "variants/x1/test": field_set(inside, None, np.ptp(inside, axis=0)),
    }
    with store.writing(folder / "dataset.h5", DATASET, KEY) as file:
        for name, fields in sets.items():
            put_fields(file, name, fields)
    return sets


@pytest.mark.slow
def test_samples_on_nodes_are_meshes_of_whole_squares(tmp_path, pyvista):
    sets = dataset(tmp_path)
    made = paraview.export(tmp_path / "dataset.h5")
    folder = tmp_path / "dataset_vtk"
    assert made == [folder / "train.pvd", folder / "variants" / "x1" / "test.pvd"]
    for path, fields in zip(made, sets.values(), strict=True):
        times, meshes = read(pyvista, path)
        assert times == [0.0, 1.0, 2.0]
        for number, mesh in enumerate(meshes):
            assert_allclose(mesh.points[:, :2], fields.nodes)
            assert_allclose(mesh.point_data["u"][:, :2], fields.u[number])
            assert_allclose(mesh.point_data["b"][:, :2], fields.b[number])
            areas = mesh.compute_cell_sizes()["Area"]
            assert_allclose(areas, 25.0)  # of four nodes that are neighbours; none reaches around the box
    assert meshes[0].n_cells < (np.sqrt(meshes[0].n_points) - 1) ** 2 + 1
    assert read(pyvista, made[0])[1][0].n_cells == 3 * 2
    assert units(folder / "train" / "00000.vtu", "b") == ["TPa/angstrom"]


@pytest.mark.slow
def test_solutions_lie_on_the_nodes_of_the_dataset_beside_them(tmp_path, pyvista):
    with pytest.raises(FileError, match="no such file"):
        paraview.export(tmp_path / "solutions.h5")
    fields = dataset(tmp_path)["train"]
    inside, number = RANDOM.random(len(fields.nodes)) < 0.5, np.ones(3)
    solved = Solved(1.1 * fields.u, inside, number, number, number.astype(int))
    write_solutions(tmp_path / "solutions.h5", KEY, {"train": solved}, 1.0)
    (path,) = paraview.export(tmp_path / "solutions.h5")
    for sample, mesh in enumerate(read(pyvista, path)[1]):
        assert_allclose(mesh.points[:, :2], fields.nodes)
        assert_allclose(mesh.point_data["u_model"][:, :2], 1.1 * fields.u[sample])
        assert_allclose(mesh.point_data["inside"], inside)
    write_solutions(tmp_path / "solutions.h5", KEY, {"val": solved}, 1.0)
    with pytest.raises(FileError, match="'val' is no split of the dataset"):
        paraview.export(tmp_path / "solutions.h5")


def test_scattered_nodes_are_joined_by_triangles():
    nodes = RANDOM.uniform(0.0, 10.0, (30, 2))
    (triangles,) = paraview._cells(nodes)
    a, b, c = nodes[triangles].transpose(1, 0, 2)
    areas = 0.5 * np.abs(np.cross(np.pad(b - a, [(0, 0), (0, 1)]), np.pad(c - a, [(0, 0), (0, 1)]))[:, 2])
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    assert 0.6 * np.prod(high - low) < areas.sum() < np.prod(high - low)


def test_what_the_campaigns_export_themselves_is_exported_on_request_too(tmp_path):
    stored_fields.make(tmp_path / "fields.h5", "shear")
    sheared.write(tmp_path / "run.h5", shear_runs.case(), shear_runs.result(), complete=True)
    for name in ("fields", "run"):
        (path,) = paraview.export(tmp_path / f"{name}.h5")
        assert path == tmp_path / f"{name}_vtk" / f"{name}.pvd"
        pieces = re.findall(r'file="([^"]*)"', path.read_text())
        assert len(pieces) == 3 and all((path.parent / piece).stat().st_size for piece in pieces)


def test_files_without_fields_or_cells_are_refused(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(InputError, match="models go to table or json-schema"):
        paraview.export(tmp_path / "model.json")
    (tmp_path / "b.h5").write_text("{}")
    with pytest.raises(FileError, match="not a readable HDF5 file"):
        paraview.export(tmp_path / "b.h5")
    with store.writing(tmp_path / "a.h5", store.Format("other", 1, "nobody"), KEY):
        pass
    with pytest.raises(InputError, match="has the format 'other'; --to vtk is for"):
        paraview.export(tmp_path / "a.h5")
    with store.writing(tmp_path / "solution.h5", BODY, KEY):
        pass
    with pytest.raises(InputError, match=r"open .*vtk/solution\.vtu, which"):
        paraview.export(tmp_path / "solution.h5")
