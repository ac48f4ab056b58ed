"""Displacements: those of LAMMPS's displace/atom, and their affine part."""

import numpy as np
import pytest
from field_systems import CRYSTAL, attached, simulation


def test_displacement_is_that_of_displace_atom():
    drift = "velocity all set 3.0 1.0 0.5 sum yes\nfix motion all nve\nrun 300\ncompute own all displace/atom"
    with simulation(CRYSTAL, drift) as session:
        asked = {"axes": "xyz", "cells": (1, 1, 1), "shape": "top-hat", "radius": 30.0}
        frames, _ = attached(session, ["displacement", "affine_displacement"], 50, **asked)
        session.run(50)
        own = [session.atoms().values(f"c_own[{k}]") for k in (1, 2, 3)]
        mass = session.atoms().masses()
    mean = [(mass * u).sum() / mass.sum() for u in own]
    averaged = frames[-1]["fields"]["displacement"][0, 0, 0]
    assert averaged == pytest.approx(mean, rel=0.02)  # all images within reach count nearly alike
    assert np.abs(frames[-1]["fields"]["affine_displacement"]).max() < 1e-12


def test_in_a_stretched_crystal_at_rest_all_of_it_is_affine_and_has_no_seam():
    still = "velocity all set 0 0 0\npair_coeff * * 0.0 1.0\nfix motion all nve\n"
    still += "fix pull all deform 1 x erate 0.5 remap x"
    with simulation(CRYSTAL, still) as session:
        length = session.box()[0, 0]
        frames, _ = attached(session, ["displacement", "affine_displacement"], spacing=40, cells=(8, 4))
        session.run(40)
    fields = frames[-1]["fields"]
    np.testing.assert_allclose(fields["displacement"], fields["affine_displacement"], atol=1e-12)
    grown = 0.5 * 40 * 0.004 * length
    profile = fields["displacement"][..., 0].mean(axis=0)
    slope = np.diff(profile)  # between nodes: an eighth of what the box has grown, at the seam as elsewhere
    assert slope == pytest.approx(np.full(7, grown / 8), rel=0.25)
    assert profile[-1] - profile[0] == pytest.approx(grown * 7 / 8, rel=0.05)


def test_a_part_of_the_box_at_its_seam_has_images_that_moved_with_the_box():
    still = "velocity all set 0 0 0\npair_coeff * * 0.0 1.0\nfix motion all nve\n"
    still += "fix pull all deform 1 x erate 0.5 remap x"
    with simulation(CRYSTAL, still) as session:
        length = session.box()[0, 0]
        region = ((0.0, length / 2), (0.0, 4.0))
        frames, _ = attached(session, ["displacement"], spacing=40, cells=(8, 4), region=region)
        session.run(40)
    profile = frames[-1]["fields"]["displacement"][..., 0].mean(axis=0)
    assert np.diff(profile) == pytest.approx(np.full(7, 0.5 * 40 * 0.004 * length / 16), rel=0.35)
