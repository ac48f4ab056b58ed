"""The series for ParaView: one grid a frame, deforming, with names and units."""

import re

import numpy as np
import pytest
import xarray
from stored_fields import FIELDS, make

from mdbridge.campaigns.fields import vtk


def test_every_frame_is_a_grid_and_the_series_lists_them_with_their_times(tmp_path):
    make(tmp_path / "fields.h5", "shear")
    vtk.export(tmp_path / "fields.h5", tmp_path / "vtk")
    series = (tmp_path / "vtk" / "fields.pvd").read_text()
    assert re.findall(r'timestep="([^"]*)" file="([^"]*)"', series) == [
        ("0", "frame_00000.vts"), ("0.2", "frame_00001.vts"), ("0.4", "frame_00002.vts"),
    ]  # fmt: skip
    grid = (tmp_path / "vtk" / "frame_00002.vts").read_text()
    assert {f'Name="{name}"' in grid for name in [*FIELDS, "mine"]} == {True}
    assert 'WholeExtent="0 4 0 3 0 0"' in grid
    assert "GPa" in grid and 'ComponentName3="xy"' in grid


def test_grids_of_one_and_three_directions(tmp_path):
    for axes, cells, extent in (("y", (5,), "0 5 0 0 0 0"), ("xyz", (4, 3, 2), "0 4 0 3 0 2")):
        make(tmp_path / f"{axes}.h5", axes=axes, cells=cells)
        vtk.export(tmp_path / f"{axes}.h5", tmp_path / axes)
        assert f'WholeExtent="{extent}"' in (tmp_path / axes / "frame_00000.vts").read_text()


@pytest.mark.slow
def test_pyvista_reads_every_field_of_every_frame(tmp_path, pyvista):
    """As a stranger's own reader: values and components are those of fields.h5, where they belong."""
    make(tmp_path / "fields.h5", "shear")
    vtk.export(tmp_path / "fields.h5", tmp_path / "vtk")
    stored = xarray.load_dataset(tmp_path / "fields.h5")
    reader = pyvista.get_reader(tmp_path / "vtk" / "fields.pvd")
    assert reader.time_values == pytest.approx([0.0, 0.2, 0.4])
    for number, time in enumerate(reader.time_values):
        reader.set_active_time_value(time)
        grid = reader.read()[0]
        for name in (*FIELDS, "mine"):
            values = stored[name].isel(time=number)
            # x runs fastest in VTK's order of cells
            ordered = values.transpose("y", "x", ...).values.reshape(grid.n_cells, -1)
            read = np.asarray(grid.cell_data[name]).reshape(grid.n_cells, -1)
            np.testing.assert_allclose(read[:, : ordered.shape[1]], ordered, rtol=1e-6)
            if not number:
                centres = grid.cell_centers().points
                np.testing.assert_allclose(centres[:4, 0], stored.x, rtol=1e-6)
                np.testing.assert_allclose(centres[::4, 1], stored.y, rtol=1e-6)
