"""Classical elasticity in its strong form on points: polynomials, waves, noise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_data import LAM, MU, grid, periodic, waves

from mdbridge.campaigns.peridynamics import data
from mdbridge.campaigns.peridynamics.data_files import RawData
from mdbridge.campaigns.peridynamics.data_input import Data
from mdbridge.core.errors import ConvergenceError
from mdbridge.lps.learn import strongform

EDGE = 160.0


def fields_of(arrays):
    return data.prepare([RawData(Path("own.npz"), arrays)], Data()).fields["train"]


def scattered(count, moved=0.2, noise=0.0):
    """Waves on points of a body with edges."""
    h = EDGE / count
    random = np.random.default_rng(1)
    nodes = grid((count, count), (h, h)) + moved * h * random.uniform(-1, 1, (count**2, 2))
    u, b = waves(nodes, (200.0, 200.0), samples=8)
    u = u + noise * np.sqrt((u**2).mean(axis=(1, 2)))[:, None, None] * random.standard_normal(u.shape)
    return fields_of({"nodes": nodes, "u": u, "b": b}), 4.3 * h


def test_a_polynomial_of_fourth_degree_is_met_exactly():
    fields, horizon = scattered(24)
    x, y = (fields.nodes / EDGE).T
    u = np.stack([x**4 - 2 * x**2 * y**2 + x * y, 3 * x**3 * y - y**2 + x], axis=1)
    # by hand: second derivatives of both components
    u_xx, u_xy, u_yy = 12 * x**2 - 4 * y**2, -8 * x * y + 1, -4 * x**2
    v_xx, v_xy, v_yy = 18 * x * y, 9 * x**2, np.full_like(x, -2.0)
    b = -np.stack(
        [
            (LAM + 2 * MU) * u_xx + MU * u_yy + (LAM + MU) * v_xy,
            (LAM + 2 * MU) * v_yy + MU * v_xx + (LAM + MU) * u_xy,
        ],
        axis=1,
    )
    sample = replace(fields, u=u[None], b=b[None] / EDGE**2, names=["a"], load=np.zeros((1, 0)))
    residual, solution = strongform.problem_of(sample, horizon).errors(LAM + MU, MU)
    assert residual[0] < 1e-9 and solution[0] < 1e-9


def test_moduli_of_waves_come_with_the_fourth_order_of_the_spacing():
    off = []
    for count in (24, 36, 48):
        fields, horizon = scattered(count, moved=0.1)
        bulk, mu = strongform.fit([strongform.problem_of(fields, horizon)], (1.0, 1.0))
        off.append(abs(mu / MU - 1) + abs((bulk - mu) / LAM - 1))
    orders = np.diff(np.log(off)) / np.diff(np.log([EDGE / n for n in (24, 36, 48)]))
    assert off[-1] < 1e-3 and (orders > 2.5).all() and (orders < 6.5).all()


@pytest.mark.parametrize("counts", [(20, 60), (60, 20), (24, 72)])
def test_rows_of_an_elongated_grid_are_as_many_as_its_columns(counts):
    """Spacings of three to one: a round stencil would hold three rows, which tell no fourth derivative."""
    h = np.array([150.0, 150.0]) / counts
    nodes = grid(counts, tuple(h))
    u, b = waves(nodes, (300.0, 300.0), samples=8)
    problem = strongform.problem_of(fields_of({"nodes": nodes, "u": u, "b": b}), 2.55 * h.max())
    bulk, mu = strongform.fit([problem], (1.0, 1.0))
    assert [bulk - mu, mu] == pytest.approx([LAM, MU], rel=0.01)


def test_points_that_tell_no_fourth_derivative_are_refused(monkeypatch):
    monkeypatch.setattr(strongform, "_REACH", 1.8)
    fields, horizon = scattered(28, moved=0.0)
    with pytest.raises(ConvergenceError, match="do not determine a polynomial"):
        strongform.problem_of(fields, horizon)


def test_noise_hardly_moves_the_moduli_of_a_body_with_edges():
    fields, horizon = scattered(32, noise=0.005)
    problem = strongform.problem_of(fields, horizon)
    bulk, mu = strongform.fit([problem], (1.0, 1.0))
    young = [4 * m * (k) / (k + m) for k, m in ((bulk, mu), (LAM + MU, MU))]
    assert young[0] == pytest.approx(young[1], rel=3e-3)
    residual, solution = problem.errors(bulk, mu)
    # of the residual nothing is told where noise counts times k²
    assert solution.mean() < 0.01 < residual.mean()


def test_a_periodic_box_has_no_points_whose_displacement_is_given():
    fields = fields_of(periodic((24, 24), highest=2))
    problem = strongform.problem_of(fields, 16.5)
    assert problem.cloud.everywhere
    bulk, mu = strongform.fit([problem], (1.0, 1.0))
    assert [bulk - mu, mu] == pytest.approx([LAM, MU], rel=1e-2)


def test_weights_leave_samples_out():
    fields, horizon = scattered(28)
    wrong = fields.b.copy()
    wrong[0] *= 3.0
    problem = strongform.problem_of(replace(fields, b=wrong), horizon)
    weights = np.ones(len(wrong))
    weights[0] = 0.0
    _, mu = strongform.fit([problem], (1.0, 1.0), [weights])
    _, misled = strongform.fit([problem], (1.0, 1.0))
    assert mu == pytest.approx(MU, rel=5e-3) and abs(misled / MU - 1) > 0.02


def test_a_sample_without_load_has_no_residual_error_and_counts_by_its_displacement():
    fields, horizon = scattered(28)
    u, b = fields.u.copy(), fields.b.copy()
    # a uniform stretch is in balance without a load
    u[0], b[0] = fields.nodes * [1e-3, -4e-4], 0.0
    residual, solution = strongform.problem_of(replace(fields, u=u, b=b), horizon).errors(LAM + MU, MU)
    assert np.isnan(residual[0]) and np.isfinite(residual[1:]).all() and solution[0] < 1e-9


def test_samples_of_no_solid_lead_to_no_moduli():
    fields, horizon = scattered(28)
    problem = strongform.problem_of(replace(fields, b=-fields.b), horizon)
    with pytest.raises((ConvergenceError, np.linalg.LinAlgError)):
        strongform.fit([problem], (1.0, 1.0))


def test_no_moduli_near_by_have_a_smaller_error_on_noisy_samples():
    """The slopes are those of the solution, not of the data: with 5 % of noise they differ."""
    fields, horizon = scattered(28, noise=0.05)
    problem = strongform.problem_of(fields, horizon)
    bulk, mu = strongform.fit([problem], (1.0, 1.0))

    def loss(factors):
        return (problem.errors(bulk * factors[0], mu * factors[1])[1] ** 2).sum()

    for direction in ((1, 0), (0, 1), (1, 1), (1, -1)):
        step = 1e-3 * np.array(direction)
        slope = (loss(1 + step) - loss(1 - step)) / 2
        bend = loss(1 + step) + loss(1 - step) - 2 * loss((1, 1))
        # the lowest point of the parabola is within a hundredth of the step
        assert abs(slope) < 0.01 * bend
