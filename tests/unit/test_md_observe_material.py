"""The cell that the material is followed in, and the references of atoms, also of those that come later."""

from contextlib import nullcontext

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation

from mdbridge.core.errors import ObserverError
from mdbridge.fields.box import Box
from mdbridge.md.observe.base import Observer
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


@pytest.mark.parametrize(
    ("motion", "displaced", "refused"),
    [
        ("x erate 0.5", [0, 1], True),
        ("x erate 0.5", [1], False),
        ("x erate 0.5", [], False),
        ("", [0, 1], False),
    ],
)
def test_atoms_that_appear_in_a_box_that_has_changed_have_no_images_that_count(motion, displaced, refused):
    """The image of an atom born in a box of 12.5 would have moved by all that it was stretched since 10."""
    rain = "fix motion all nve\nregion top block 0 5 0 4 1 2\ndelete_atoms region top\n"
    rain += "fix rain all deposit 5 1 20 4711 region top near 0.7 vz 0.0 0.0\n"
    rain += f"fix pull all deform 1 {motion} remap x" if motion else ""
    with simulation(CRYSTAL, rain) as session:
        count = session.natoms
        session.attach(Material(displaced=displaced), every(1))
        expected = pytest.raises(ObserverError, match=r"at step 21 atoms appear in a box that has changed")
        with expected if refused else nullcontext():
            session.run(60)
        # at steps 1, where the box is still what it was, 21 and 41
        assert session.natoms == count + (2 if refused else 3)


def test_an_atom_that_takes_the_row_of_another_does_not_take_its_reference():
    """LAMMPS leaves in a new atom's row what was in it: atoms must go while others come."""
    change = """
        pair_coeff * * 0.0 1.0
        region top block 0 5 0 4 0 3
        fix motion all nve
        fix away all evaporate 5 4 top 4711
        fix rain all deposit 60 2 5 4711 region top near 0.25 vz 0.0 0.0
        neigh_modify every 1 delay 0 check no
        """
    with simulation(CRYSTAL, change) as session:
        material = Material()
        session.attach(material, every(1))
        session.run(100)
        atoms = session.atoms()
        assert (atoms.ids > 240).sum() > 10 and session.natoms < 240
        moved = np.linalg.norm(atoms.unwrapped() - atoms.array(ORIGIN), axis=1)
        # none farther than the fastest flies: a reference of another atom is boxes away from it
        assert moved.max() < 2.5
        back = material.motion.carried(atoms.array(COORDINATES))
        np.testing.assert_allclose(back, atoms.array(ORIGIN), atol=1e-9)


def test_a_second_reference_in_one_session_is_taken_anew():
    with simulation(CRYSTAL, "fix motion all nve") as session:
        first = Material()
        session.attach(first, every(1))
        session.run(20)
        session.detach(first)
        session.attach(Material(), every(1))
        session.run(0)
        atoms = session.atoms()
        np.testing.assert_array_equal(atoms.unwrapped(), atoms.array(ORIGIN))


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


def test_a_box_that_does_not_move_flows_by_nothing():
    with simulation(CRYSTAL, "fix motion all nve") as session:
        material = Material(timed=True)
        session.attach(material, every(1))
        session.run(4)
    assert np.abs(material.flow.edges).max() == np.abs(material.first_flow.edges).max() == 0.0


@pytest.mark.parametrize("moment", ["forces", "end"])
def test_the_box_flows_steadily_when_steps_become_shorter(moment):
    """Each of its moves took as long as its own step, whatever the next one takes."""

    class Seen(Observer):
        def local(self, atoms):
            if moment == "end":  # the box has moved since
                material.end(atoms)
            rates.append(None if material.flow is None else material.flow.edges[1, 0])

    rates = []
    shear = "fix motion all nve\nfix pull all deform 1 xy erate 2.0 remap v\n"
    with simulation(CRYSTAL, shear) as session:
        material, seen = Material(flows=True), Seen()
        seen.moment = moment
        session.attach(material, every(1))
        session.attach(seen, every(1))
        session.run(10)
        session.commands("timestep 0.001")
        session.run(8)
        height = session.box()[1, 1]
    assert rates[3:] == pytest.approx([2.0 * height] * (len(rates) - 3), rel=1e-9)


@pytest.mark.parametrize(
    ("command", "gradient", "centred"),
    [
        ("deform 1 xy erate 0.5 remap x", [[0, 0, 0], [0.5, 0, 0], [0, 0, 0]], False),
        ("deform 1 x vel 0.8 remap x units box", [[0.8, 0, 0], [0, 0, 0], [0, 0, 0]], True),
        ("deform 1 z vel -0.3 yz vel 0.2 remap x units box", [[0, 0, 0], [0, 0, 0], [0, 0.2, -0.3]], True),
    ],
)
def test_the_box_flows_as_its_commands_say_about_their_fixed_point(command, gradient, centred):
    """A velocity of its edges per edge; 'vel' moves both faces, so that the middle stays."""
    with simulation(CRYSTAL, f"fix motion all nve\nfix pull all {command}") as session:
        first = session.box().copy()
        material = Material(timed=True)
        session.attach(material, every(1))
        session.run(25)
        box = material.motion.box
        # rates of whole edges: of shear, an edge across, of stretch, the edge itself
        expected = np.array(gradient, dtype=float)
        expected[1, 0] *= first[1, 1]
        np.testing.assert_allclose(material.flow.edges, expected, atol=1e-9)
        middle = box.positions(np.full((1, 3), 0.5))
        if centred:
            straight = [axis for axis in range(3) if expected[axis, axis]]
            assert np.abs(material.flow.at(middle, box)[0, straight]).max() < 1e-9
        else:
            assert np.abs(material.flow.corner).max() < 1e-9
