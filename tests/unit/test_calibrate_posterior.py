"""Laplace's approximation, where it is exact: linear residuals with normal noise."""

import numpy as np
import pytest
from scipy import stats

from mdbridge.calibrate.constraints import Constraint
from mdbridge.calibrate.likelihood import Likelihood, Noise
from mdbridge.calibrate.linear import LinearModel
from mdbridge.calibrate.posterior import described
from mdbridge.calibrate.slices import Slice
from mdbridge.calibrate.space import Parameter, Space
from mdbridge.calibrate.uncertainty import Inference

T = np.linspace(-1.0, 1.0, 8)
DESIGN = np.stack([np.ones(8), T], axis=1)


def inferred(known):
    residual = 0.1 * np.array([1, -1, -1, 1, 1, -1, -1, 1.0])  # orthogonal to both columns
    noise = Noise("y", "gaussian", 8.0, np.full(8, 0.1) if known else np.ones(8), known)
    model = LinearModel(np.full(2, 0.5), residual, 4.0 * DESIGN, Likelihood([noise], [8]))
    estimate = model.optimum()
    covariance = model.covariance(estimate)
    return Inference(estimate, estimate, estimate, covariance, np.zeros((2, 2)), model, 0.0, "", [])


def space(*texts):
    parameters = {"a": Parameter(-2.0, 2.0), "n": Parameter(1, 3, integer=True), "b": Parameter(-2.0, 2.0)}
    return Space(parameters, constraints=[Constraint.read(text, ["a", "n", "b"]) for text in texts])


def test_a_known_scale_gives_the_normal_posterior():
    posterior = described(Slice(space(), np.full(3, 0.5)), inferred(True), 0)
    for name, column in (("a", DESIGN[:, 0]), ("b", DESIGN[:, 1])):
        deviation = 0.1 / np.sqrt(column @ column)
        assert posterior["mean"][name] == pytest.approx(0.0, abs=0.06 * deviation)
        assert posterior["deviation"][name] == pytest.approx(deviation, rel=0.05)
        assert posterior["quantiles"][name]["0.975"] == pytest.approx(1.96 * deviation, rel=0.07)
    assert set(posterior["draws"]) == {"a", "b"} and len(posterior["draws"]["a"]) == 500


def test_an_estimated_scale_gives_students_t():
    posterior = described(Slice(space(), np.full(3, 0.5)), inferred(False), 0)
    deviation = np.sqrt(8 * 0.01 / 6 / 8)  # of the mean of 8 values, with 6 degrees of freedom
    assert posterior["quantiles"]["a"]["0.975"] == pytest.approx(stats.t.ppf(0.975, 6) * deviation, rel=0.08)
    assert "6 degrees" in posterior["from"]


def test_draws_hold_the_constraints():
    posterior = described(Slice(space("a > b + n - 2"), np.full(3, 0.5)), inferred(True), 0)
    assert np.all(np.array(posterior["draws"]["a"]) > posterior["draws"]["b"])
    assert described(Slice(space("a > 1"), np.full(3, 0.5)), inferred(True), 0) is None
