"""Clamped plates against the periodic box, for a shear band away from the plates."""

import numpy as np
from mpi4py import MPI

from mdbridge.stz.equilibrium import krylov
from mdbridge.stz.forwardrun import Case, forward
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.staggered import Grid

MATERIAL = Material(s_y=1.006, c0=0.55, chi_inf=0.132)


def sheared(boundary):
    """A soft layer in the middle, softest at one place, to γ = 0.2."""
    grid = Grid(24, 32, boundary=boundary)
    y, x = (np.mgrid[0:32, 0:24] + 0.5) / np.array([32, 24])[:, None, None] - 0.5
    layer = np.exp(-0.5 * (y / 0.08) ** 2)
    chi = 0.066 + 0.008 * layer * (1.0 + 0.1 * np.cos(2.0 * np.pi * x))
    case = Case(MATERIAL, chi, grid, max_strain=0.2, frames=20)
    if boundary == "periodic":
        return forward(case)
    with krylov.shared(grid, MATERIAL, MPI.COMM_SELF) as (domain, projection):
        return forward(case, domain, projection)


def test_plates_far_from_the_band_change_little():
    free, clamped = sheared("periodic"), sheared("clamped")
    assert np.ptp(free.exy[-1]) > 0.2  # there is a band
    assert np.abs(free.shear_stress - clamped.shear_stress).max() < 2e-3 * free.shear_stress.max()
    for name, limit in (("exy", 0.01), ("chi", 0.002)):
        expected, actual = getattr(free, name)[-1], getattr(clamped, name)[-1]
        assert np.linalg.norm(expected - actual) < limit * np.linalg.norm(expected), name
    assert not np.any(clamped.velocity[:, :, 0])
