"""'mdbridge solve --problem': from a file with a body of one's own to solution.h5."""

import json
from dataclasses import replace

import bodies_for_tests as made
import h5py
import numpy as np
import pytest
import vtk
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import problem, stages
from mdbridge.core.errors import FileError, InputError, SolvabilityError
from mdbridge.lps import bodies, geometry
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

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


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "input.toml").write_text('campaign = "graphene"\n')
    (tmp_path / "out").mkdir()
    stored = made.material(3.0, made.SIGN_CHANGING, 0.5, quadrature="isotropic").as_dict()
    (tmp_path / "out" / "model.json").write_text(json.dumps(stored))
    return tmp_path


def solve(folder, text, name="solution.h5"):
    (folder / "problem.toml").write_text(text)
    problem.solve(MPI.COMM_SELF, stages, folder / "input.toml", folder / "problem.toml", folder / "out", ())
    with h5py.File(folder / "out" / name) as file:
        return {key: file[key][()] for key in file} | dict(file.attrs)


def test_a_plate_with_a_hole_under_tension(folder):
    solution = solve(folder, PLATE + PULL)
    count = len(solution["nodes"])
    shapes = {"displacement": 2, "strain": 3, "stress": 3, "residual": 2}
    assert all(solution[name].shape == (count, width) for name, width in shapes.items())
    assert solution["energy_density"].shape == (count,)
    right = solution["nodes"][:, 0] > 19.9
    assert solution["stress"][right, 0].mean() == pytest.approx(1e-3, rel=0.05)
    assert solution["stress"][:, 0].max() > 2.8e-3
    held = solution["given"].any(axis=1)
    assert np.abs(solution["residual"][~held]).max() < 1e-9 * np.abs(solution["residual"]).max()
    assert solution["displacement"][held, 0].max() == 0
    reader = vtk.vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(folder / "out" / "vtk" / "solution.vtu"))
    reader.Update()
    mesh = reader.GetOutput()
    assert mesh.GetNumberOfPoints() == count
    assert {mesh.GetPointData().GetArrayName(k) for k in range(5)} == {*shapes, "energy_density"}
    point, value = mesh.GetPoint(17), mesh.GetPointData().GetArray("displacement").GetTuple(17)
    index = int(np.argmin(np.hypot(*(solution["nodes"] - point[:2]).T)))
    np.testing.assert_allclose(value[:2], solution["displacement"][index])
    assert (folder / "out" / "figures" / "solution.png").stat().st_size > 10_000


def test_a_linear_field_with_pressures_and_expressions(folder):
    """Uniform pressure by the normal, displacements by expressions, on a disc."""
    text = """
    [domain]
    disc = {centre = [3, -2], radius = 14}
    spacing = 1.0
    [[boundary]]
    edge = "outline"
    traction = ["-2e-3*nx", "-2e-3*ny"]
    """
    solution = solve(folder, text + QUIET)
    np.testing.assert_allclose(
        solution["stress"], np.tile([-2e-3, -2e-3, 0], (len(solution["stress"]), 1)), atol=1e-10
    )
    assert "moves along" in str(solution["free_motions"][0])


def test_nodes_and_loads_from_files_keep_their_order(folder):
    nodes = np.stack(np.meshgrid(np.arange(24.0), np.arange(20.0)), -1).reshape(-1, 2)
    nodes = nodes[np.random.default_rng(0).permutation(len(nodes))]
    loads = np.stack([1e-4 * np.sin(nodes[:, 0] / 5), 0 * nodes[:, 0]], axis=1)
    np.savez(folder / "nodes.npz", nodes=nodes)
    np.savez(folder / "loads.npz", b=loads)
    text = (
        '[domain]\nnodes = "nodes.npz"\n[[boundary]]\nedge = "left"\ndisplacement = [0, 0]\n[load]\nbody = '
    )
    given = solve(folder, text + '"loads.npz"\n' + QUIET)
    np.testing.assert_array_equal(given["nodes"], nodes)
    formula = solve(folder, text + '["1e-4*sin(x/5)", 0]\n' + QUIET)
    np.testing.assert_allclose(given["displacement"], formula["displacement"], atol=1e-9)


