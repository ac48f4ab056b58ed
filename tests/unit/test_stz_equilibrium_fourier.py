"""Smoothing of what is faster than a ceiling; the inverse itself: test_stz_projection and test_stz_krylov."""

import numpy as np
import pytest

from mdbridge.stz.diffusion import diffusion_row
from mdbridge.stz.equilibrium.fourier import SpectralSolver, WholeRows
from mdbridge.stz.frame import SimpleShear, inverse
from mdbridge.stz.pointwise import Constants, Geometry
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid, WholeGrid, ghosted, owned

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13)


def operator(grid, gamma, flow, cut):
    """Smoothed diffusion with a = 1 as a matrix, and the plain one."""
    matrix = SimpleShear().matrix(gamma)
    back = inverse(matrix)
    k = Constants(1, 1, 1, 1, 1, 1, 1.0, grid.dx, grid.dy)
    t = Geometry(*matrix.ravel().tolist(), 0.0, 0.0, 0.0)
    spectral, clamped = SpectralSolver(grid, MATERIAL, WholeRows(grid)), grid.boundary == "clamped"
    d = ghosted(1, grid.shape)
    owned(d)[0] = flow
    WholeGrid(grid).fill(d)
    plain, smooth = [], []
    for unit in np.eye(grid.nx * grid.ny):
        chi, out = ghosted(1, grid.shape), np.empty(grid.shape)
        owned(chi)[0] = unit.reshape(grid.shape)
        WholeGrid(grid).fill(chi)
        if clamped:  # mirrored
            chi[0, 1], chi[0, 0], chi[0, -2], chi[0, -1] = chi[0, 2], chi[0, 3], chi[0, -3], chi[0, -4]
        for row in range(grid.ny):
            shut = (clamped and row == 0, clamped and row == grid.ny - 1)
            diffusion_row(row, chi[0], d[0, row + 1 : row + 4], k, t, *shut, out)
        plain.append(out.ravel().copy())
        spectral.smooth(out, back @ back.T, cut)
        smooth.append(out.ravel().copy())
    return np.array(plain).T, np.array(smooth).T


@pytest.mark.parametrize("boundary", ["periodic", "clamped"])
@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_smoothed_diffusion_is_no_faster_than_the_cut_and_conserves_chi(boundary, gamma):
    """Also where D varies from cell to cell: the eigenvalues are real and lie below max D times the cut."""
    grid, cut = Grid(12, 10, 12.0, 10.0, boundary=boundary), 1.5
    flow = np.random.default_rng(2).random(grid.shape) ** 4
    plain, smooth = operator(grid, gamma, flow, cut)
    eigenvalues = np.linalg.eigvals(smooth)
    assert np.linalg.eigvals(plain).real.min() < -1.5 * cut * flow.max()
    assert eigenvalues.real.min() > -1.02 * cut * flow.max()
    assert eigenvalues.real.max() < 1e-10
    assert np.abs(eigenvalues.imag).max() < 0.05 * cut
    assert np.abs(smooth.sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize(("boundary", "gamma"), [("periodic", 0.0), ("periodic", 0.7), ("clamped", 0.0)])
def test_each_wave_is_slowed_by_its_factor(boundary, gamma):
    """With D = 1 waves are eigenvectors: q becomes q (1 + (q/cut)⁴)^(−1/4)."""
    grid, cut = Grid(8, 12, 8.0, 12.0, boundary=boundary), 1.2
    plain, smooth = operator(grid, gamma, np.ones(grid.shape), cut)
    q = -np.linalg.eigvals(plain).real
    expected = q * (1.0 + (q / cut) ** 4) ** -0.25
    assert np.sort(-np.linalg.eigvals(smooth).real) == pytest.approx(np.sort(expected), abs=1e-10)
