"""The sheared frames."""

import numpy as np
import pytest

from mdbridge.stz.frame import FRAMES


@pytest.mark.parametrize("name", FRAMES)
def test_area_is_kept_and_the_gradient_is_the_derivative(name):
    frame, gamma, h = FRAMES[name](), 0.37, 1e-6
    assert np.linalg.det(frame.matrix(gamma)) == pytest.approx(1.0, rel=1e-14)
    derivative = (frame.matrix(gamma + h) - frame.matrix(gamma - h)) / (2 * h)
    assert frame.velocity_gradient(gamma) == pytest.approx(
        derivative @ np.linalg.inv(frame.matrix(gamma)), abs=1e-9
    )
    assert np.array_equal(frame.matrix(0.0), np.eye(2))


def test_both_frames_deform_at_the_same_rate():
    norms = []
    for frame in FRAMES.values():
        gradient = frame().velocity_gradient(0.2)
        norms.append(np.linalg.norm(gradient + gradient.T))
    assert norms[0] == pytest.approx(norms[1])
