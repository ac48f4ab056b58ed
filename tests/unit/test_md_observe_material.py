"""The cell that the material is followed in, and the references of atoms, also of those that come later."""

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation

from mdbridge.fields.box import Box
from mdbridge.md.observe.material import COORDINATES, ORIGIN, Material, Motion
from mdbridge.md.observe.schedule import every


def test_references_are_where_atoms_were_unwrapped():
    drift = "velocity all set 3.0 0 0 sum yes\nfix motion all nve\nrun 300"
    with simulation(CRYSTAL, drift) as session:
        before = session.atoms().unwrapped().copy()
        ids = session.atoms().ids.copy()
        material = Material()
        session.attach(material, every(1))
        session.run(50)
        atoms = session.atoms()
        order = np.argsort(ids)[np.argsort(np.argsort(atoms.ids))]
        np.testing.assert_allclose(atoms.array(ORIGIN), before[order], atol=1e-12)
        np.testing.assert_allclose(
            material.motion.at_first(atoms.array(COORDINATES)), before[order], atol=1e-9
        )


def test_an_atom_that_comes_later_has_its_reference_at_its_birth():
    rain = """
        region top block 0 5 0 4 1 2
        delete_atoms region top
        fix motion all nve
        fix rain all deposit 5 1 20 4711 region top near 0.7 vz 0.0 0.0
        """
    with simulation(CRYSTAL, rain) as session:
        count = session.natoms
        session.attach(Material(), every(1))
        session.run(100)
        atoms = session.atoms()
        assert session.natoms > count
        moved = np.linalg.norm(atoms.unwrapped() - atoms.array(ORIGIN), axis=1)
        assert moved.max() < 3.0  # not as far as from (0, 0, 0)


@pytest.mark.parametrize("periodic", [(True, True, True), (False, True, True)])
def test_motion_carries_the_reference_box_into_the_present_one(periodic):
    first = Box(np.diag([5.0, 4.0, 3.0]), np.zeros(3), periodic)
    now = Box(np.array([[6.0, 0, 0], [1.0, 4.0, 0], [0, 0, 3.0]]), np.array([-0.5, 0, 0]), periodic)
    motion = Motion(now, first)
    coordinates = np.random.default_rng(0).random((6, 3))
    x = motion.at_first(coordinates)
    expected = (x - motion.at_first(np.zeros((1, 3)))) @ motion.affine.T + motion.carried(np.zeros((1, 3)))
    np.testing.assert_allclose(motion.carried(coordinates), expected, atol=1e-12)
    np.testing.assert_allclose(motion.coordinates(motion.carried(coordinates)), coordinates, atol=1e-12)
    assert motion.affine[0, 0] == pytest.approx(1.2 if periodic[0] else 1.0)
    assert motion.fit == ([] if periodic[0] else [0])


def test_the_rate_of_a_box_with_velocities_is_that_of_its_edges():
    shear = "fix motion all nve\nfix pull all deform 1 xy erate 2.0 remap v"
    with simulation(CRYSTAL, shear) as session:
        material = Material(flows=True)
        session.attach(material, every(1))
        session.run(200)  # beyond a flip
        height = session.box()[1, 1]
        assert material.flow.edges[1, 0] == pytest.approx(2.0 * height, rel=1e-9)
        assert np.abs(material.flow.edges).sum() == pytest.approx(2.0 * height, rel=1e-9)
        assert material.motion.box.edges[1, 0] == pytest.approx(2.0 * height * 0.8, rel=0.01)
