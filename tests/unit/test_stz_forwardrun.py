"""What a forward run refuses, and what it keeps when it fails."""

import numpy as np
import pytest

from mdbridge.core.errors import ConvergenceError, FlowError, InputError
from mdbridge.stz import initial, scheme
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.forwardrun import Case, error_scales, forward
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid, WholeGrid

GRID = Grid(8, 8)
MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)
CHI = initial.bump(GRID, 0.07, 0.01, 60.0)


def test_a_field_of_another_shape_is_refused_with_both_shapes():
    with pytest.raises(InputError, match=r"\(8, 7\).*\(8, 8\)"):
        Case(MATERIAL, CHI[:, :7], GRID)


@pytest.mark.parametrize("bad", [0.0, -0.1, np.nan, np.inf])
def test_chi_that_is_not_positive_names_the_cell(bad):
    chi = CHI.copy()
    chi[2, 5] = bad
    with pytest.raises(InputError, match=r"frame 0, strain 0.*cell \(row 2, column 5\)"):
        Case(MATERIAL, chi, GRID)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0.0},
        {"max_strain": -1.0},
        {"frames": 0},
        {"tolerance": 1.0},
        {"frame": "twist"},
        {"fields_at": [7]},
        {"rate": 1e13},
        {"rate": 1e-300},
        {"rates": [1e8]},
        {"rates": [1e8, -1.0], "strains": [0.1, 0.2]},
        {"strains": []},
        {"stress_at_rest": np.nan},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong)).removesuffix("s")):
        Case(MATERIAL, CHI, GRID, **({"frames": 5} | wrong))


def test_a_stress_that_was_frozen_in_adds_to_what_the_strain_makes_until_it_flows():
    """Elastic: σ_xy = σ₀ + μ γ; a large shear forgets it."""
    small = {"max_strain": 0.02, "frames": 4, "fields_at": [0]}
    result = forward(Case(MATERIAL, CHI, GRID, stress_at_rest=-0.2, **small))
    assert result.shear_stress == pytest.approx(-0.2 + MATERIAL.mu * result.gamma, rel=1e-9)
    np.testing.assert_array_equal(result.stress[0, 1], np.full((8, 8), -0.2))
    flowing = [forward(Case(MATERIAL, CHI, GRID, stress_at_rest=s, frames=5)).shear_stress for s in (0, 0.2)]
    assert flowing[1][0] == 0.2 and flowing[1][-1] == pytest.approx(flowing[0][-1], rel=1e-3)


def test_fields_are_kept_where_asked_and_the_case_is_left_alone():
    before = CHI.copy()
    seen = []
    result = forward(
        Case(MATERIAL, CHI, GRID, max_strain=0.1, frames=5, fields_at=[5, 2]), on_frame=seen.append
    )
    assert result.frames.tolist() == [2, 5]
    assert result.gamma == pytest.approx(np.linspace(0.0, 0.1, 6))
    assert result.exy.shape == (2, 8, 8) and result.stress.shape == (2, 4, 8, 8)
    assert seen == [1, 2, 3, 4, 5]
    assert np.array_equal(CHI, before)


def test_a_step_that_cannot_be_controlled_keeps_the_frames_before(monkeypatch):
    monkeypatch.setattr(scheme.Stepper, "smallest_step", 2e-3)
    with pytest.raises(
        FlowError, match=r"after frame \d+, strain 0\.\d+: .*cell \(row \d, column \d\)"
    ) as caught:
        forward(Case(MATERIAL, CHI, GRID, tolerance=1e-8))
    failure = caught.value
    assert 0 < failure.frame < 100
    assert len(failure.partial.gamma) == len(failure.partial.exy) == failure.frame + 1
    assert failure.partial.gamma[-1] <= failure.gamma
    assert np.all(np.isfinite(failure.partial.chi))


def test_a_projection_that_does_not_converge_keeps_the_frames_before():
    class Tiring(FourierProjection):
        solves = 0

        def solve(self, force, matrix, velocity):
            self.solves += 1
            if self.solves > 400:
                raise ConvergenceError("projection: no convergence after 200 iterations")
            super().solve(force, matrix, velocity)

    case = Case(MATERIAL, CHI, GRID)
    with pytest.raises(FlowError, match=r"after frame \d+, strain 0\.\d+: projection: .*cell \(") as caught:
        forward(case, projection=Tiring(WholeGrid(GRID), MATERIAL))
    failure, whole = caught.value, forward(case)
    assert 0 < failure.frame < 100
    assert np.array_equal(failure.partial.exy, whole.exy[: failure.frame + 1])


@pytest.mark.parametrize(("chi", "seed"), [(0.03, 1), (0.3, 2)])
def test_very_cold_and_very_hot_samples_run(chi, seed):
    """The corners of a calibration: elastic to high stress, and nearly viscous flow."""
    field = initial.random(GRID, chi, 0.05 * chi, 60.0, seed)
    result = forward(Case(Material(s_y=0.8, c0=0.05, chi_inf=max(chi, 0.13)), field, GRID))
    assert result.gamma[-1] == pytest.approx(0.5)
    assert np.all(np.isfinite(result.exy))


def test_errors_are_measured_by_the_yield_stress_and_a_tenth_of_the_steady_temperature():
    np.testing.assert_allclose(error_scales(Case(MATERIAL, CHI, GRID)), [1.006] * 4 + [0.0132], rtol=1e-12)
