"""The whole box in time: as LAMMPS's own output, and how it has been deformed."""

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation

from mdbridge.fields.box import Box
from mdbridge.md.observe.curves import COLUMNS, Curves, strains
from mdbridge.md.observe.material import Material, Motion
from mdbridge.md.observe.schedule import every


def test_rows_are_what_lammps_prints_of_the_same_steps():
    with simulation(CRYSTAL, "fix motion all nve\nthermo 10\nthermo_modify norm yes") as session:
        material = Material()
        curves = Curves(material)
        session.attach(material, every(1))
        session.attach(curves, every(10))
        session.run(20)
        table = dict(zip(COLUMNS, curves.take()[-1], strict=False))
        assert table["step"] == 20
        for name in ("temp", "pxx", "pxy", "pyz"):
            assert table[name] == pytest.approx(session.lmp.get_thermo(name), rel=1e-12), name
        # energies are those of all atoms, whatever is normalised for the log
        assert table["pe"] == pytest.approx(session.lmp.get_thermo("pe") * session.natoms, rel=1e-10)
    assert len(curves.take()) == 0


def test_what_needs_velocities_or_a_potential_is_nan_without_them():
    with simulation(CRYSTAL, "fix motion all nve") as session:
        material = Material()
        curves = Curves(material, moves=False, acts=True)
        session.attach(material, every(1))
        session.attach(curves, every(10))
        session.run(10)
    table = dict(zip(COLUMNS, curves.take()[-1], strict=False))
    assert np.isnan([table[name] for name in ("temp", "ke", "pxx")]).all()
    assert np.isfinite([table[name] for name in ("pe", "atoms", "time")]).all()


def test_strains_of_a_box_that_is_stretched_and_sheared():
    first = Box(np.diag([5.0, 4.0, 3.0]), np.zeros(3))
    boxes = np.array([first.edges, [[5.5, 0, 0], [0.8, 4.0, 0], [0, 0, 2.7]]])
    measured = strains(boxes, Motion(first, first))
    np.testing.assert_allclose(measured["stretch"], [[1, 1, 1], [1.1, 1.0, 0.9]])
    np.testing.assert_allclose(measured["shear"][1], [0.2, 0, 0])
    np.testing.assert_allclose(measured["strain"][1], [0.105, 0.02, -0.095, 0.11, 0, 0], atol=1e-12)
