"""Figures of a campaign, from made-up samples of a known model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import peridynamics_results
import pytest
from peridynamics_results import GRID, HORIZON, LAMBDA, MODEL, MU

from mdbridge.campaigns.peridynamics import figures
from mdbridge.lps import fieldsets, stability, stencil
from mdbridge.lps.bernstein import Bernstein
from mdbridge.md import loads


@pytest.fixture(scope="module")
def results():
    return peridynamics_results.results()


def test_displacements_are_compared_on_one_scale_without_the_drift(results, drawn, tmp_path):
    figures._displacements(results, tmp_path / "displacements.png")
    maps = np.reshape(drawn["displacements"].axes[:9], (3, 3))
    for (split, name), row in zip(figures.SHOWN.items(), maps, strict=True):
        fields, inside = results.fields[split], results.solved[split].inside
        u = fields.u[fields.names.index(name), :, 0]
        u = u if split == "test" else u - 7.0
        images = [panel.collections[0] for panel in row]
        reach = np.abs(u[inside]).max()
        assert [image.get_clim() for image in images] == [pytest.approx((-reach, reach))] * 3
        shown = [np.sort(image.get_array().compressed()) for image in images]
        for values, expected in zip(shown, (u, 1.1 * u, 10 * 0.1 * u), strict=True):
            assert values == pytest.approx(np.sort(expected[inside]), abs=1e-9)
        assert [panel.get_title() for panel in row] == [
            f"{figures.load_label(name)}: MD",
            "LPS",
            "difference × 10",  # a tenth fills the scale
        ]
        assert row[0].get_ylabel() == "x₂ (Å)" and {panel.get_xlabel() for panel in row} == {"x₁ (Å)"}
    assert {bar.get_ylabel() for bar in drawn["displacements"].axes[9:]} == {"u₁ (Å)"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("train-x-2-1", "wave 2 × 1 along x"),
        ("val-01", "discs, 1"),
        ("test-1", "free disc, 1"),
        ("mine", "mine"),
    ],
)
def test_a_load_is_called_by_what_it_is(name, label):
    assert figures.load_label(name) == label


def test_a_value_lies_in_the_cell_of_its_node(results):
    """A ramp along x₁, and one along x₂: the mesh's cells are centred on the nodes."""
    for axis in range(2):
        fields, axes = results.fields["train"], SimpleNamespace(set_aspect=lambda _: None, spines={})
        axes.pcolormesh = lambda x, y, c, **options: (x, y, c)
        values = fields.nodes[:, axis]
        x, y, image = figures._map(axes, fields, np.ones(len(values), dtype=bool), values, 1.0)
        middle = np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2)[axis]
        np.testing.assert_allclose(image, middle, atol=1e-9)


@pytest.mark.parametrize("waves", [2, 3, 6])
def test_all_waves_that_were_sampled_are_on_the_dispersion(waves):
    fields = peridynamics_results.periodic(loads.training(GRID.box, waves), 0.0)
    samples = fieldsets.transformed(fields, "train")
    for axis in (0, 1):
        response = list(figures._response(fields, samples, axis, 0))
        expected = 2 * np.pi * np.arange(1, waves + 1) / GRID.box[axis]
        # the last of six is at the edge of the nodes' zone in x, or beyond: another wave there
        np.testing.assert_allclose([k for k, _ in response][:5], expected[:5], rtol=1e-9)
        assert len(response) == waves


