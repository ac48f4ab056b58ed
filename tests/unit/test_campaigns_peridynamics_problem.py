"""'mdbridge solve --problem': from a file with a body of one's own to solution.h5."""

import json
from dataclasses import replace

import bodies_for_tests as made
import numpy as np
import pytest
import vtk
from mpi4py import MPI
from problem_runs import PLATE, PULL, QUIET, folder_with_model, solve

from mdbridge.campaigns.peridynamics import problem, stages
from mdbridge.campaigns.peridynamics.problem_input import Domain
from mdbridge.core.errors import ConvergenceError, FileError, InputError, SolvabilityError
from mdbridge.core.versions import versions
from mdbridge.lps import geometry


@pytest.fixture
def folder(tmp_path):
    return folder_with_model(tmp_path)


def test_a_plate_with_a_hole_under_tension(folder):
    solution = solve(folder, PLATE + PULL)
    count = len(solution["nodes"])
    shapes = {"displacement": 2, "strain": 3, "stress": 3, "reaction": 2, "residual": 2}
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
    assert {mesh.GetPointData().GetArrayName(k) for k in range(6)} == {*shapes, "energy_density"}
    point, value = mesh.GetPoint(17), mesh.GetPointData().GetArray("displacement").GetTuple(17)
    index = int(np.argmin(np.hypot(*(solution["nodes"] - point[:2]).T)))
    np.testing.assert_allclose(value[:2], solution["displacement"][index])
    assert (folder / "out" / "figures" / "solution.png").stat().st_size > 10_000


@pytest.mark.slow
def test_pyvista_reads_every_field_of_a_body(folder, pyvista):
    """As a stranger's own reader: values are those of solution.h5, and the cells fill the body."""
    solution = solve(folder, PLATE + PULL)
    mesh = pyvista.read(folder / "out" / "vtk" / "solution.vtu")
    # the file has the nodes in an order of its own
    order = [int(np.argmin(np.hypot(*(solution["nodes"] - point[:2]).T))) for point in mesh.points]
    assert sorted(order) == list(range(len(solution["nodes"])))
    for name in ("displacement", "strain", "stress", "energy_density", "reaction", "residual"):
        expected = solution[name].reshape(len(order), -1)[order]
        read = np.asarray(mesh.point_data[name]).reshape(len(order), -1)
        np.testing.assert_allclose(read[:, : expected.shape[1]], expected)
    area = mesh.compute_cell_sizes()["Area"].sum()
    assert area == pytest.approx(40.0**2 - np.pi * 5.0**2, rel=2e-3)


def test_settings_of_the_input_s_own_problems_are_not_dropped_without_a_word(folder):
    (folder / "problem.toml").write_text(PLATE + PULL + QUIET)
    given = (MPI.COMM_SELF, stages, folder / "input.toml", folder / "problem.toml", folder / "out")
    with pytest.raises(InputError, match=r"--set solve = \{a=1\}: is of the problems"):
        problem.solve(*given, ["solve = {a=1}"])
    with pytest.raises(InputError, match=r"--set solve\.max_iterations=3: .*problem\.toml has a section"):
        problem.solve(*given, ["solve.max_iterations=3"])


def test_the_log_has_what_solving_said(folder):
    solve(folder, PLATE + PULL + QUIET)
    log = (folder / "out" / "mdbridge.log").read_text()
    assert "problem.toml" in log and "solved in" in log and "solution.h5" in log


def test_supports_hold_what_pulls_at_a_body(folder):
    """A load in a bar between two walls, nearer to the right: a lever's shares, and a file's sums."""
    bar = "[domain]\noutline = [[0, 0], [60, 0], [60, 12], [0, 12]]\nspacing = 1.0\n"
    walls = '[[boundary]]\nedge = "left"\ndisplacement = [0, "free"]\n'
    walls += '[[boundary]]\nedge = "right"\ndisplacement = [0, 0]\n'
    load = '[load]\nbody = ["1e-3*(39.5 < x < 40.5)", 0]\n'
    solution = solve(folder, bar + walls + load + QUIET)
    notes = json.loads((folder / "out" / "solution.json").read_text())
    left, right = (notes["supports"][name] for name in ("boundary 1 (left)", "boundary 2 (right)"))
    assert left[0] == pytest.approx(-0.012 / 3, rel=0.01) and left[1] == 0
    assert left[0] + right[0] == pytest.approx(-0.012, rel=1e-3)
    assert notes["out_of_balance"] < 1e-3
    assert notes["versions"] == versions()
    assert solution["area"].sum() == pytest.approx(60 * 12)
    at_left = solution["nodes"][:, 0] < 1e-9
    np.testing.assert_allclose(solution["reaction"][at_left].sum(axis=0), left, atol=1e-7)
    np.testing.assert_allclose(
        solution["reaction"][at_left, 0], -(solution["residual"] * solution["area"][:, None])[at_left, 0]
    )
    assert (folder / "out" / "solution.toml").read_text() == bar + walls + load + QUIET


