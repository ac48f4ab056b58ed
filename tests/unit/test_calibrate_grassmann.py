"""Grassmann distances: hand-computed cases, invariances, ranks, small angles."""

import numpy as np
import pytest
from scipy.linalg import expm

from mdbridge.calibrate import grassmann

E = np.eye(6)


def plane(angle):
    """The span of e0 and of e1 turned towards e2."""
    return np.stack([E[0], np.cos(angle) * E[1] + np.sin(angle) * E[2]], axis=1)


def random_span(seed, n=9, p=3):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, p)))[0]


@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-5, 0.3, np.pi / 4, 1.2, np.pi / 2])
def test_angles_by_hand_down_to_roundoff(angle):
    assert grassmann.principal_angles(plane(0.0), plane(angle))[1] == pytest.approx(
        angle, rel=1e-4, abs=1e-15
    )
    assert grassmann.distance(plane(0.0), plane(angle)) == pytest.approx(angle, rel=1e-4)


def test_several_angles_are_sorted_and_their_squares_added():
    angles = np.array([1e-7, 0.2, 1.1])
    b = np.cos(angles) * E[:, :3] + np.sin(angles) * E[:, 3:]
    assert grassmann.principal_angles(E[:, :3], b) == pytest.approx(angles, rel=1e-8)
    assert grassmann.distance(E[:, :3], b) == pytest.approx(np.sqrt((angles**2).sum()))


def test_neither_basis_nor_scale_matters_and_the_distance_is_symmetric():
    a, b = random_span(1), random_span(2)
    turned = b @ expm(np.array([[0, 1, 2], [-1, 0, 3], [-2, -3, 0]]) / 3)
    assert grassmann.distance(a, turned) == pytest.approx(grassmann.distance(a, b), rel=1e-12)
    assert grassmann.distance(b, a) == pytest.approx(grassmann.distance(a, b), rel=1e-12)
    field, other = np.random.default_rng(3).standard_normal((2, 8, 5))
    base = grassmann.field_distance(field, other, 2, 1e-3)
    assert grassmann.field_distance(-7.0 * field, other, 2, 1e-3) == pytest.approx(base, rel=1e-12)
    assert grassmann.field_distance(field, 3.0 * field, "larger", 1e-3) < 1e-12


def test_each_missing_dimension_is_a_right_angle():
    line, whole = E[:, :1], E[:, :3]
    assert grassmann.distance(line, whole) == pytest.approx(np.sqrt(2) * np.pi / 2)
    assert grassmann.distance(whole, line) == pytest.approx(np.sqrt(2) * np.pi / 2)


def test_each_rule_for_the_rank_has_its_distance():
    a = np.diag([3.0, 2.0, 0.0, 0.0])
    b = np.diag([3.0, 0.0, 1e-6, 0.0])
    assert grassmann.field_distance(a, b, "reference", 1e-3) == pytest.approx(0.0, abs=1e-12)
    assert grassmann.field_distance(a, b, "larger", 1e-3) == pytest.approx(np.pi / 2)
    assert grassmann.field_distance(a, b, "infinite", 1e-3) == pytest.approx(np.pi / 2)
    assert grassmann.field_distance(a, b, 1, 1e-3) == pytest.approx(0.0, abs=1e-12)
    assert grassmann.field_distance(a, b, "infinite", 1e-9) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("field", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.ones(3)])
def test_a_field_without_a_span_is_refused(field):
    with pytest.raises(ValueError, match="finite matrix"):
        grassmann.basis(field)


def test_the_logarithm_has_the_distance_as_its_norm_and_leads_to_the_other_span():
    at, u = random_span(1), random_span(2)
    tangent = grassmann.logarithm(at, u)
    assert np.linalg.norm(tangent) == pytest.approx(grassmann.distance(at, u), rel=1e-12)
    assert at.T @ tangent == pytest.approx(np.zeros((3, 3)), abs=1e-12)
    w, angles, vt = np.linalg.svd(tangent, full_matrices=False)
    end = (at @ vt.T * np.cos(angles) + w * np.sin(angles)) @ vt
    assert grassmann.distance(end, u) < 1e-10
    turned = u @ np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))[0]
    assert grassmann.logarithm(at, turned) == pytest.approx(tangent, abs=1e-12)
    assert np.linalg.norm(grassmann.logarithm(plane(0.0), plane(1e-9))) == pytest.approx(1e-9, rel=1e-6)


def test_vectors_of_round_off_are_not_compared():
    """The same field, scaled, is no distance away, whatever rank is asked for."""
    random = np.random.default_rng(8)
    line = np.outer(random.standard_normal(8), random.standard_normal(30))
    for rule in (1, 2, 5, "larger", "reference", "infinite"):
        assert grassmann.field_distance(1.1 * line, line, rule, 1e-3) < 1e-12
    assert grassmann.exact_rank(np.linalg.svd(line)[1], 8, 30) == 1
    # a direction that one of them has and the other lacks is at a right angle, as by eq. 8
    plane_too = line + np.outer(random.standard_normal(8), random.standard_normal(30))
    angle = grassmann.field_distance(line, plane_too, 1, 1e-3)
    whole = grassmann.field_distance(line, plane_too, 2, 1e-3)
    assert whole == pytest.approx(
        np.hypot(
            np.pi / 2,
            grassmann.principal_angles(grassmann.basis(line)[0][:, :1], grassmann.basis(plane_too)[0][:, :2])[
                0
            ],
        )
    )
    assert whole > angle


def test_a_span_of_too_low_a_rank_is_completed_at_right_angles():
    at, line = random_span(1, 9, 3), random_span(2, 9, 1)
    whole = grassmann.completed(line, at)
    assert whole.T @ whole == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.norm(grassmann.logarithm(at, whole)) == pytest.approx(grassmann.distance(line, at))
    assert grassmann.completed(at, at) is at
    # a line within the plane, in space: the one direction that is left is enough
    plane = np.eye(3)[:, :2]
    np.testing.assert_allclose(
        np.abs(grassmann.completed(plane[:, :1], plane)), np.eye(3)[:, [0, 2]], atol=1e-12
    )
    with pytest.raises(ValueError, match="its rank is 1, that of the reference 3"):
        grassmann.completed(random_span(2, 4, 1), random_span(1, 4, 3))
