"""Meshes of bodies: areas, boundaries and the refusals of what cannot be meshed."""

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import elements, geometry

BODIES = {
    "plate": made.plate_with_hole,
    "plate on a rectangular lattice": lambda: made.plate_with_hole(spacing=(1.0, 1.2)),
    "plate of no whole spacings": lambda: made.plate_with_hole(half=22.37),
    "L": made.l_shape,
    "far from the origin": lambda: geometry.fill(
        [geometry.Loop(np.array([[0.0, 0], [40, 6], [14, 30]]) + 1e5)], (1.0, 1.0), 5.0
    ),
    "two bodies": lambda: geometry.fill(
        [made.rectangle(0, 10, 0, 10), made.rectangle(10.4, 20, 0, 10)], (1.0, 1.0), 5.0
    ),
    "given nodes": lambda: made.scattered(20),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_mesh_fills_its_boundary_exactly(name):
    body = BODIES[name]()
    start, end = body.points[body.facets[:, 0]], body.points[body.facets[:, 1]]
    middle = body.points.mean(axis=0)
    a, b = start - middle, end - middle
    enclosed = (
        a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    ).sum() / 2  # Green: the body on the left of its boundary
    assert elements.areas(body).sum() == pytest.approx(enclosed, rel=1e-11)
    assert elements.triangle_areas(body).min() > 0
    normal = np.stack([(end - start)[:, 1], -(end - start)[:, 0]], axis=1)
    np.testing.assert_allclose(normal.sum(axis=0), 0, atol=1e-8)


@pytest.mark.parametrize("name", BODIES)
def test_every_edge_inside_belongs_to_two_elements(name):
    body = BODIES[name]()
    edges = [np.stack([n, np.roll(n, -1, axis=1)], -1).reshape(-1, 2) for n in (body.triangles, body.quads)]
    unique, count = np.unique(np.sort(np.concatenate(edges), axis=1), axis=0, return_counts=True)
    assert count.max() == 2
    single = {tuple(edge) for edge in unique[count == 1]}
    assert single == {tuple(edge) for edge in np.sort(body.facets, axis=1)}


def test_parts_and_kinds_of_boundary():
    assert BODIES["two bodies"]().parts.max() == 1
    plate = made.plate_with_hole()
    hole = plate.facets[plate.facet_kind == geometry.HOLE]
    np.testing.assert_allclose(np.hypot(*(plate.points[hole.ravel()] - [0.3, 0.1]).T), 5.0, rtol=1e-12)
    assert plate.depth[np.unique(plate.facets)].max() == 0


def test_given_nodes_on_a_lattice_are_known_as_such():
    nodes = np.stack(np.meshgrid(np.arange(12) * 4.933, np.arange(9) * 5.04), -1).reshape(-1, 2) + 0.1
    keep = np.hypot(*(nodes - [27, 20]).T) > 8  # a hole of nodes that are missing
    order = np.random.default_rng(0).permutation(int(keep.sum()))
    given = nodes[keep][order]
    body = geometry.join(given, 12.0)
    np.testing.assert_allclose(body.lattice.spacing, [4.933, 5.04], rtol=1e-12)
    np.testing.assert_array_equal(body.points, given[body.order])
    assert (body.facet_kind == geometry.HOLE).sum() > 4
    assert made.scattered(12).lattice is None


@pytest.mark.parametrize("name", ["triangular", "body-centred", "two grids"])
def test_nodes_that_leave_half_of_a_lattice_empty_are_scattered(name):
    assert geometry.join(made.sparse_lattices()[name], 9.0).lattice is None


def test_the_places_beside_a_vacancy_count_as_a_boundary():
    nodes = made.sparse_lattices()["vacancy"]
    body = geometry.join(nodes, 40.0)
    np.testing.assert_allclose(body.lattice.spacing, 1.0)
    rim = ((body.points == 0) | (body.points == 29)).any(axis=1)
    away = np.hypot(*(body.points - [15, 14]).T)
    np.testing.assert_array_equal(body.depth == 0, rim | (away < 1.1))


def test_a_corner_may_be_written_twice():
    square = made.rectangle(0, 6, 0, 4)
    closed = geometry.Loop(np.concatenate([square.corners, square.corners[:1]]))
    np.testing.assert_array_equal(
        geometry.fill([closed], (1.0, 1.0), 3.0).points, geometry.fill([square], (1.0, 1.0), 3.0).points
    )


def test_a_hole_smaller_than_the_spacing_is_there():
    hole = geometry.disc((5.2, 5.4), 0.3, 1.0, geometry.HOLE)
    body = geometry.fill([made.rectangle(0, 10, 0, 10), hole], (1.0, 1.0), 3.0)
    assert elements.areas(body).sum() == pytest.approx(100 - hole.area, rel=1e-12)


@pytest.mark.parametrize(
    "second",
    [made.rectangle(2, 5, 2, 5), made.rectangle(8.3, 12.2, 2.2, 5.3, geometry.HOLE)],
    ids=["an outline within another", "a hole across the outline"],
)
def test_loops_in_the_wrong_places_are_refused(second):
    with pytest.raises(InputError, match="the outline and the holes bound"):
        geometry.fill([made.rectangle(0, 10, 0, 10), second], (1.0, 1.0), 3.0)


def test_inside_counts_corners_once():
    square = made.rectangle(0, 2, 0, 2)
    points = np.array([[1.0, 1.0], [-1.0, 0.0], [-1.0, 2.0], [3.0, 1.0], [-1, 1]])
    np.testing.assert_array_equal(geometry.inside(points, [square]), [True, False, False, False, False])


GRID = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: geometry.join(np.vstack([GRID, [[50, 50]]]), 3),
            r"1 isolated nodes, the first node 64 at \(50, 50\)",
        ),
        (lambda: geometry.join(np.vstack([GRID, GRID[:1]]), 3), r"nodes 0 and 64 coincide at \(0, 0\)"),
        (
            lambda: geometry.fill(
                [made.rectangle(0, 9, 0, 9), geometry.disc((0.2, 5.3), 2.1, 1, "hole")], (1, 1), 5
            ),
            "cross or touch each other",
        ),
        (
            lambda: geometry.fill([made.rectangle(0, 9, 0, 9), made.rectangle(9, 12, 0, 9)], (1, 1), 5),
            r"touch at \(9, 0\)",
        ),
        (lambda: geometry.fill([geometry.Loop(np.array([[0, 0], [9, 9], [5.0, 5]]))], (1, 1), 5), "no area"),
    ],
)
def test_what_is_no_body_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("name", BODIES)
def test_every_node_is_numbered_by_the_place_of_its_lattice_that_is_next(name):
    body = BODIES[name]()
    lattice = body.lattice
    if lattice is None:
        assert name == "given nodes"
        return
    away = np.abs(body.points - lattice.origin - lattice.index * lattice.spacing) / lattice.spacing
    assert away.max() <= 0.5 + 1e-6
    assert away[lattice.on].max() < 1e-6
    assert len(np.unique(lattice.index[lattice.on], axis=0)) == lattice.on.sum()