def test_what_does_not_converge_for_stiff_short_waves_is_told_why(folder):
    lame = (1.3, 0.5)
    wild = replace(
        made.material(5.1, lame=lame, quadrature="isotropic"),
        own_dilatation=made.material(5.1, (3.0, -1.0, 0.0), 0.5).influence,
    ).as_dict()
    (folder / "out" / "model.json").write_text(json.dumps(wild))
    with pytest.raises(
        ConvergenceError, match=r"did not converge.*; on nodes 1 × 1 angstrom apart .* as stiff"
    ):
        solve(folder, PLATE + PULL + QUIET + "[solve]\nmax_iterations = 3\n")


def test_a_corner_is_held_once(folder):
    square = "[domain]\noutline = [[0, 0], [20, 0], [20, 20], [0, 20]]\nspacing = 1.0\n"
    walls = "".join(f'[[boundary]]\nedge = "{edge}"\ndisplacement = [0, 0]\n' for edge in ("left", "bottom"))
    solution = solve(folder, square + walls + "[load]\nbody = [1e-4, 2e-4]\n" + QUIET)
    notes = json.loads((folder / "out" / "solution.json").read_text())
    total = np.sum(list(notes["supports"].values()), axis=0)
    np.testing.assert_allclose(total, solution["reaction"].sum(axis=0))
    np.testing.assert_allclose(total, [-0.04, -0.08], rtol=1e-3)
    # the corner is of both, and counts for the first of them
    at_left = solution["reaction"][solution["nodes"][:, 0] < 1e-9].sum(axis=0)
    np.testing.assert_allclose(notes["supports"]["boundary 1 (left)"], at_left)


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
    # of a formula means over the nodes' cells are taken: less than its values by k²h²/24
    size = np.abs(given["displacement"]).max()
    np.testing.assert_allclose(given["displacement"], formula["displacement"], atol=5e-3 * size)


def test_a_load_that_jumps_between_nodes_is_taken_as_it_is(folder):
    """Pulled over the strip x > 10.25 of a bar: the displacement at its end, from the mean of the load."""
    text = (
        "[domain]\noutline = [[0, 0], [20, 0], [20, 12], [0, 12]]\nspacing = 1.0\n"
        '[[boundary]]\nedge = "left"\ndisplacement = [0, "free"]\n'
        '[[boundary]]\nwhere = "x < 0.1 and y < 0.1"\ndisplacement = [0, 0]\n'
        '[load]\nbody = ["1e-3*(x > 10.25)", 0]\n'
    )
    solution = solve(folder, text + QUIET)
    # E = 4 μ (λ + μ)/(λ + 2 μ) of λ = 0.3, μ = 0.5; u(l) = ∫ b x dx/E
    wanted = 1e-3 * (20**2 - 10.25**2) / 2 / (4 * 0.5 * 0.8 / 1.3)
    end = solution["nodes"][:, 0] > 19.9
    assert solution["displacement"][end, 0].mean() == pytest.approx(wanted, rel=2e-3)


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
        (
            PLATE + '[[boundary]]\nedge = "right"\ntraction = [1, 0]\n'
            '[[boundary]]\nwhere = "x > 19"\ndisplacement = [0, "free"]\n',
            r"boundary 1 \(right\): gives a traction along x at \(20, -19.5\), where another boundary",
        ),
        (
            PLATE.replace("spacing = 1.0", "spacing = 1e-4"),
            r"1.6e\+11 nodes would need .* 'domain.spacing' of",
        ),
        (
            PLATE.replace("centre = [0, 0]", "centre = [40, 0]"),
            r"hole with a corner at \(45, 0\) lies outside",
        ),
        (
            PLATE.replace("radius = 5}", "radius = 5}, {centre = [6, 0], radius = 3}"),
            r"holes with corners at \(5, 0\) and \(9, 0\) overlap",
        ),
        (PLATE + '[load]\nbody = ["log(x)", 0]\n', "'load.body' = 'log\\(x\\)': nan at x = -20, y = -20"),
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


