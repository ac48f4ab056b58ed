"""A folder with a model, and problems of bodies that several tests solve in it."""

import json

import bodies_for_tests as made
import h5py
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import problem, stages

PLATE = """
[domain]
outline = [[-20, -20], [20, -20], [20, 20], [-20, 20]]
holes = [{centre = [0, 0], radius = 5}]
spacing = 1.0
"""
PULL = """
[[boundary]]
edge = "left"
displacement = [0.0, "free"]
[[boundary]]
where = "x < -19.9 and -0.1 < y < 0.1"
displacement = [0.0, 0.0]
[[boundary]]
edge = "right"
traction = [1e-3, 0]
"""
QUIET = "[output]\nvtk = false\nfigures = false\n"


def folder_with_model(tmp_path):
    """``tmp_path`` with an input and a model."""
    (tmp_path / "input.toml").write_text('campaign = "graphene"\n')
    (tmp_path / "out").mkdir()
    stored = made.material(3.0, made.SIGN_CHANGING, 0.5, quadrature="isotropic").as_dict()
    (tmp_path / "out" / "model.json").write_text(json.dumps(stored))
    return tmp_path


def solve(folder, text, name="solution.h5"):
    """What a solution's file holds."""
    (folder / "problem.toml").write_text(text)
    problem.solve(MPI.COMM_SELF, stages, folder / "input.toml", folder / "problem.toml", folder / "out", ())
    with h5py.File(folder / "out" / name) as file:
        return {key: file[key][()] for key in file} | dict(file.attrs)
