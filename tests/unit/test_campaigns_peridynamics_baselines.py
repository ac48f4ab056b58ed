"""What one could take instead of a learned model, measured on made-up samples of known solids."""

from dataclasses import replace

import numpy as np
import peridynamics_results
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import baselines
from mdbridge.campaigns.peridynamics.input import Solve
from mdbridge.core.files import read_json
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps.local import GradientElasticity
from mdbridge.lps.symbol import grid_wavevectors
from mdbridge.md import loads

LAME = (-0.21, 0.74)
GRID = NodeGrid.periodic_cells((61.0, 68.0), 5.0)
ERRORS = {"E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test"}


def periodic(elasticity, made):
    """The loads of the campaign, and the displacements with which a solid answers."""
    nx, ny = GRID.shape
    k = grid_wavevectors(GRID.shape, GRID.box)
    inverse = np.zeros((len(k), 2, 2))
    inverse[1:] = np.linalg.inv(elasticity.symbol(k[1:], np.array(GRID.spacing)))
    forces = 1e-3 * np.array([load.on(GRID.points()) for load in made])
    spectrum = np.fft.fft2(forces.reshape(-1, nx, ny, 2), axes=(1, 2)).reshape(-1, nx * ny, 2)
    answer = np.einsum("kij,skj->ski", inverse, spectrum).reshape(-1, nx, ny, 2)
    u = np.fft.ifft2(answer, axes=(1, 2)).real.reshape(forces.shape)
    # as of MD, where nothing holds the sheet
    return u + np.array([3.0, -2.0]), forces - forces.mean(axis=1, keepdims=True)


def sets(elasticity):
    """Training and validation sheets, and a disc with a wave in it, all of one solid."""
    fields = {}
    for name, applied in (("train", loads.training(GRID.box)), ("val", loads.validation(GRID.box))):
        u, b = periodic(elasticity, applied)
        fields[name] = peridynamics_results.field_set(GRID, applied, [load.name for load in applied], u, b)
    nodes = NodeGrid.centred(60.0, 5.0).points()
    k, direction = np.array([0.13, -0.08]), np.array([1.0, 0.5])
    wave = np.cos(nodes @ k)[None, :, None]
    b = wave * (elasticity.symbol(k[None], np.ones(2))[0] @ direction)
    box, spacing = np.ptp(nodes, axis=0), np.array([5.0, 5.0])
    fields["test"] = FieldSet(
        nodes, wave * direction, b, np.zeros((1, 1)), ["p"], ["wave"], box, spacing, None
    )
    return fields


@pytest.fixture(scope="module")
def gradient_solid():
    return GradientElasticity(LAME[0] + 2 * LAME[1], LAME[1], -1.5, 0.8)


def test_a_classical_solid_is_met_by_classical_elasticity_and_by_nothing_coarser(tmp_path):
    fields = sets(GradientElasticity.classical(*LAME))
    # as the campaign has them: from the file
    baselines.write(MPI.COMM_SELF, tmp_path / "baselines.json", fields, LAME, 20.0, Solve())
    rows = read_json(tmp_path / "baselines.json")
    assert set(rows) == set(baselines.TITLES)
    assert all(set(row) >= ERRORS for row in rows.values())
    for name in ("classical", "gradient"):
        for key in ERRORS - {"E_u_test"}:
            assert rows[name][key] < 1e-9
        assert rows[name]["E_u_test"] < 1e-3
    assert rows["gradient"]["longitudinal_length2_A2"] == pytest.approx(0.0, abs=1e-6)
    for name in ("finite_differences", "lps_inverse_r"):
        assert all(0.002 < rows[name][key] < 2.0 for key in ERRORS)


def test_gradients_are_found_and_classical_elasticity_pays_for_them(gradient_solid):
    rows = baselines.measure(MPI.COMM_SELF, sets(gradient_solid), LAME, 20.0, Solve())
    assert rows["gradient"]["longitudinal_length2_A2"] == pytest.approx(-1.5, rel=1e-6)
    assert rows["gradient"]["transverse_length2_A2"] == pytest.approx(0.8, rel=1e-6)
    assert all(rows["gradient"][key] < 0.2 * rows["classical"][key] for key in ERRORS)


def test_units_do_not_matter(gradient_solid):
    """In nm and GPa: the same errors, the same lengths."""
    fields = sets(gradient_solid)
    smaller = {
        name: replace(
            fs, nodes=0.1 * fs.nodes, u=0.1 * fs.u, b=1e4 * fs.b, box=0.1 * fs.box, spacing=0.1 * fs.spacing
        )
        for name, fs in fields.items()
    }
    plain = baselines.measure(MPI.COMM_SELF, fields, LAME, 20.0, Solve())
    scaled = baselines.measure(MPI.COMM_SELF, smaller, (1e3 * LAME[0], 1e3 * LAME[1]), 2.0, Solve())
    for name in baselines.TITLES:
        for key in ERRORS:
            assert scaled[name][key] == pytest.approx(plain[name][key], rel=1e-6, abs=1e-9)
