"""Rigid motions that given displacements leave."""

import bodies_for_tests as made
import numpy as np
import pytest

from mdbridge.lps import geometry
from mdbridge.lps.rigid import free_motions


def strained(body, mode):
    """The largest strain of a mode in any triangle."""
    corners, moved = body.points[body.triangles], mode[body.triangles]
    edges = corners - np.roll(corners, 1, axis=1)
    return np.abs((edges * (moved - np.roll(moved, 1, axis=1))).sum(axis=-1)).max()


def square(**held):
    body = geometry.fill([made.rectangle(0, 10, 0, 6)], (1.0, 1.0), 3.0)
    fixed = np.zeros((len(body.points), 2), dtype=bool)
    for nodes, components in held.values():
        fixed[nodes(body.points)] |= components
    return body, fixed


def left(x):
    return x[:, 0] < 1e-9


def corner(x):
    return np.hypot(*x.T) < 1e-9


@pytest.mark.parametrize(
    ("held", "count", "words"),
    [
        ({}, 3, "moves along"),
        ({"clamp": (left, [True, True])}, 0, ""),
        ({"roller": (left, [True, False])}, 1, r"moves along \(0, 1\)"),
        (
            {"pin": (corner, [True, True])},
            1,
            r"turns about \(0, 0\)",
        ),
        ({"roller": (left, [True, False]), "pin": (corner, [True, True])}, 0, ""),
    ],
)
def test_motions_that_supports_leave_free_are_counted_and_strain_nothing(held, count, words):
    import re

    body, fixed = square(**held)
    motions = free_motions(body, fixed)
    assert len(motions) == count
    for motion in motions:
        assert strained(body, motion.mode) < 1e-12
        np.testing.assert_allclose(motion.mode[fixed], 0, atol=1e-9)
    if words:
        assert any(re.search(words, motion.description) for motion in motions)


def test_a_body_beside_a_clamped_one_is_told_by_its_place():
    body = geometry.fill([made.rectangle(0, 10, 0, 6), made.rectangle(12, 20, 0, 6)], (1.0, 1.0), 3.0)
    fixed = np.repeat(left(body.points)[:, None], 2, axis=1)
    motions = free_motions(body, fixed)
    assert len(motions) == 3
    assert all("the part at x = 12 … 20" in motion.description for motion in motions)
    assert all(np.abs(motion.mode[body.points[:, 0] < 11]).max() < 1e-9 for motion in motions)


def test_parts_that_share_a_node_alone_hinge_there():
    nodes = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
    body = geometry.join(np.unique(np.vstack([nodes, nodes + 4]), axis=0), 3.0)
    # the triangles beside the shared corner are no part of it
    fixed = np.repeat(left(body.points)[:, None], 2, axis=1)
    keep = ~((body.points[body.triangles] - 4).min(axis=(1, 2)) < -0.1) | ~(
        (body.points[body.triangles] - 4).max(axis=(1, 2)) > 0.1
    )
    triangles = body.triangles[keep]
    facets = geometry._open_edges(triangles)
    hinged = geometry.replace(
        body, triangles=triangles, facets=facets, facet_kind=np.full(len(facets), "outline")
    )
    motions = free_motions(hinged, fixed)
    assert len(motions) == 1
    assert "turns about (4, 4)" in motions[0].description
    assert strained(hinged, motions[0].mode) < 1e-10
