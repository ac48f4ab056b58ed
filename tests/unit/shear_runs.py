"""A made-up run of the STZ model for the tests of its files and figures."""

import numpy as np

from mdbridge.stz.forwardrun import Case, Result
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.scheme import Counts
from mdbridge.stz.staggered import Grid

MATERIAL = Material(s_y=1.0, c0=0.5, chi_inf=0.13, e_z=20000.0)
GRID = Grid(8, 6, 80.0, 30.0)
KEPT = (0, 2, 4)


def case(frame="simple", rate=2.0e8):
    return Case(MATERIAL, np.full(GRID.shape, 0.07), GRID, frame=frame, rate=rate, max_strain=0.4, frames=4)


def result():
    """Five frames up to γ = 0.4, of which every other is kept; each number of it is different."""
    gamma = 0.1 * np.arange(5)
    y, x = np.mgrid[0:6, 0:8]
    shape = np.array([0.01 * y + 0.001 * x + k for k in range(len(KEPT))])
    return Result(
        gamma=gamma,
        shear_stress=np.array([0.0, 1.0, 2.0, 1.5, 1.25]),
        dev_stress=np.array([0.1, 1.1, 2.1, 1.6, 1.35]),
        plastic_power=np.array([0.0, 10.0, 20.0, 30.0, 40.0]),
        frames=np.array(KEPT),
        exy=0.1 * shape,
        chi=0.07 + 0.01 * shape,
        velocity=np.stack([shape, -2.0 * shape], axis=1),
        stress=np.stack([shape + 10 * c for c in range(4)], axis=1),
        counts=Counts(7, 1, 50),
    )