def test_waves_of_the_model_s_own_samples_lie_on_its_dispersion(results, drawn, tmp_path):
    figures._dispersion(results, tmp_path / "dispersion.png")
    for axis, panel in enumerate(drawn["dispersion"].axes):
        for kind in ("longitudinal", "transverse"):
            (curve,) = [line for line in panel.lines if line.get_label() == f"{kind}, LPS"]
            (points,) = [line for line in panel.lines if line.get_label() == f"{kind}, MD"]
            k, modulus = points.get_data()
            np.testing.assert_allclose(k, 2 * np.pi * np.arange(1, 6) / GRID.box[axis])
            np.testing.assert_allclose(modulus, np.interp(k, *curve.get_data()), rtol=1e-3)
        dashed = [line.get_ydata()[0] for line in panel.lines if line.get_linestyle() == "--"]
        assert dashed == [LAMBDA + 2 * MU, MU]
        (shade,) = panel.patches
        assert shade.get_x() == pytest.approx(2 * np.pi * 5 / GRID.box[axis])
        assert panel.get_xlim()[1] == pytest.approx(np.pi / GRID.spacing[axis])
        assert panel.get_xlabel() == f"wave number k{'₁₂'[axis]} (1/Å)"
    assert drawn["dispersion"].axes[0].get_ylabel() == "modulus b/(k² u) (TPa)"


def test_long_waves_have_the_moduli_of_the_model(drawn, tmp_path, results):
    """λ + 2μ along and μ across, for a kernel whose moments are those of the continuum nearly."""
    figures._dispersion(results, tmp_path / "dispersion.png")
    for panel in drawn["dispersion"].axes:
        along, across = (
            next(line.get_ydata()[0] for line in panel.lines if line.get_label() == f"{kind}, LPS")
            for kind in ("longitudinal", "transverse")
        )
        assert along == pytest.approx(-0.2 + 1.4, rel=0.1)
        assert across == pytest.approx(0.7, rel=0.1)


def test_the_influence_function_is_a_bond_s_share_whatever_its_scale(results, drawn, tmp_path):
    """Σ over bonds of K W |z|²/m is 1."""
    scaled = replace(MODEL, influence=replace(MODEL.influence, coefficients=5 * MODEL.influence.coefficients))
    for number, material in enumerate((MODEL, scaled)):
        figures._influence(replace(results, material=material), tmp_path / f"influence{number}.png")
    first, second = (drawn[f"influence{number}"].axes[0] for number in range(2))
    for original, rescaled in zip(first.lines, second.lines, strict=True):
        np.testing.assert_allclose(original.get_ydata(), rescaled.get_ydata(), rtol=1e-12)
    bonds = next(line for line in first.lines if len(line.get_xdata()) > 2 and line.get_marker() == "o")
    grid = stencil.uniform(GRID.spacing, HORIZON, "published")
    np.testing.assert_allclose(bonds.get_xdata(), grid.radii)
    share = (1e-6 * bonds.get_ydata())[grid.ring] * grid.weights * (grid.offsets**2).sum(axis=1)
    assert share.sum() == pytest.approx(1.0)
    assert first.get_ylabel() == "influence function K/m (10⁻⁶ Å⁻⁴)"
    assert first.get_xlabel() == "bond length r (Å)"
    assert first.get_title() == "δ = 13 Å, Bernstein, M = 1, α = 0.50"


def test_a_function_of_the_dilatation_s_own_is_drawn_beside(results, drawn, tmp_path):
    own = Bernstein(HORIZON, np.array([3.0, 1.0]), (1.0,))
    figures._influence(replace(results, material=replace(MODEL, own_dilatation=own)), tmp_path / "i.png")
    curves = {line.get_label(): line for line in drawn["i"].axes[0].lines}
    r = curves["dilatation"].get_xdata()
    for name, function in (("deviatoric", MODEL.influence), ("dilatation", own)):
        ratio = curves[name].get_ydata() / function(r)
        assert np.ptp(ratio) < 1e-9 * ratio.mean()


def test_convergence_is_the_trace_of_the_fit(results, drawn, tmp_path):
    figures._convergence(results, tmp_path / "convergence.png")
    figures._convergence(replace(results, model=results.model | {"trace": []}), tmp_path / "history.png")
    (curve,) = drawn["convergence"].axes[0].lines
    assert np.array(curve.get_data()).tolist() == [[1, 2, 3], [3.0, 2.0, 1.0]]
    assert drawn["history"].axes[0].lines[0].get_ydata().tolist() == [9.0]


