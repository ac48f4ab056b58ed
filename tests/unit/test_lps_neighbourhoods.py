"""Neighbours within a horizon, their quadrature, and clouds that have none."""

import numpy as np
import pytest
from node_lattices import grid, middle

from mdbridge.core.errors import InputError
from mdbridge.lps import quadrature
from mdbridge.lps.neighbourhoods import neighbourhoods
from mdbridge.lps.quadrature import QUADRATURES


@pytest.mark.parametrize("quadrature", QUADRATURES)
@pytest.mark.parametrize("perturbation", [0.0, 1.0])
def test_strengths_of_some_neighbourhoods_are_those_among_all(quadrature, perturbation):
    points = grid(perturbation=perturbation)
    around = neighbourhoods(points, None, 15.0, middle(points, 24.0), quadrature)
    values = np.random.default_rng(0).standard_normal((len(around.radii), 2))
    some, bonds = around.of(middle(points, 12.0))
    # what the quadrature wants of K beside the bonds is the same for all of them
    theirs = np.concatenate([bonds, np.ones(len(around.places), dtype=bool)])
    np.testing.assert_allclose(some.strengths(values[theirs]), around.strengths(values)[bonds], atol=1e-12)
    (empty, none), whole = around.of(np.empty(0, dtype=int)), around.of(around.centres)[0]
    assert not none.any() and len(empty.centres) == 0
    np.testing.assert_array_equal(whole.strengths(values), around.strengths(values))


def test_weights_reproduce_their_moments_on_scattered_points():
    points = grid(perturbation=1.0)
    around = neighbourhoods(points, None, 15.0, middle(points), "published")
    r = np.hypot(*around.offsets.T)
    r[r == 0] = np.inf
    x, y = around.offsets.T
    for integrand, exact in (
        (x**2, np.pi * 15),
        (x * y, 0),
        (x**4, np.pi / 4 * 15**3),
        (x**2 * y**2, np.pi / 12 * 15**3),
        (x**5, 0),
        (y, 0),
    ):
        sums = np.add.reduceat(integrand / r**3 * around.weights, around.start[:-1])
        np.testing.assert_allclose(sums, exact, atol=1e-8 * 15 ** (2 if exact == 0 else 1))


@pytest.mark.parametrize("perturbation", [0.0, 1.0])
def test_weights_are_computed_once_per_stencil(monkeypatch, perturbation):
    points = grid(perturbation=perturbation)
    centres = middle(points, 24.0)
    calls = []
    weights = quadrature.weights
    monkeypatch.setattr(
        quadrature, "weights", lambda *given, **kind: calls.append(1) or weights(*given, **kind)
    )
    neighbourhoods(points, None, 15.0, centres, "published")
    assert len(calls) == (len(centres) if perturbation else 1)


def test_periodic_neighbourhoods_do_not_see_the_edge_of_the_box():
    box = np.array([55.0, 55.0])
    points = grid(11)
    around = neighbourhoods(points + 200, box, 15.0, np.arange(121))
    stencil = around.offsets.reshape(121, -1, 2)
    np.testing.assert_allclose(stencil, np.broadcast_to(stencil[60], stencil.shape), atol=1e-9)


@pytest.mark.parametrize("perturbation", [0.0, 1.0])
@pytest.mark.parametrize(("axis", "side"), [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)])
def test_a_family_cut_by_the_edge_is_refused(perturbation, axis, side):
    points = grid(perturbation=perturbation)
    along = side * points[:, axis]
    inside = points[(along > -50.1 + perturbation) & (along < 28)]
    with pytest.raises(InputError, match=r"\d+ points .* no full neighbourhood .* collar of 2δ = 30 Å"):
        neighbourhoods(inside, None, 15.0, middle(inside, 25.0))


def test_one_missing_node_of_a_grid_is_noticed():
    points = grid()
    points = points[~np.all(points == [25, 0], axis=1)]
    with pytest.raises(InputError, match="no full neighbourhood"):
        neighbourhoods(points, None, 15.0, middle(points, 26.0))


def test_unusable_points_are_refused():
    points = grid()
    centre = middle(points, 1.0)
    with pytest.raises(InputError, match="coincide"):
        neighbourhoods(np.concatenate([points, points[centre]]), None, 15.0, centre)
    with pytest.raises(InputError, match="too small for a horizon"):
        neighbourhoods(points, np.array([30.0, 105.0]), 15.0, centre)
    with pytest.raises(InputError, match="too few to integrate"):
        neighbourhoods(points, None, 7.0, centre)
