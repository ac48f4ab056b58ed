"""The vector that a fit moves: its layout, bounds, and coefficients that nothing determines."""

import numpy as np
import pytest

from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.learn.parameters import Layout, settled
from mdbridge.lps.material import LinearPeridynamicSolid

D = np.array([1.0, -0.5, 1.5])
ONE, TWO = (Layout(Bernstein, 15.0, 2, own) for own in (False, True))
SPLINES = Layout(BSpline, 15.0, 2, True)
FELT = np.ones((4, 3))


def test_each_influence_function_has_its_place_among_the_parameters():
    assert [layout.size for layout in (ONE, TWO, SPLINES)] == [6, 10, 8]
    assert ONE.functions == [slice(2, 6)] == [ONE.volumetric]
    assert TWO.functions == [slice(2, 6), slice(6, 10)]
    assert SPLINES.functions == [slice(2, 5), slice(5, 8)]
    assert TWO.coefficients(TWO.volumetric) == slice(7, 10)


@pytest.mark.parametrize("layout", [ONE, TWO, SPLINES])
def test_a_material_comes_back_from_its_parameters(layout):
    p = layout.start(np.random.default_rng(0))
    material = layout.material(p, FELT)
    assert material.lame_mu == p[1]
    assert material.lame_lambda + material.lame_mu == pytest.approx(p[0])
    assert (material.own_dilatation is None) == (layout is ONE)
    assert material.influence.degree == 2
    again = layout.material(layout.parameters(material), FELT)
    r = np.array([1.0, 5.0, 15.0])
    for influence, restored in (
        (material.influence, again.influence),
        (material.dilatation_influence, again.dilatation_influence),
    ):
        np.testing.assert_allclose(influence(r) / influence(5.0), restored(r) / restored(5.0), rtol=1e-12)


def test_a_model_keeps_the_quadrature_of_its_fit():
    layout = Layout(BSpline, 15.0, 2, quadrature="isotropic")
    assert layout.material(layout.start(np.random.default_rng(0)), FELT).quadrature == "isotropic"


def test_a_single_function_can_start_a_fit_of_two():
    p = TWO.parameters(LinearPeridynamicSolid(Bernstein(15.0, D, (1.0,)), -0.2, 0.7))
    np.testing.assert_array_equal(p[TWO.deviatoric], p[TWO.volumetric])
    assert np.abs(p[3:6]).mean() == pytest.approx(1.0)


@pytest.mark.parametrize("influence", [BSpline(15.0, D), Bernstein(15.0, np.ones(5), (1.0,))])
def test_a_start_of_another_kind_is_refused(influence):
    with pytest.raises(ValueError, match=r"a start of .* for a fit of Bernstein, M = 2"):
        ONE.parameters(LinearPeridynamicSolid(influence, -0.2, 0.7))


def test_exponents_and_moduli_have_bounds_and_coefficients_where_asked():
    lower, upper = TWO.bounds()
    np.testing.assert_array_equal(lower[[2, 6]], -2.0)
    np.testing.assert_array_equal(upper[[2, 6]], 2.999)
    assert (lower[:2] > 0).all()
    assert np.isinf([lower[3:6], upper[3:6], lower[7:], upper[7:]]).all()
    lower, _ = TWO.bounds(positive=True)
    np.testing.assert_array_equal(lower[[3, 4, 5, 7, 8, 9]], 0.0)
    assert np.isinf(SPLINES.bounds()[0][2:]).all()


def test_a_shape_parameter_is_held():
    start, bounds = TWO.start(np.random.default_rng(0)), TWO.bounds()
    TWO.fix(start, bounds, {"alpha": 0.7})
    np.testing.assert_array_equal(start[[2, 6]], 0.7)
    np.testing.assert_allclose([bounds[0][[2, 6]], bounds[1][[2, 6]]], 0.7)
    # a start on a bound is none to scipy
    assert (bounds[0] < start)[[2, 6]].all() and (start < bounds[1])[[2, 6]].all()
    with pytest.raises(ValueError, match="cubic B-splines have no shape parameter 'alpha'"):
        SPLINES.fix(start, bounds, {"alpha": 0.7})


def test_slopes_are_put_where_their_parameters_are():
    padded = TWO.padded(np.ones((3, 4)), TWO.volumetric)
    np.testing.assert_array_equal(padded, [[0] * 6 + [1] * 4] * 3)


def test_what_no_bond_feels_lies_between_its_neighbours():
    """Bonds beyond 4.9 Å see nothing of the first splines of a horizon of 28.5 Å, and K keeps its values."""
    radii = np.linspace(4.9, 28.5, 40)
    d = np.random.default_rng(0).uniform(-1, 1, 25)
    slopes = BSpline.curve(radii, 28.5, 24)(d)[1]
    coefficients = settled(d, slopes)
    np.testing.assert_array_equal(coefficients[:3], coefficients[3])
    np.testing.assert_array_equal(coefficients[3:], d[3:])
    np.testing.assert_array_equal(BSpline(28.5, coefficients)(radii), BSpline(28.5, d)(radii))
    gap = np.array([[1.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(settled(np.array([1.0, 9.0, -9.0, 4.0]), gap), [1.0, 2.0, 3.0, 4.0])