def test_a_model_in_other_units_is_solved_in_them(folder):
    """The same numbers in mm and GPa as in Å and TPa."""
    here = solve(folder, PLATE + PULL + QUIET)
    path = folder / "out" / "model.json"
    stored = json.loads(path.read_text())
    stored |= {"delta_A": stored["delta_A"] * 1e7, "lambda_TPa": stored["lambda_TPa"] * 1e-3}
    stored["mu_TPa"] *= 1e-3
    stored["units"] = {"length": "mm", "length_A": 1e7, "modulus": "GPa", "modulus_TPa": 1e-3}
    path.write_text(json.dumps(stored))
    there = solve(folder, PLATE + PULL + QUIET)
    np.testing.assert_allclose(there["displacement"], here["displacement"], rtol=1e-6, atol=1e-9)
    assert there["length_unit"] == "mm" and there["modulus_unit"] == "GPa"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLATE + '[[boundary]]\nedge = "left"\ntraction = [-1e-4, 0]\n', "a mechanism: .*moves along"),
        (PLATE + '[[boundary]]\nwhere = "x > 50"\ntraction = [1, 0]\n', r"boundary 1 \(x > 50\): no piece"),
        (PLATE + '[[boundary]]\nwhere = "x > 50"\ndisplacement = [1, 0]\n', "no node is there"),
        (
            PLATE + '[[boundary]]\nedge = "left"\ntraction = [1, 0]\n' * 2,
            r"boundary 2 \(left\): boundary 1 gives a traction",
        ),
        (
            PLATE + '[[boundary]]\nedge = "left"\ndisplacement = [1, 0]\n'
            '[[boundary]]\nedge = "bottom"\ndisplacement = [2, 0]\n',
            "another boundary gives other displacements along x",
        ),
        (PLATE + '[load]\nbody = ["log(x)", 0]\n', "'load.body' = 'log\\(x\\)': nan at x = -20"),
        (PLATE + '[load]\nbody = ["foo(x)", 0]\n', "no formula"),
        (
            "[domain]\ndisc = {centre = [0, 0], radius = 9}\nspacing = 1.0\n"
            '[[boundary]]\nedge = "left"\ntraction = [1, 0]\n',
            "are straight sides: use where",
        ),
        (PLATE.replace("centre = [0, 0]", "centre = [18, 0.3]"), "cross or touch each other"),
    ],
)
def test_what_cannot_be_solved_is_refused_by_name(folder, text, words):
    with pytest.raises(InputError, match=words):
        solve(folder, text + QUIET)
    assert not (folder / "out" / "solution.h5").exists()


def test_isolated_nodes_are_refused(folder):
    nodes = np.stack(np.meshgrid(np.arange(24.0), np.arange(20.0)), -1).reshape(-1, 2)
    np.savez(folder / "nodes.npz", nodes=np.vstack([nodes, [[100.0, 0]]]))
    with pytest.raises(InputError, match=r"1 isolated nodes, the first node 480 at \(100, 0\)"):
        solve(folder, '[domain]\nnodes = "nodes.npz"\n')


def test_a_wave_of_negative_energy_on_this_grid_is_named(folder):
    path = folder / "out" / "model.json"
    path.write_text(json.dumps(made.material(3.5, (1.0, -1.5, 1.0), 1.0).as_dict()))
    with pytest.raises(SolvabilityError, match=r"the wave k = .*has the energy -"):
        solve(folder, PLATE + PULL)


def test_without_a_model_the_remedy_is_told(folder):
    (folder / "out" / "model.json").unlink()
    with pytest.raises(FileError, match="run 'mdbridge learn"):
        solve(folder, PLATE)


def test_moduli_that_a_grid_changes_are_told_unless_the_model_was_learned_on_it():
    """K = 1/r², whose moduli are not λ and μ with the published weights."""
    solid = LinearPeridynamicSolid(Bernstein(6.0, np.ones(1), (2.0,)), 0.3, 0.4, quadrature="published")
    body = geometry.fill([made.rectangle(0, 20, 0, 20)], (1.0, 1.25), 15.0)
    constants = bodies.effective_moduli(body, solid)
    elsewhere = problem.Model(solid, [[2.0, 2.0], [1.0, 1.0]], "mm", "GPa", "key")
    said = problem.check_grid(body, elsewhere)
    assert "on nodes 1 × 1.25 mm apart" in said and "learned on 2 × 2, 1 × 1" in said
    for name, meant in (("C11", 1.1), ("C12", 0.3), ("C66", 0.4)):
        assert f"{name} = {constants[name]:.4g} for {meant}" in said
    # one of its grids is enough
    there = replace(elsewhere, spacings=[[2.0, 2.0], [1.0, 1.25]])
    assert problem.check_grid(body, there) == ""
    # the moduli of K = 1/r are those of the continuum everywhere
    exact = replace(solid, influence=Bernstein(6.0, np.ones(1), (1.0,)))
    assert problem.check_grid(body, replace(elsewhere, material=exact)) == ""
