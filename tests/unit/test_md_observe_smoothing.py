"""The time filter against its closed form, across boundaries and in a box that moves."""

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation

from mdbridge.md.observe.material import Material
from mdbridge.md.observe.schedule import every
from mdbridge.md.observe.smoothing import SMOOTHED, Smoothing


def ramp(steps, weight):
    """[You2022, eq. 2.10] for a displacement of n at step n."""
    keep = 1.0 - weight
    return steps - keep * (1.0 - keep**steps) / weight


@pytest.mark.parametrize("weight", [1.0, 0.2, 0.01])
def test_filter_of_a_ramp_across_the_boundary(weight):
    with simulation(CRYSTAL, "fix motion all move linear 20.0 -11.0 3.0 units box") as session:
        material = Material()
        smoothing = Smoothing(weight, material)
        session.attach(material, every(1))
        session.attach(smoothing, every(1))
        session.run(80)
        session.run(70)  # the step between two runs counts once
        expected = 0.004 * ramp(150, weight) * np.array([20.0, -11.0, 3.0])
        assert np.abs(session.atoms().array(SMOOTHED) - expected).max() < 1e-10
        assert np.abs(smoothing.shift).max() == 0.0


def test_a_filter_that_goes_on_counts_the_step_of_the_restart_once():
    with simulation(CRYSTAL, "fix motion all move linear 20.0 -11.0 3.0 units box") as session:
        material = Material()
        session.attach(material, every(1))
        first = Smoothing(0.02, material)
        session.attach(first, every(1))
        session.run(80)
        session.detach(first)
        session.attach(Smoothing(0.02, material, first.shift), every(1))
        session.run(70)
        expected = 0.004 * ramp(150, 0.02) * np.array([20.0, -11.0, 3.0])
        assert np.abs(session.atoms().array(SMOOTHED) - expected).max() < 1e-10


def test_the_shift_of_images_is_filtered_like_the_displacements():
    with simulation(CRYSTAL, "fix motion all nve\nfix pull all deform 1 x erate 0.5 remap x") as session:
        material = Material()
        smoothing = Smoothing(0.1, material)
        session.attach(material, every(1))
        session.attach(smoothing, every(1))
        length = session.box()[0, 0]
        session.run(60)
    # right after the forces the box is that of the step before
    keep = 0.9
    values = 0.5 * 0.004 * length * np.arange(60)
    expected = sum(0.1 * keep ** (59 - k) * values[k] for k in range(60))
    assert smoothing.shift[0, 0] == pytest.approx(expected, rel=1e-9)


RAIN = """
    pair_coeff * * 0.0 1.0
    velocity all set 3.0 0 0
    region top block 0 5 0 4 0 3
    fix motion all nve
    fix away all evaporate 5 4 top 4711
    fix rain all deposit 60 2 5 4711 region top near 0.25 vx 0.0 0.0 vy 0.0 0.0 vz 0.0 0.0
    neigh_modify every 1 delay 0 check no
    """
"""Atoms go, and others, which stay where they appear, take their places in memory."""


def test_an_atom_that_appears_has_no_displacement_of_the_one_before_it():
    with simulation(CRYSTAL, RAIN) as session:
        count = session.natoms
        material = Material()
        session.attach(material, every(1))
        session.attach(Smoothing(0.01, material), every(1))
        session.run(300)
        atoms = session.atoms()
        new = atoms.ids > count
        size = np.abs(atoms.array(SMOOTHED)).max(axis=1)
    assert new.sum() > 10 and size[new].max() == 0.0
    assert size[~new].min() > 1.0


def test_a_second_filter_begins_at_zero():
    with simulation(CRYSTAL, "velocity all set 1 0 0\npair_coeff * * 0.0 1.0\nfix motion all nve") as session:
        for steps in (50, 0):
            material = Material()
            smoothing = Smoothing(0.1, material)
            session.attach(material, every(1))
            session.attach(smoothing, every(1))
            session.run(steps)
            size = np.abs(session.atoms().array(SMOOTHED)).max()
            session.detach(smoothing)
            session.detach(material)
            assert (size > 0.1) == (steps > 0)
        assert size == 0.0
