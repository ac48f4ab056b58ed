"""The deformation that is fitted to atoms: of crystals that are deformed as a whole."""

import numpy as np
import pytest
from field_systems import CRYSTAL, attached, simulation

STILL = "velocity all set 0 0 0\npair_coeff * * 0.0 1.0\nfix motion all nve\n"


@pytest.mark.parametrize(
    ("motion", "part", "expected"),
    [("x erate 0.5", 0, 0.5 * (1.08**2 - 1)), ("xy erate 1.0", 3, 0.08), ("yz erate 1.0", 5, 0.08)],
)
@pytest.mark.parametrize(("axes", "cells"), [("y", (4,)), ("xy", (5, 4)), ("xyz", (4, 3, 3))])
def test_a_crystal_at_rest_has_the_strain_of_its_box(motion, part, expected, axes, cells):
    with simulation(CRYSTAL, STILL + f"fix pull all deform 1 {motion} remap x") as session:
        frames, _ = attached(session, ["strain", "D2min", "deformation_gradient"], 40, axes, cells)
        session.run(40)
    fields = frames[-1]["fields"]
    assert fields["strain"][..., part] == pytest.approx(expected, rel=1e-9)
    assert fields["D2min"].max() < 1e-12
    gradient = fields["deformation_gradient"].reshape(-1, 3, 3)
    assert np.linalg.det(gradient) == pytest.approx(np.linalg.det(gradient[0]))


def test_across_free_surfaces_the_atoms_tell_the_stretch_and_not_the_box():
    free = CRYSTAL.replace("units lj", "units lj\n    boundary s p p")
    with simulation(free, STILL + "velocity all ramp vx 0 1.25 x 0 10 sum yes units box") as session:
        frames, _ = attached(session, ["strain"], 40, "y", (4,))
        session.run(40)
    stretch = 1.0 + 0.16 / 8.0  # every x has become x (1 + t/8)
    assert frames[-1]["fields"]["strain"][..., 0] == pytest.approx(0.5 * (stretch**2 - 1), rel=1e-6)
