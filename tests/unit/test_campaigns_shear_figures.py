"""Figures of a run of ``mdbridge shear``: maps on one scale, in K and nm, and the means."""

import numpy as np
import pytest
from shear_runs import case, result

from mdbridge.campaigns.shear import figures, results


@pytest.fixture(scope="module")
def shown(drawn_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shear")
    results.write(folder / "run.h5", case(), result(), complete=True)
    figures.draw(folder / "run.h5", folder)
    assert set(drawn_once) == {"chi", "strain", "stress_strain"}
    return drawn_once


@pytest.mark.parametrize(
    ("name", "values", "label"),
    [
        # kept are γ = 0, 0.2 and 0.4; next to 0.09, 0.15, 0.2 and 0.35 are the first two and the last
        ("chi", 20000.0 * result().chi, "effective temperature (K)"),
        ("strain", result().exy, "shear strain $E_{xy}$"),
    ],
)
def test_maps_of_the_strains_reached_share_one_colour_scale(shown, name, values, label):
    *panels, bar = shown[name].axes
    frames = {"chi": [0, 1, 2], "strain": [1, 2]}[name]
    assert [panel.get_title() for panel in panels] == [f"$\\gamma$ = {0.2 * k:.2f}" for k in frames]
    images = [panel.images[0] for panel in panels]
    for k, image in zip(frames, images, strict=True):
        np.testing.assert_allclose(image.get_array(), values[k])
        assert image.get_clim() == pytest.approx((values[frames].min(), values[frames].max()))
        assert image.get_extent() == pytest.approx([0.0, 8.0, 0.0, 3.0])  # nm
        assert image.origin == "lower"
    assert bar.get_ylabel() == label
    assert panels[0].get_ylabel() == "$Y$ (nm)" and {panel.get_xlabel() for panel in panels} == {"$X$ (nm)"}


def test_both_means_are_drawn_over_the_strain(shown):
    (axes,) = shown["stress_strain"].axes
    shear, deviatoric = axes.lines
    assert np.array_equal(shear.get_data(), [result().gamma, result().shear_stress])
    assert np.array_equal(deviatoric.get_data(), [result().gamma, result().dev_stress])
    assert r"\sigma_{xy}" in shear.get_label() and "deviatoric" in deviatoric.get_label()
    assert axes.get_ylabel() == "stress (GPa)" and axes.get_xlabel() == "net strain $\\gamma$"
    assert axes.get_xlim() == (0.0, 0.4)


@pytest.mark.parametrize(
    ("kept", "wanted", "expected"),
    [
        ([0.0, 0.1, 0.2, 0.3], (0.09, 0.2, 0.31), [1, 2]),  # beyond the run
        ([0.0, 0.1], (0.5,), [1]),  # none is reached: the last
        ([0.0, 0.1, 0.2], (0.11, 0.12), [1]),  # once
        ([0.0, 0.5], (0.5 + 1e-12,), [1]),  # but for round-off
    ],
)
def test_frames_are_those_nearest_to_the_published_strains(kept, wanted, expected):
    assert figures._nearest(np.array(kept), np.array(kept), wanted) == expected


def test_frames_of_a_run_that_turns_lie_at_equal_distances_along_its_path():
    strains = np.array([0.0, 0.1, 0.2, 0.1, 0.0, -0.1])
    path = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert figures._nearest(strains, path, (0.09, 0.5)) == [2, 5]
    # the other sign from the beginning
    assert figures._nearest(-path, path, (0.1, 0.2, 0.3, 0.4, 0.5)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("values", [np.zeros(3), np.full(3, 1e6), np.array([-2.0, 5.0])])
def test_colours_hold_all_values_and_are_never_empty(values):
    low, high = figures.limits(values)
    assert low == values.min() and high >= values.max() and high > low
