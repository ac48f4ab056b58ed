"""VTK files of a run: the fields of each kept frame in the box as it is then."""

import xml.etree.ElementTree as ET
from base64 import b64decode

import numpy as np
import pytest
from shear_runs import KEPT, case, result

from mdbridge.campaigns.shear import paraview, results


def arrays(path):
    """Arrays by name, components last."""
    by_name = {}
    for data in ET.parse(path).findall(".//DataArray"):
        raw = b64decode(data.text)[8:]
        by_name[data.get("Name")] = np.frombuffer(raw).reshape(-1, int(data.get("NumberOfComponents")))
    return by_name


@pytest.mark.parametrize(
    ("frame", "corner"),
    [
        ("simple", [80.0 + 0.4 * 30.0, 30.0]),
        ("pure", [80.0 * np.exp(0.2), 30.0 * np.exp(-0.2)]),
    ],
)
def test_the_box_is_carried_along(tmp_path, frame, corner):
    results.write(tmp_path / "run.h5", case(frame), result(), complete=True)
    paraview.export(tmp_path / "run.h5", tmp_path / "vtk")
    pieces = ET.parse(tmp_path / "vtk" / "run.pvd").findall(".//DataSet")
    assert [float(piece.get("timestep")) for piece in pieces] == pytest.approx([0.0, 0.2, 0.4])
    assert [piece.get("file") for piece in pieces] == [f"frame_{k:05d}.vts" for k in KEPT]
    first, *_, last = (arrays(tmp_path / "vtk" / piece.get("file"))["points"] for piece in pieces)
    assert first.max(axis=0).tolist() == [80.0, 30.0, 0.0] and not first.min(axis=0).any()
    area = np.linalg.det([last[8, :2], last[-9, :2]])  # the ends of the lowest row and of the first column
    assert area == pytest.approx(80.0 * 30.0)
    assert last[-1] == pytest.approx([*corner, 0.0])


def test_fields_are_those_of_the_frame_and_close_periodically(tmp_path):
    results.write(tmp_path / "run.h5", case(), result(), complete=True)
    paraview.export(tmp_path / "run.h5", tmp_path / "vtk")
    run = results.read(tmp_path / "run.h5")
    for k, number in enumerate(KEPT):
        fields = arrays(tmp_path / "vtk" / f"frame_{number:05d}.vts")
        np.testing.assert_allclose(fields["chi"].reshape(6, 8), run.chi[k])
        np.testing.assert_allclose(fields["stress"].reshape(6, 8, -1)[..., :4], run.stress[k])
        corners = fields["Exy"].reshape(7, 9)
        np.testing.assert_allclose(corners, np.pad(run.exy[k], (0, 1), mode="wrap"))
        velocity = fields["velocity"].reshape(7, 9, -1)
        np.testing.assert_allclose(velocity[:-1, :-1, :2], run.velocity[k])


@pytest.mark.slow
@pytest.mark.parametrize("frame", ["simple", "pure"])
def test_pyvista_reads_every_field_of_every_frame(tmp_path, frame, pyvista):
    """As a stranger's own reader: values are those of run.h5, where they belong."""
    results.write(tmp_path / "run.h5", case(frame), result(), complete=True)
    paraview.export(tmp_path / "run.h5", tmp_path / "vtk")
    run = results.read(tmp_path / "run.h5")
    reader = pyvista.get_reader(tmp_path / "vtk" / "run.pvd")
    assert reader.time_values == pytest.approx([0.0, 0.2, 0.4])
    for number, time in enumerate(reader.time_values):
        reader.set_active_time_value(time)
        grid = reader.read()[0]
        np.testing.assert_allclose(grid.cell_data["chi"].reshape(6, 8), run.chi[number])
        # VTK has the six of a symmetric tensor in an order of its own
        read = grid.cell_data["stress"].reshape(6, 8, -1)
        np.testing.assert_allclose(read[..., : run.stress[number].shape[-1]], run.stress[number])
        inner = np.s_[:-1, :-1]
        np.testing.assert_allclose(grid.point_data["Exy"].reshape(7, 9)[inner], run.exy[number])
        np.testing.assert_allclose(
            grid.point_data["velocity"].reshape(7, 9, 3)[inner][..., :2], run.velocity[number]
        )
        motion = [[1.0, time], [0.0, 1.0]] if frame == "simple" else np.diag(np.exp([time / 2, -time / 2]))
        # cell (row 2, column 5) of 10 x 5 Å
        centre = grid.cell_centers().points.reshape(6, 8, 3)[2, 5, :2]
        np.testing.assert_allclose(centre, motion @ np.array([55.0, 12.5]), rtol=1e-6)
