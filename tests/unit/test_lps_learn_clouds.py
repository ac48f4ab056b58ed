"""Points without a symbol: where families are whole, and L and its inverse there."""

from dataclasses import replace

import numpy as np
import pytest
from own_data import LAM, MU, grid, waves

from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.learn import clouds
from mdbridge.lps.material import LinearPeridynamicSolid

HORIZON = 3.3
MATERIAL = LinearPeridynamicSolid(
    BSpline(HORIZON, np.array([1.0, 0.7, 0.2, 0.1])), LAM, MU, quadrature="consistent"
)


def fields(size=0.2, box=True, shape=(15, 14)):
    nodes = grid(shape, (1.0, 1.0))
    nodes = nodes + size * np.random.default_rng(0).uniform(-1, 1, nodes.shape)
    u, b = waves(nodes, np.array(shape, dtype=float), samples=2)
    names, load = ["0", "1"], np.zeros((2, 0))
    return FieldSet(nodes, u, b, load, [], names, np.array(shape, float), np.ones(2), None, size > 0, box)


def test_in_a_box_all_points_are_interior_and_translations_cost_nothing():
    cloud = clouds.cloud_of(fields(), HORIZON)
    assert cloud.everywhere and len(cloud.interior) == 15 * 14 and cloud.inside.all()
    matrix = cloud.matrix(MATERIAL)
    assert abs(matrix @ np.tile([1.0, -2.0], 15 * 14)).max() < 1e-12
    # the inverse is that of the equation but for a constant force, without a mean
    force = np.random.default_rng(1).standard_normal((2 * 15 * 14, 3))
    u = cloud.inverse(matrix)(force)
    assert abs(u.reshape(-1, 2, 3).mean(axis=0)).max() < 1e-12
    left = (matrix @ u - force).reshape(-1, 2, 3)
    np.testing.assert_allclose(left, np.broadcast_to(left[0], left.shape), atol=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_nodes_may_be_numbers_of_any_kind(kind):
    exact = fields(size=0.0, box=False)
    cloud = clouds.cloud_of(replace(exact, nodes=exact.nodes.astype(kind)), HORIZON)
    np.testing.assert_array_equal(cloud.interior, clouds.cloud_of(exact, HORIZON).interior)


def test_a_model_of_another_quadrature_is_refused_on_these_bonds():
    """Its moduli would be those of other weights: a wrong number, and a silent one."""
    other = replace(MATERIAL, quadrature="published")
    with pytest.raises(ValueError, match="'published' on bonds with 'consistent'"):
        clouds.cloud_of(fields(), HORIZON).matrix(other)


@pytest.mark.parametrize("size", [0.0, 0.2])
def test_with_edges_families_are_whole_two_horizons_inside(size):
    given = fields(size, box=False)
    cloud = clouds.cloud_of(given, HORIZON)
    # as far as points reach, and half a spacing for what is moved
    depth = np.minimum(given.nodes, given.nodes.max(axis=0) - given.nodes).min(axis=1)
    assert not cloud.everywhere
    chosen = np.zeros(len(given.nodes), dtype=bool)
    chosen[cloud.interior] = True
    reach = np.floor(HORIZON) if size == 0 else HORIZON
    assert depth[chosen].min() >= 2 * reach - 2 * 1.5 * (size > 0) and chosen.any()
    matrix = cloud.matrix(MATERIAL)
    force = np.random.default_rng(1).standard_normal((2 * len(cloud.interior), 2))
    u = cloud.inverse(matrix)(force)
    np.testing.assert_allclose(matrix[:, cloud.inside] @ u, force, atol=1e-10)


def test_the_same_points_are_looked_at_once():
    given = fields()
    assert clouds.cloud_of(given, HORIZON) is clouds.cloud_of(replace(given, u=2 * given.u), HORIZON)


def test_points_without_a_whole_family_are_refused():
    with pytest.raises(InputError, match=r"no node has a whole family within the horizon of 3.3"):
        clouds.cloud_of(fields(box=False, shape=(8, 8)), HORIZON)
