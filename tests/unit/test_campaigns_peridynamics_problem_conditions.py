"""Boundaries and loads on a body's nodes; see test_campaigns_peridynamics_problem.py for what is refused."""

from dataclasses import replace

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.campaigns.peridynamics.problem_conditions import make_conditions, pairs_of
from mdbridge.campaigns.peridynamics.problem_input import Problem
from mdbridge.core.config import check
from mdbridge.core.errors import InputError


def conditions(boundary, load=None):
    body = made.plate_with_hole()
    given = {"domain": {"disc": {"centre": [0, 0], "radius": 1}}, "boundary": boundary}
    if load is not None:
        given["load"] = {"body": load}
    return body, make_conditions(check(given, Problem, "problem.toml"), body, None)


def test_a_pressure_has_the_resultant_of_its_edge():
    body, made_of = conditions([{"edge": "right", "traction": ["-2*nx", "y*0"]}], ["1", "x"])
    np.testing.assert_allclose(made_of.facet_load.sum(axis=0), [-2 * 44, 0], atol=1e-10)
    assert np.isnan(made_of.displacement).all()
    np.testing.assert_allclose(made_of.body_load[:, 0], 1.0)
    assert len(made_of.body_load) == len(body.points)


def test_edges_share_their_corners_where_they_agree():
    left, bottom = ({"edge": edge, "displacement": [0.0, "free"]} for edge in ("left", "bottom"))
    _, made_of = conditions([left, bottom])
    assert np.isfinite(made_of.displacement[:, 0]).sum() == 2 * 45 - 1
    # a traction on an edge whose corner alone is held is no contradiction
    conditions([left, {"edge": "top", "traction": [1.0, 0.0]}])
    with pytest.raises(InputError, match="gives a traction along x at"):
        conditions([left, {"where": "x < -21.9", "traction": [1.0, 0.0]}])
    # nor is one that vanishes there, as it is taken in the middle of each piece
    conditions([left, {"where": "x < -21.9", "traction": ["x + 22", 0.0]}])
    # across what is held it is none either
    conditions([left, {"where": "x < -21.9", "traction": [0.0, 1.0]}])


def test_an_array_that_is_no_list_of_pairs_is_shown(tmp_path):
    np.savez(tmp_path / "a.npz", nodes=np.zeros((3, 3)), other=np.zeros(4))
    with pytest.raises(InputError, match=r"array 'nodes' of shape \(n, 2\); it has nodes \(3, 3\)"):
        pairs_of(tmp_path / "a.npz", "nodes", None)
    np.save(tmp_path / "b.npy", np.zeros((0, 2)))
    with pytest.raises(InputError, match=r"b.npy: 'nodes' is empty"):
        pairs_of(tmp_path / "b.npy", "nodes", None)


def test_loads_on_a_line_cannot_be_interpolated(tmp_path):
    line = np.stack([np.linspace(-30, 30, 5), np.zeros(5)], axis=1)
    np.savez(tmp_path / "b.npz", nodes=line, b=np.zeros((5, 2)))
    given = {"domain": {"disc": {"centre": [0, 0], "radius": 1}}, "load": {"body": "b.npz"}}
    problem = check(given, Problem, "problem.toml")
    with pytest.raises(InputError, match="its 5 nodes span no area"):
        make_conditions(problem, made.plate_with_hole(), tmp_path)


def test_a_load_with_a_pole_at_a_node_is_refused():
    # averages over the cells beside it are finite: those of an odd function even cancel
    with pytest.raises(InputError, match=r"'load.body' = '1/\(x - 15\)': inf at x = 15"):
        conditions([], ["1/(x - 15)", "0"])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"where": "x", "displacement": [0, 0]}, "boundary 1: where = 'x': is a number, no condition"),
        ({"edge": "left", "displacement": ["Free", 0]}, "boundary 1: displacement = 'Free': no formula"),
        ({"edge": "left", "traction": [0, "p*nx"]}, "boundary 1: traction = 'p\\*nx': no formula"),
    ],
)
def test_formulas_are_read_with_the_input(entry, words):
    given = {"domain": {"disc": {"centre": [0, 0], "radius": 1}}, "boundary": [entry]}
    with pytest.raises(InputError, match=words):
        check(given, Problem, "problem.toml")


def test_loads_of_a_file_are_interpolated_between_its_nodes_and_nowhere_beyond(tmp_path):
    body = made.plate_with_hole()
    given = {"domain": {"disc": {"centre": [0, 0], "radius": 1}}, "load": {"body": "b.npz"}}
    problem = check(given, Problem, "problem.toml")
    corners = np.array([[-30.0, -30.0], [30.0, -30.0], [30.0, 30.0], [-30.0, 30.0]])

    def linear(places):
        return places @ np.array([[0.1, -0.3], [0.2, 0.4]]) + [1.0, 2.0]

    np.savez(tmp_path / "b.npz", nodes=corners, b=linear(corners))
    loads = make_conditions(problem, body, tmp_path).body_load
    np.testing.assert_allclose(loads, linear(body.points), atol=1e-12)
    for arrays, words in (
        ({"nodes": corners, "b": linear(corners)[:3]}, "4 nodes, but 3 loads"),
        ({"nodes": 0.5 * corners, "b": linear(corners)}, "do not surround the body's node"),
        ({"b": linear(corners)}, f"4 loads without 'nodes' for a body of {len(body.points)} nodes"),
        ({"nodes": corners, "b": np.where(corners > 0, np.nan, 1.0)}, "row 1 of 'b' is not finite"),
    ):
        np.savez(tmp_path / "b.npz", **arrays)
        with pytest.raises(InputError, match=words):
            make_conditions(problem, body, tmp_path)


def test_loads_without_nodes_are_those_of_the_file_of_nodes_in_its_order(tmp_path):
    body = made.plate_with_hole()
    order = np.random.default_rng(0).permutation(len(body.points))
    given = {"domain": {"disc": {"centre": [0, 0], "radius": 1}}, "load": {"body": "b.npz"}}
    loads = np.random.default_rng(1).standard_normal((len(order), 2))
    np.savez(tmp_path / "b.npz", b=loads)
    problem = check(given, Problem, "problem.toml")
    taken = make_conditions(problem, replace(body, order=order), tmp_path).body_load
    np.testing.assert_array_equal(taken, loads[order])
