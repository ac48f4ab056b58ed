"""Influence functions and the material they belong to."""

import json

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.lps import moduli, stability, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.convolution import Convolution
from mdbridge.lps.material import LinearPeridynamicSolid, combined, combined_slopes

COEFFICIENTS = np.array([1.5, -0.4, 0.0, 2.0])
SPLINE = BSpline(15.0, np.array([1.0, -0.3, 2.0, 0.4, 1.1]))
SOLID = LinearPeridynamicSolid(Bernstein(15.0, COEFFICIENTS, (1.2,)), -0.197, 0.722)


@pytest.mark.parametrize(("young", "poisson"), [(0.91, -0.43), (1.216, -0.158), (2.0, 0.3)])
def test_young_and_poisson_are_those_of_plane_stress(young, poisson):
    """Plane stress: λ = E ν/(1 − ν²), μ = E/(2 (1 + ν))."""
    solid = LinearPeridynamicSolid(
        SOLID.influence, young * poisson / (1 - poisson**2), young / (2 * (1 + poisson))
    )
    assert solid.young == pytest.approx(young)
    assert solid.poisson == pytest.approx(poisson)


def test_dictionary_round_trip():
    data = SOLID.as_dict()
    again = LinearPeridynamicSolid.from_dict(data, "model.json")
    assert again.as_dict() == data
    np.testing.assert_array_equal(again.influence.coefficients, COEFFICIENTS)
    assert (data["M"], data["E_TPa"], data["nu"]) == (3, SOLID.young, SOLID.poisson)


@pytest.mark.parametrize(
    "broken", [{"alpha": None}, {"D": ["a"]}, {"D": None, "delta_A": "x"}, {"lambda_TPa": [1, 2]}]
)
def test_a_broken_model_names_its_source(broken):
    with pytest.raises(InputError, match=r"model\.json: not a model of mdbridge"):
        LinearPeridynamicSolid.from_dict(SOLID.as_dict() | broken, "model.json")


@pytest.mark.parametrize("key", ["lambda_TPa", "mu_TPa", "alpha", "D", "delta_A"])
def test_a_model_with_a_missing_key_is_refused(key):
    data = SOLID.as_dict()
    del data[key]
    with pytest.raises(InputError, match=key):
        LinearPeridynamicSolid.from_dict(data, "model.json")


def test_a_model_with_its_own_dilatation_survives_its_dictionary():
    deviatoric = Bernstein(10.0, np.array([1.0, -2.0, 3.0]), (0.7,))
    dilatation = Bernstein(10.0, np.array([2.0, 1.0]), (-0.3,))
    model = LinearPeridynamicSolid(deviatoric, -0.2, 0.7, dilatation)
    again = LinearPeridynamicSolid.from_dict(model.as_dict(), "here")
    assert again.as_dict() == model.as_dict()
    assert again.dilatation_influence(5.0) == dilatation(5.0)
    assert LinearPeridynamicSolid(deviatoric, -0.2, 0.7).dilatation_influence is deviatoric


@pytest.mark.parametrize("dilatation", [None, SPLINE, SOLID.influence])
def test_a_model_of_any_family_survives_its_file(dilatation):
    model = LinearPeridynamicSolid(SPLINE, -0.2, 0.7, dilatation)
    data = json.loads(json.dumps(model.as_dict()))
    assert data["kernel"] == "b-spline"
    assert "alpha" not in data
    again = LinearPeridynamicSolid.from_dict(data, "here")
    assert again.as_dict() == model.as_dict()
    assert type(again.dilatation_influence) is type(model.dilatation_influence)
    r = np.linspace(0.5, 15.0, 9)
    np.testing.assert_array_equal(again.influence(r), model.influence(r))
    np.testing.assert_allclose(again.dilatation_influence(r), model.dilatation_influence(r), rtol=1e-14)


def test_a_model_of_an_earlier_release_names_no_family_and_is_of_bernstein_polynomials():
    data = SOLID.as_dict() | {"dilatation_alpha": -0.3, "dilatation_D": [1.0, 2.0]}
    assert data.pop("kernel") == "bernstein"
    again = LinearPeridynamicSolid.from_dict(data, "old.json")
    assert again.influence.as_dict() == SOLID.influence.as_dict()
    assert again.own_dilatation.as_dict() == {"kernel": "bernstein", "alpha": -0.3, "D": [1.0, 2.0]}


def test_the_quadrature_belongs_to_the_model():
    model = LinearPeridynamicSolid(SPLINE, -0.2, 0.7, quadrature="isotropic")
    data = json.loads(json.dumps(model.as_dict()))
    assert LinearPeridynamicSolid.from_dict(data, "here").quadrature == "isotropic"
    del data["quadrature"]
    assert LinearPeridynamicSolid.from_dict(data, "here").quadrature == "published"
    with pytest.raises(InputError, match=r"here: .*quadrature = 'simpson': must be one of 'published'"):
        LinearPeridynamicSolid.from_dict(data | {"quadrature": "simpson"}, "here")
    with pytest.raises(ValueError, match="quadrature = 'simpson'"):
        LinearPeridynamicSolid(SPLINE, -0.2, 0.7, quadrature="simpson")


@pytest.mark.parametrize("key", ["kernel", "dilatation_kernel"])
def test_a_model_of_an_unknown_family_is_refused(key):
    data = LinearPeridynamicSolid(SPLINE, -0.2, 0.7, SPLINE).as_dict()
    with pytest.raises(InputError, match=r"model\.json: .*kernel = 'wavelets': must be one of 'bernstein'"):
        LinearPeridynamicSolid.from_dict(data | {key: "wavelets"}, "model.json")


def test_the_moduli_combine_as_in_the_operator():
    random = np.random.default_rng(0)
    volumetric, deviatoric = random.standard_normal((2, 4, 4))

    def of_bulk(bulk, mu):
        return combined(bulk - mu, mu, volumetric, deviatoric)

    # [You2022, eq. 3.4]: (λ − μ) times the dilatation's part, μ times the deviatoric one
    np.testing.assert_allclose(
        combined(-0.2, 0.7, volumetric, deviatoric), -0.9 * volumetric + 0.7 * deviatoric
    )
    slopes = combined_slopes(volumetric, deviatoric)
    step = 1e-5
    for slope, (b, m) in zip(slopes, [(step, 0.0), (0.0, step)], strict=True):
        expected = (of_bulk(0.5 + b, 0.7 + m) - of_bulk(0.5 - b, 0.7 - m)) / (2 * step)
        np.testing.assert_allclose(slope, expected, rtol=1e-8)


@pytest.mark.parametrize(
    "use",
    [
        moduli.of_grid,
        stability.certify_material,
        stability.require_positive,
        lambda solid, grid: Convolution(solid, grid, (8, 8)),
        lambda solid, grid: symbol.operator(solid, symbol.rings(grid, np.array([[0.1, 0.2]]))),
    ],
)
@pytest.mark.parametrize(("own", "other"), [("published", "isotropic"), ("isotropic", "published")])
def test_a_material_is_refused_on_the_bonds_of_another_quadrature(use, own, other):
    solid = LinearPeridynamicSolid(Bernstein(15.0, np.ones(2), (1.0,)), -0.2, 0.7, quadrature=own)
    with pytest.raises(ValueError, match=f"quadrature = '{own}' on bonds with '{other}'"):
        use(solid, stencil.uniform((5.0, 5.0), 15.0, other))
