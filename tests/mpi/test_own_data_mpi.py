"""Data of one's own on one rank and on two: the same model, the same error bars, the same solution."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from launch import launch
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import data_stages, problem

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from own_data import grid, periodic, waves, write

pytestmark = [pytest.mark.mpi, pytest.mark.slow]

START = "from mdbridge.cli import main\nmain()\n"
PROBLEM = """
[domain]
disc = {centre = [0, 0], radius = 70}
spacing = 5.0
[[boundary]]
edge = "outline"
traction = ["1e-3*nx", 0]
[output]
vtk = false
figures = false
"""


def scattered():
    nodes = grid((14, 14), (4.0, 4.0))
    nodes = nodes + 0.8 * np.random.default_rng(0).uniform(-1, 1, nodes.shape)
    u, b = waves(nodes, np.full(2, 56.0), samples=5, highest=2)
    return {"nodes": nodes, "u": u, "b": b, "box": np.full(2, 56.0)}


def on_two_ranks(folder, *arguments):
    start = folder / "start.py"
    start.write_text(START)
    job = launch(start, 2, *arguments, timeout=200)
    assert job.returncode == 0, job.stderr


def models(folder, arrays, keys):
    """What is learned on one rank, here, and on two."""
    source = write(folder, arrays, keys)
    data_stages.learn(MPI.COMM_SELF, source, folder / "one", [])
    on_two_ranks(folder, "learn", source, "--out", folder / "two")
    stored = [
        json.loads((folder / name / "model.json").read_text(encoding="utf-8")) for name in ("one", "two")
    ]
    return source, [{name: value for name, value in model.items() if name != "wall_s"} for model in stored]


def test_scattered_points_are_learned_on_alike(tmp_path):
    _, (serial, parallel) = models(tmp_path, scattered(), "degrees = [5]\nhorizons = [13.2]\nreplicates = 3")
    assert serial == parallel and serial["error_bars"]["E_TPa"]["std"] > 0


def test_grids_are_learned_on_and_solved_on_alike(tmp_path):
    keys = "degrees = [6, 8]\nhorizons = [16.6]\nreplicates = 5"
    source, (serial, parallel) = models(tmp_path, periodic((16, 15)), keys)
    assert serial == parallel and serial["error_bars"]["E_TPa"]["std"] > 0
    path = tmp_path / "problem.toml"
    path.write_text(PROBLEM)
    problem.solve(MPI.COMM_SELF, data_stages, source, path, tmp_path / "one", ())
    on_two_ranks(tmp_path, "solve", source, "--problem", path, "--out", tmp_path / "two")
    solutions = []
    for name in ("one", "two"):
        with h5py.File(tmp_path / name / "solution.h5") as file:
            solutions.append(file["displacement"][()])
    assert np.abs(solutions[1] - solutions[0]).max() < 1e-7 * np.abs(solutions[0]).max()
