"""Transforms in arrays of one's own: those of numpy and scipy, and back."""

import numpy as np
import pytest
from scipy import fft

from mdbridge.stz.equilibrium import transforms


def complex_noise(*shape):
    random = np.random.default_rng(6)
    return random.random(shape) + 1j * random.random(shape)


@pytest.mark.parametrize("nx", [8, 9])
def test_rows_there_and_back(nx):
    rows = np.random.default_rng(1).random((2, 6, nx))
    out, back = np.empty((2, 6, nx // 2 + 1), dtype=complex), np.empty_like(rows)
    assert transforms.rows_forward(rows, out) is out
    assert out == pytest.approx(np.fft.rfft(rows, axis=2))
    transforms.rows_backward(out, back)
    assert back == pytest.approx(rows)


@pytest.mark.parametrize("ny", [6, 7])
def test_columns_there_and_back_in_place(ny):
    before = complex_noise(2, ny, 5)
    spectrum = before.copy()
    transforms.columns_forward(spectrum)
    assert spectrum == pytest.approx(np.fft.fft(before, axis=1))
    transforms.columns_backward(spectrum)
    assert spectrum == pytest.approx(before)


@pytest.mark.parametrize("ny", [6, 7])
def test_cosine_columns_there_and_back_in_place(ny):
    """Of real and imaginary parts alike."""
    before = complex_noise(2, ny, 5)
    spectrum = before.copy()
    transforms.columns_cosine_forward(spectrum)
    assert spectrum == pytest.approx(fft.dct(before.real, 2, axis=1) + 1j * fft.dct(before.imag, 2, axis=1))
    transforms.columns_cosine_backward(spectrum)
    assert spectrum == pytest.approx(before)
