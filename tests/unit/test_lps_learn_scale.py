"""A fit knows neither the units nor the size of what it is given."""

from dataclasses import replace

import numpy as np
import pytest
from own_data import LAM, MU, periodic

from mdbridge.fields.fieldset import FieldSet
from mdbridge.lps import fieldsets
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn.residuals import FitSettings
from mdbridge.lps.learn.scale import Scale
from mdbridge.lps.material import LinearPeridynamicSolid
from mdbridge.lps.stability import PairCertificate


def fields(length=1.0, modulus=1.0, amplitude=1.0):
    arrays = periodic((14, 12), (5.0, 5.5), samples=6)
    u, b = arrays["u"] * length * amplitude, arrays["b"] * modulus / length * amplitude
    nodes, box, spacing = arrays["nodes"] * length, arrays["box"] * length, np.array([5.0, 5.5]) * length
    return FieldSet(nodes, u, b, np.zeros((6, 0)), [], [f"{n}" for n in range(6)], box, spacing, (14, 12))


def learned(length=1.0, modulus=1.0, amplitude=1.0):
    given = fields(length, modulus, amplitude)
    return fieldsets.learn(given, 16.5 * length, 8, settings=FitSettings(starts=2))


@pytest.fixture(scope="module")
def reference():
    return learned()


@pytest.mark.parametrize(
    ("length", "modulus", "amplitude"),
    [
        (1e10, 1.0, 1.0),  # metres for Å
        (0.1, 5e-5, 1.0),  # a rubber of 50 MPa, in nm
        (1.0, 1e6, 1e-9),
        (3e7, 1e-9, 1e150),
    ],
)
def test_the_same_solid_in_other_units_is_the_same_model(reference, length, modulus, amplitude):
    fit, known = learned(length, modulus, amplitude).material, reference.material
    assert fit.lame_mu / modulus == pytest.approx(known.lame_mu, rel=1e-6)
    assert fit.lame_lambda / modulus == pytest.approx(known.lame_lambda, rel=1e-6)
    assert fit.influence.horizon == pytest.approx(known.influence.horizon * length)
    r = np.array([5.0, 9.0, 14.0])
    shapes = [
        model.influence(s * r) / model.influence(np.array([s * 7.0]))
        for model, s in ((fit, length), (known, 1.0))
    ]
    np.testing.assert_allclose(*shapes, rtol=1e-4)


def test_the_classical_moduli_come_out(reference):
    assert reference.material.lame_mu == pytest.approx(MU, rel=1e-2)
    assert reference.material.lame_lambda == pytest.approx(LAM, rel=4e-2)


def test_a_model_comes_back_as_it_was():
    own = Bernstein(9.0, np.array([1.0, 2.0]), (0.5,))
    material = LinearPeridynamicSolid(replace(own, shape=(1.5,)), 0.3, 0.4, own)
    scale = Scale(7.0, 1e-3)
    there = scale.reduced(material)
    assert there.influence.horizon == pytest.approx(9.0 / 7.0)
    assert there.lame_mu == pytest.approx(400.0)
    back, was = scale.enlarged(there), material
    assert (back.lame_lambda, back.lame_mu) == pytest.approx((was.lame_lambda, was.lame_mu), rel=1e-12)
    assert back.influence.horizon == pytest.approx(9.0) and back.influence.shape == was.influence.shape
    assert back.own_dilatation.coefficients.tolist() == own.coefficients.tolist()


def test_the_scale_of_atoms_is_left_as_it_is():
    """Which minimum a start leads to hangs on the last digits: graphene's own model must not change."""
    coarse, fine = fields(), fields(length=0.5)
    assert Scale.of([coarse], 0.7221) == Scale.of([fine], 0.4) == Scale(1.0, 1.0)
    assert Scale.of([coarse], 5e-5) == Scale(1.0, pytest.approx(5e-5 / 0.7))
    assert Scale.of([fields(length=0.01)], 0.7).length == pytest.approx(0.01 * np.sqrt(1.1))


def test_a_certificate_is_told_in_angstrom_and_TPa():
    told = Scale(2.0, 1e-3).certificate(PairCertificate((5.0, 6.0), 0.4, 0.3))
    assert told == PairCertificate((10.0, 12.0), 0.4, pytest.approx(3e-4))


def test_a_sample_at_rest_stays_so_and_others_have_the_size_one():
    given = fields(amplitude=1e-3)
    given.u[2], given.b[2] = 0.0, 0.0
    scaled = Scale(2.0, 3.0).fields(given)
    sizes = np.abs(scaled.u).max(axis=(1, 2))
    np.testing.assert_allclose(sizes, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    assert not scaled.b[2].any() and np.isfinite(scaled.b).all()
    before = np.abs(given.b[0]).max() / np.abs(given.u[0]).max()
    assert np.abs(scaled.b[0]).max() == pytest.approx(before * 2.0**2 / 3.0)


def test_samples_of_points_are_as_large_as_they_are_deformed():
    points = replace(fields(), shape=None)
    turn = np.stack([-points.nodes[:, 1], points.nodes[:, 0]], axis=1)
    scaled, turned = (
        Scale(1.0, 1.0).fields(each) for each in (points, replace(points, u=points.u + 7.0 * turn))
    )
    assert np.abs(turned.u).max() == pytest.approx(1.0)
    np.testing.assert_allclose(turned.b, scaled.b, rtol=1e-9)