def test_candidates_are_drawn_in_per_cent_and_failed_ones_left_out(results, drawn, tmp_path):
    taken = replace(results, model=results.model | {"delta_A": 12.5, "M": 3})
    figures._errors(taken, tmp_path / "candidates.png")
    (axes,) = drawn["candidates"].axes
    # the second of them
    (span,) = axes.patches
    assert 0.5 < span.get_x() < 1.0 < span.get_x() + span.get_width() < 1.5
    assert [line.get_label() for line in axes.lines] == [
        f"{what}, {where}" for where in ("training", "validation") for what in ("residual", "displacement")
    ]
    for line in axes.lines:
        assert list(line.get_xdata()) == ["12.5, 2", "12.5, 3"]
        assert line.get_ydata() == pytest.approx([20.0, 30.0])
    assert axes.get_ylabel() == "relative error (%)"


def test_solvability_maps_have_the_zone_s_smallest_eigenvalues(results, drawn, tmp_path):
    figures._solvability(results, tmp_path / "solvability.png")
    certificate = stability.certify(MODEL.influence, stencil.uniform(GRID.spacing, HORIZON, "published"))
    expected = (certificate.min_gamma, certificate.min_cauchy_schwarz)
    for panel, smallest in zip(drawn["solvability"].axes[:2], expected, strict=True):
        image = panel.collections[0]
        assert image.get_array().min() == pytest.approx(smallest, rel=0.02)
        assert f"smallest: {image.get_array().min():.3f}" in panel.get_title()
        assert image.get_clim()[0] == 0
        waves = np.array(panel.lines[0].get_data()).T
        assert {tuple(w) for w in waves.round(6)} == {
            tuple(w) for w in np.abs(results.fields["train"].load[:, 3:5]).round(6)
        }
        assert panel.get_xlim() == pytest.approx(np.pi / GRID.spacing[0] * np.array([-1, 1]), rel=0.02)


def test_filtering_is_measured_by_what_is_left_of_the_state_at_rest(results, drawn, tmp_path):
    u = results.fields["train"].u[0] - [7.0, -3.0]
    noise = np.random.default_rng(1).normal(size=u.shape)
    noise *= np.linalg.norm(u) / np.linalg.norm(noise)
    dynamics = {"u_zero": u + 4.0, "u_raw": u + noise, "u_filtered": u + 0.1 * noise, "temperature_K": 299.6}
    figures._time_filter(replace(results, dynamics=dynamics), tmp_path / "time_filter.png")
    panels = drawn["time_filter"].axes[:3]
    assert [panel.get_title() for panel in panels] == [
        "300 K, snapshot\n100.0% from 0 K",
        "300 K, filtered\n10.0% from 0 K",
        "0 K",
    ]
    images = [panel.collections[0] for panel in panels]
    assert len({image.get_clim() for image in images}) == 1
    assert images[0].get_clim()[1] == pytest.approx(np.abs(dynamics["u_raw"][:, 0]).max())
    assert np.sort(images[2].get_array().compressed()) == pytest.approx(np.sort(u[:, 0]), abs=1e-9)
    assert drawn["time_filter"].axes[3].get_ylabel() == "u₁ (Å)"


def test_only_a_campaign_with_dynamics_has_their_figure(results, monkeypatch, tmp_path):
    drawn = []
    painters = {name: lambda _, path: drawn.append(path.name) for name in figures._PAINTERS}
    monkeypatch.setattr(figures, "_PAINTERS", painters)
    for dynamics in (None, {}):
        drawn.clear()
        figures.draw(replace(results, dynamics=dynamics), tmp_path)
        assert drawn == figures.expected(dynamics is not None)
        assert ("time_filter.png" in drawn) == (dynamics is not None)
