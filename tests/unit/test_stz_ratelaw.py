"""The rate law against its formulas, and what parameters are refused."""

import math

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.stz.ratelaw import Material, activation, decaying, effective_temperature

TARGET = {"s_y": 1.006, "c0": 0.55, "chi_inf": 0.132}


def test_rate_law_is_equation_32_with_33():
    material, s, chi = Material(**TARGET), 1.4, 0.1
    f = -2.0 + s + math.exp(-s) * (2.0 + s)
    per_second = 44.53 / 0.1e-12 * math.exp(-1.0 / chi) * (1.0 - 1.0 / s) * f
    computed = material.plastic_rate(np.array([s]), np.array([chi]), rate=1e8)[0]
    assert computed == pytest.approx(per_second / 1e8, rel=1e-13)


def test_no_flow_up_to_yield_and_a_finite_slope_beyond():
    material = Material(**TARGET)
    assert not np.any(material.plastic_rate(np.array([0.0, 0.3, 1.0]), np.full(3, 0.1), 1e8))
    assert activation(1.0)[0] == 0.0
    assert activation(1.0 + 1e-7)[0] == pytest.approx((3.0 / math.e - 1.0) * 1e-7, rel=1e-5)


@pytest.mark.parametrize("s", [1.01, 1.3, 2.0, 5.0])
def test_slope_is_the_derivative(s):
    h = 1e-6
    difference = (activation(s + h)[0] - activation(s - h)[0]) / (2 * h)
    assert activation(s)[1] == pytest.approx(difference, rel=1e-7)


def test_the_rate_of_the_compiled_kernels_is_that_of_the_formula():
    material, rate = Material(**TARGET), 1e8
    s, chi = np.meshgrid(np.linspace(1.0, 20.0, 57), np.geomspace(0.006, 2.0, 61))
    pairs = zip(s.flat, chi.flat, strict=True)
    computed = [material.attempt_rate(rate) * decaying(1.0 / x) * activation(v)[0] for v, x in pairs]
    assert computed == pytest.approx(material.plastic_rate(s, chi, rate).ravel(), rel=1e-11)


def test_the_exponential_is_right_to_round_off_and_ends_beyond_200():
    x = np.linspace(0.0, 200.0, 1001)
    assert [decaying(v) for v in x] == pytest.approx(np.exp(-x), rel=5e-13, abs=0.0)
    assert decaying(1e6) == decaying(200.0)


def test_moduli_are_those_of_one_isotropic_solid():
    material = Material(**TARGET, mu=20.0, bulk=66.23)
    dilation, uniaxial = np.eye(3), np.diag([1.0, 0.0, 0.0])

    def stress(strain):
        return material.lame_lambda * np.trace(strain) * np.eye(3) + 2.0 * material.mu * strain

    # pressure over the change of volume, and the modulus of a strain in one direction
    assert np.trace(stress(dilation)) / 3.0 / np.trace(dilation) == pytest.approx(66.23, rel=1e-12)
    assert stress(uniaxial)[0, 0] == pytest.approx(66.23 + 4.0 / 3.0 * 20.0, rel=1e-12)


def test_the_two_published_diffusions_differ_by_sqrt2_over_c0():
    paper, group = (Material(**TARGET, diffusion=name).diffusion_factor for name in ("paper", "group"))
    assert group == pytest.approx(25.59**2)
    assert paper / group == pytest.approx(math.sqrt(2.0) / 0.55)


@pytest.mark.parametrize("name", ["s_y", "c0", "chi_inf", "mu", "bulk", "eps0", "tau0", "l_chi", "e_z"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_parameter_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"{name} = "):
        Material(**(TARGET | {name: value}))


def test_an_unknown_diffusion_is_refused():
    with pytest.raises(InputError, match="diffusion = 'fick'"):
        Material(**TARGET, diffusion="fick")


def test_effective_temperature_is_affine_and_names_the_worst_cell():
    energy = np.array([[-3.36, -3.35], [-3.34, -3.365]])
    assert effective_temperature(energy, 8.0, -3.37) == pytest.approx(8.0 * (energy + 3.37))
    with pytest.raises(InputError, match=r"cell \(row 1, column 1\).*lower E0 below -3.365"):
        effective_temperature(energy, 8.0, -3.362)
    with pytest.raises(InputError, match="beta must be positive"):
        effective_temperature(energy, -8.0, -3.37)