def test_a_hole_whose_edge_has_more_nodes_than_memory_is_refused_before_it_is_made(monkeypatch):
    """On a lattice of unequal spacings nodes on a circle are as near as the nearest of the lattice."""
    domain = Domain(
        outline=[[0, 0], [4, 0], [4, 4], [0, 4]],
        spacing=[1.0, 0.25],
        holes=[{"centre": [2, 2], "radius": 1e4}],
    )
    edge = len(geometry.disc((2, 2), 1e4, 0.25).corners)
    monkeypatch.setattr(problem.memory, "available", lambda: room * problem._BYTES_PER_NODE)
    room = 1.1 * edge
    problem._require_room(domain, [1.0, 0.25], "nm")
    room = 0.9 * edge
    with pytest.raises(InputError, match="a hole of radius 10000"):
        problem._require_room(domain, [1.0, 0.25], "nm")


def test_scattered_nodes_need_a_quadrature_for_them(folder):
    nodes = np.stack(np.meshgrid(np.arange(28.0), np.arange(28.0)), -1).reshape(-1, 2)
    inside = ((nodes > 0) & (nodes < 27)).all(axis=1)
    nodes[inside] += 0.2 * np.random.default_rng(0).uniform(-1, 1, (inside.sum(), 2))
    np.savez(folder / "nodes.npz", nodes=nodes)
    text = '[domain]\nnodes = "nodes.npz"\n[[boundary]]\nedge = "left"\ndisplacement = [0, 0]\n' + QUIET
    solution = solve(folder, text)
    assert 0 < solution["min_operator"] < np.inf and solution["nonlocal"].any()
    stored = made.material(3.0, made.SIGN_CHANGING, 0.5, quadrature="published").as_dict()
    (folder / "out" / "model.json").write_text(json.dumps(stored))
    with pytest.raises(
        InputError, match=r"scattered nodes the model's moduli are C11 = .* 'published' is for"
    ):
        solve(folder, text)


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


def test_a_problem_is_solved_once_and_comes_back(folder, capsys):
    first = solve(folder, PLATE + PULL + QUIET)
    solve(folder, PLATE + PULL + QUIET)
    assert "problem: done before" in capsys.readouterr().err
    # another problem takes its place, the first one is set aside and comes back
    other = solve(folder, PLATE + PULL.replace("1e-3", "2e-3") + QUIET)
    np.testing.assert_allclose(other["displacement"], 2 * first["displacement"], rtol=1e-6, atol=1e-9)
    again = solve(folder, PLATE + PULL + QUIET)
    assert "brought back from superseded/" in capsys.readouterr().err
    np.testing.assert_array_equal(again["displacement"], first["displacement"])
    # a damaged one is made again
    path = folder / "out" / "solution.h5"
    path.write_bytes(path.read_bytes()[:-100])
    np.testing.assert_array_equal(solve(folder, PLATE + PULL + QUIET)["displacement"], first["displacement"])


def test_a_file_that_a_problem_names_is_part_of_it(folder):
    text = PLATE + PULL + '[load]\nbody = "b.npz"\n' + QUIET
    corners = np.array([[-30.0, -30], [30, -30], [30, 30], [-30, 30]])
    solutions = []
    for size in (1e-6, 2e-6):
        np.savez(folder / "b.npz", nodes=corners, b=np.full((4, 2), size))
        solutions.append(solve(folder, text)["displacement"])
    assert np.abs(solutions[1] - solutions[0]).max() > 0


def test_somebody_else_s_solution_is_not_replaced(folder):
    (folder / "out" / "solution.h5").write_text("mine")
    with pytest.raises(InputError, match=r"solution.h5: is there already, and mdbridge did not write it"):
        solve(folder, PLATE + PULL + QUIET)
    assert (folder / "out" / "solution.h5").read_text() == "mine"


def test_a_missing_file_of_a_problem_is_named(folder):
    with pytest.raises(FileError, match=r"there.npz: cannot be read"):
        solve(folder, PLATE + PULL + '[load]\nbody = "there.npz"\n')
