"""The thermostat in the plane, for one mass and for two."""

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.md.thermostat import temperature, thermostat


@pytest.mark.parametrize(
    "crystal", [planar_systems.GRAPHENE, planar_systems.BORON_NITRIDE], ids=lambda planar: planar.name
)
def test_the_thermostat_holds_its_temperature_in_the_plane(crystal):
    lattice = crystal.relaxed_lattice(MPI.COMM_SELF)
    with crystal.sheet(MPI.COMM_SELF, (10, 6), lattice) as session:
        thermostat(session, 300.0, 0.1, 77)
        session.run(0)
        assert np.isclose(temperature(session), 600.0, rtol=0.05)  # before half goes into the bonds
        masses = session.masses()
        heat, each = [], []
        for _ in range(40):
            session.run(20)
            heat.append(temperature(session))
            each.append(masses * (session.gather("v", 2) ** 2).mean(axis=1))
            momentum = masses @ session.gather("v", 2)
        # 480 degrees of freedom: one reading scatters by 20 K, their mean by a few
        assert 270 < np.mean(heat[10:]) < 330
        assert np.abs(session.gather("v", 3)[:, 2]).max() == 0
        assert np.abs(session.gather("x", 3)[:, 2]).max() < 1e-12
        assert np.abs(momentum).max() < 1e-9 * masses.sum()
    if len(crystal.masses) == 2:  # equipartition: light atoms move faster
        light, heavy = (np.mean(np.array(each)[10:, masses == mass]) for mass in crystal.masses)
        assert light == pytest.approx(heavy, rel=0.12)
