"""Sums over atoms where they are: what is kept, what is refused, and no sum taken for another."""

import numpy as np
import pytest
from field_systems import CRYSTAL, attached, simulation

from mdbridge.core.errors import InputError
from mdbridge.md.observe.present import require_seen


def test_virial_integrates_to_the_pressure_tensor_of_lammps():
    names = ("pxx", "pyy", "pzz", "pxy", "pxz", "pyz")
    for motion in ("fix motion all nve", "fix motion all npt temp 0.5 0.5 0.4 tri 0.0 0.0 2.0"):
        with simulation(CRYSTAL, motion + "\nthermo 10") as session:
            frames, _ = attached(session, ["stress"], axes="xyz", cells=(5, 4, 3))
            session.run(20)
            expected = [-session.lmp.get_thermo(name) for name in names]
        mean = frames[-1]["fields"]["stress"].mean(axis=(0, 1, 2))
        np.testing.assert_allclose(mean, expected, rtol=1e-10, atol=1e-10)


def test_mass_and_motion_are_not_mixed_up_with_those_of_other_weights():
    """Density and the stress about the mean velocity sum masses twice, with different weights."""
    with simulation(CRYSTAL, "fix motion all nve\nthermo 10") as session:
        alone, _ = attached(session, ["density", "temperature"])
        both, _ = attached(session, ["density", "temperature", "stress"], kinetic="mean")
        session.run(20)
    for name in ("density", "temperature"):
        np.testing.assert_array_equal(alone[-1]["fields"][name], both[-1]["fields"][name])


def test_atoms_between_the_nodes_are_refused():
    require_seen(np.array([0.1, 2.0]), 1.5)
    with pytest.raises(InputError, match=r"kernel\.radius = 1\.5 sigma is so small that 1 atoms lie between"):
        require_seen(np.array([0.1, 0.0]), 1.5, "sigma")


def test_a_part_of_the_laboratory_as_large_as_the_box_has_the_fields_of_the_box():
    """Images that wrap around and images that are listed are summed by different loops."""
    names = ["density", "stress", "velocity", "temperature"]
    with simulation(CRYSTAL, "fix motion all nve\nthermo 10") as session:
        edges = np.diag(session.box())
        whole, _ = attached(session, names)
        part, _ = attached(session, names, region=[(0.0, edges[0]), (0.0, edges[1])])
        session.run(20)
    for name in names:
        expected = whole[-1]["fields"][name]
        size = np.abs(expected).max()
        np.testing.assert_allclose(part[-1]["fields"][name], expected, rtol=0, atol=1e-11 * size)
