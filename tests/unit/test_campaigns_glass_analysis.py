"""What is read off a stress–strain curve, on curves that are known."""

import numpy as np
import pytest
from glass_files import stored
from scipy import stats

from mdbridge.campaigns.glass.analysis import (
    FLOW,
    Curve,
    _independent,
    _localisation,
    at_centres,
    summarise,
)


def curve(noise=0.0, seed=0):
    """Modulus 25, peak of 2 at 0.12, flow stress 1.5, 0.05 at rest."""
    gamma = np.linspace(0.0, 0.5, 501)
    rise = 0.05 + 25.0 * gamma
    late = 1.5 + 0.5 * np.exp(-(((gamma - 0.12) / 0.05) ** 2))
    stress = np.minimum(rise, late)
    return gamma, stress + noise * np.random.default_rng(seed).normal(size=gamma.size)


def test_slope_peak_and_flow_of_a_known_curve():
    fit = Curve.of(*curve())
    assert fit.slope == pytest.approx(25.0, rel=1e-9)
    assert fit.offset == pytest.approx(0.05, abs=1e-9)
    assert fit.flow == pytest.approx(1.5, abs=1e-6)
    strain, stress = fit.peak()
    assert strain == pytest.approx(0.12, abs=0.006)
    assert stress == pytest.approx(2.0, abs=0.01)


def test_errors_are_those_of_the_noise():
    fits = [Curve.of(*curve(0.02, seed)) for seed in range(60)]
    for name, truth in (("slope", 25.0), ("flow", 1.5)):
        values = np.array([getattr(fit, name) for fit in fits])
        errors = np.array([getattr(fit, f"{name}_error") for fit in fits])
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(len(values))
        assert 0.6 < np.median(errors) / values.std() < 1.7


def test_the_error_of_a_slope_is_that_of_linear_regression():
    """With white noise as textbooks have it; times the root of the points that share their noise."""
    gamma = np.linspace(0.0, 0.015, 61)
    white = np.random.default_rng(1).normal(size=gamma.size)
    for noise in (white, np.cumsum(white)):
        line = stats.linregress(gamma, 0.3 + 20 * gamma + noise)
        left = noise + 0.3 + 20 * gamma - line.intercept - line.slope * gamma
        fit = Curve.of(gamma, 0.3 + 20 * gamma + noise)
        assert fit.slope == pytest.approx(line.slope)
        assert fit.offset == pytest.approx(line.intercept)
        assert fit.slope_error == pytest.approx(line.stderr * np.sqrt(_independent(left)))
    assert _independent(left) > 2  # or it would not matter


def test_noise_that_remembers_counts_for_less():
    random = np.random.default_rng(5)
    white = random.normal(size=4000)
    slow = np.convolve(white, np.ones(8) / 8, "valid")
    assert _independent(white) == pytest.approx(1.0, abs=0.15)
    assert _independent(slow) == pytest.approx(8.0, rel=0.25)


def test_corners_are_taken_around_the_box_to_the_centres():
    y, x = np.meshgrid(np.arange(6) / 6, np.arange(8) / 8, indexing="ij")
    wave = np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y)
    # of a wave the mean of two neighbours is the value between them times the cosine of half a cell
    middle = np.cos(2 * np.pi * (x + 1 / 16)) * np.sin(2 * np.pi * (y + 1 / 12))
    expected = np.cos(np.pi / 8) * np.cos(np.pi / 6) * middle
    np.testing.assert_allclose(at_centres(np.stack([wave, 2 * wave])), [expected, 2 * expected], atol=1e-12)


def test_a_curve_without_elastic_points_has_no_slope():
    assert np.isnan(Curve.of(np.linspace(0.1, 0.5, 50), np.ones(50)).slope)


def test_the_flow_stress_is_the_mean_from_a_part_of_the_largest_strain_on():
    gamma = np.array([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])
    # of 0.6 a binary fraction of the largest is a point of its own
    gamma[2] = FLOW * gamma.max()
    curve = Curve.of(gamma, np.array([0.0, 9.0, 1.0, 3.0, 5.0, 7.0]))
    assert curve.flow == pytest.approx(4.0)


def test_the_summary_of_a_glass_that_is_known(tmp_path):
    summary = summarise(stored(tmp_path))
    assert (summary["natoms"], summary["frames"], summary["strain_reached"]) == (216, 21, 0.5)
    assert summary["flow_stress"] == pytest.approx(1.5)
    assert summary["elastic_slope"] == pytest.approx(25.0)
    assert summary["slope_over_modulus"] == pytest.approx(1.0)
    assert summary["mean_Exy_over_half_gamma"] == pytest.approx(1.0)
    assert summary["largest_Exy"] == pytest.approx(0.375)
    # 1 + cos/2 over the height of 36 Å: its variance is 1/8
    assert summary["strain_variation"] == pytest.approx(8**-0.5)
    assert summary["band_width_share"] == pytest.approx(8 / 9) and summary["band_along"] == "x"
    assert summary["band_width"] == pytest.approx(32.0)
    assert [summary[f"{what}_unit"] for what in ("length", "stress", "energy")] == ["angstrom", "GPa", "eV"]
    assert summary["energy_spread_first"] > 10 * summary["energy_mean_composition_spread_first"]
    # both vary with cos 2πy, the strain taken between the corners
    correlation = summary["energy_strain_correlation"]
    assert correlation["energy_at_rest"] > 0.8
    # six rows that do not vary along x: half a row beside its place, no p can be less than two of them
    p = correlation["energy_at_rest_p"]
    assert p == pytest.approx(1 / 6) or p == pytest.approx(1 / 3)
    assert list(summary["type_fraction"]) == [0.5, 0.5]
    assert summary["energy_per_atom_at_rest"] == 0.0  # the made-up curve has no energies
    assert summary["seconds"] == {"shear": 12.5} and summary["mu_GPa"] == 25.0


@pytest.mark.parametrize(("axis", "along", "width"), [(0, "x", 20.0), (1, "y", 30.0)])
def test_a_band_that_has_all_the_strain_is_as_wide_as_it_is(axis, along, width):
    strain = np.zeros((4, 10))
    np.moveaxis(strain, axis, 0)[:2] = 0.3
    if axis:
        np.moveaxis(strain, axis, 0)[2] = 0.3
    told = _localisation(strain, 0.3, np.array([100.0, 40.0, 9.0]))
    assert (told["band_along"], told["band_width"]) == (along, pytest.approx(width))
    # neither the sign nor the size of the strain matters, and none is no band
    assert _localisation(-3.0 * strain, -0.9, np.array([100.0, 40.0, 9.0])) == pytest.approx(told)
    assert set(_localisation(1e-17 * strain, 0.0, np.array([100.0, 40.0, 9.0])).values()) == {None}


@pytest.mark.parametrize(("longest", "points"), [(0.1, 11), (0.5, 11), (1.0, 21)])
def test_a_peak_is_a_mean_over_a_hundredth_of_strain_and_longer_in_a_long_run(longest, points):
    """A single point of 1 leaves the mean of all that are averaged."""
    gamma = np.arange(0.0, longest + 1e-9, 0.001)
    stress = np.zeros_like(gamma)
    stress[len(gamma) // 2] = 1.0
    whole = Curve.of(gamma, stress)
    assert whole.peak()[1] == pytest.approx(1.0 / points)
    assert abs(whole.peak()[0] - gamma[len(gamma) // 2]) <= 0.0005 * points
