"""Lowest eigenvalues by sparse factors and Krylov spaces: those of the dense matrix."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags

from mdbridge.lps.learn import spectra


def operator(count=60, floats=False, low=0.0, skew=0.0):
    """Springs of any strength in a ring, each component by itself, with a chosen displacement made soft."""
    n = 2 * count
    # no two alike: of equal eigenvalues a Krylov space shows one
    strength = np.random.default_rng(0).uniform(0.5, 1.5, n)
    difference = np.eye(n) - np.roll(np.eye(n), 2, axis=0)
    ring = difference.T @ (strength[:, None] * difference)
    if not floats:
        ring += 0.05 * np.eye(n)
    soft = np.random.default_rng(1).standard_normal(n)
    soft[::2] -= soft[::2].mean()
    soft[1::2] -= soft[1::2].mean()
    soft /= np.linalg.norm(soft)
    turn = np.random.default_rng(2).standard_normal((n, n))
    # rows and columns of no sum: translations cost nothing
    turn = turn - turn.T
    project = np.eye(n) - np.kron(np.full((count, count), 1 / count), np.eye(2))
    return csr_matrix(ring + low * np.outer(soft, soft) + skew * project @ turn @ project)


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("low", [0.0, -0.3, -2.0, -50.0])
def test_sparse_and_dense_agree(monkeypatch, floats, low):
    symmetric = spectra.Held(operator(floats=floats, low=low), floats)
    skew = spectra.Held(operator(floats=floats, low=low, skew=0.01), floats)
    dense = spectra.lowest(symmetric, 4), spectra.lowest_real_part(skew)
    monkeypatch.setattr(spectra, "_DENSE", 0)
    values, vectors = spectra.lowest(symmetric, 4)
    np.testing.assert_allclose(values, dense[0][0], atol=1e-8)
    np.testing.assert_allclose(symmetric.matrix @ vectors, vectors * values, atol=1e-7)
    assert spectra.lowest_real_part(skew) == pytest.approx(dense[1], abs=1e-8)
    # a single soft direction among others of an energy of two
    assert (values[0] < 0) == (low < -1)


def test_translations_are_not_the_lowest():
    held = spectra.Held(operator(floats=True), floats=True)
    whole = np.linalg.eigvalsh(held.matrix.toarray())
    assert abs(whole[:2]).max() < 1e-12
    assert spectra.lowest(held, 1)[0][0] == pytest.approx(whole[2])
    right = np.random.default_rng(0).standard_normal(held.size)
    np.testing.assert_allclose(
        held.inverse(0.1).matvec(right), np.linalg.solve(held.dense() - 0.1 * np.eye(held.size), right)
    )


def test_a_diagonal_operator_has_its_entries():
    held = spectra.Held(csr_matrix(diags(np.arange(1.0, 41.0))), floats=False)
    assert spectra.lowest_real_part(held) == pytest.approx(1.0)
