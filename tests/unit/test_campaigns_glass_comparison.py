"""The calibrated model beside the MD, on fields and curves that are known."""

import numpy as np
import pytest

from mdbridge.campaigns.glass import comparison

STRAINS = [0.1, 0.2, 0.3]


def bands(amplitudes, row=5):
    """Strain fields of a band, their mean γ/2."""
    y = 2 * np.pi * (np.arange(16) - row) / 16
    shape = np.repeat(np.cos(y)[:, None], 4, axis=1)
    return np.array([strain / 2 * (1 + a * shape) for strain, a in zip(STRAINS, amplitudes, strict=True)])


def test_held_out_frames_lie_between_those_that_were_fitted():
    assert comparison.held_out([2, 4, 8, 20]) == [1, 3, 6, 14]
    # neighbours leave none between them, and frame 0 has no strain
    assert comparison.held_out([1, 2, 3, 10]) == [6]


def test_every_correlation_has_its_p():
    correlations = comparison.fields(STRAINS, bands([1, 1, 1]), bands([0.5, -0.5, 0.0]))
    assert correlations["strain_field_correlation"]["0.1"] == pytest.approx(1.0)
    assert correlations["strain_field_correlation"]["0.2"] == pytest.approx(-1.0)
    assert correlations["strain_field_correlation"]["0.3"] is None
    assert correlations["strain_field_correlation_p"] == {"0.1": 1 / 16, "0.2": 1.0, "0.3": None}


def test_differences_are_relative_to_the_mean_strain_and_told_apart():
    """A band of amplitude a has the root mean square a/√2 of its mean."""
    differences = comparison.differences(STRAINS, bands([1, 1, 1]), bands([0.9, 0.6, 0.9]), [0.1, 0.3])
    assert differences["strain_difference_fitted"] == pytest.approx(0.1 / np.sqrt(2))
    assert differences["strain_difference_held_out"] == pytest.approx(0.4 / np.sqrt(2))
    assert differences["held_out_over_fitted"] == pytest.approx(4.0)
    # without any band one is off by the band
    assert differences["strain_difference_of_uniform_shear"] == pytest.approx(1.0 / np.sqrt(2))
    assert differences["held_out_strains"] == [0.2]
    alone = comparison.differences(STRAINS, bands([1, 1, 1]), bands([0.9, 0.6, 0.9]), STRAINS)
    assert alone["strain_difference_held_out"] is alone["held_out_over_fitted"] is None


def test_stresses_differ_by_what_they_differ_and_have_their_overshoots():
    gamma = np.linspace(0.01, 0.5, 50)
    flat = np.minimum(25 * gamma, 1.5)
    peaked = flat + 0.3 * np.exp(-(((gamma - 0.1) / 0.03) ** 2))
    stresses = comparison.stresses(gamma, {"md": peaked, "model": flat}, 1.5)
    assert stresses["mean_stress_difference_GPa"] == pytest.approx(np.mean(peaked - flat))
    assert stresses["mean_stress_difference_over_flow"] == pytest.approx(np.mean(peaked - flat) / 1.5)
    assert stresses["overshoot_md"] == pytest.approx(0.2, abs=0.02)
    assert stresses["overshoot_model"] == pytest.approx(0.0, abs=1e-9)
