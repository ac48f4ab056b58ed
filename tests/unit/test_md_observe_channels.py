"""What atoms give: groups, images that move with the box, and LAMMPS's own heat flux."""

import numpy as np
import pytest
from field_systems import CRYSTAL, attached, simulation

from mdbridge.fields.box import Box
from mdbridge.md.observe.channels import PAIRS, Constants, Sample, channels, products
from mdbridge.md.observe.material import Flow, Motion


def test_products_are_the_components_of_a_symmetric_tensor():
    a = np.random.default_rng(0).standard_normal((4, 3))
    whole = np.einsum("ni,nj->nij", a, a)
    np.testing.assert_array_equal(products(a, a), np.stack([whole[:, i, j] for i, j in PAIRS], axis=1))


def test_images_have_the_values_of_their_atoms_and_move_with_the_box():
    with simulation(CRYSTAL, "group heavy type 2") as session:
        atoms = session.atoms()
        box = Box(atoms.box(), atoms.corner())
        gradient = np.array([[0.1, 0, 0], [2.0, 0.3, 0], [0, 0, -0.2]])
        # a flow that is linear in the laboratory
        flow = Flow(box.edges @ gradient, box.corner @ gradient)
        sample = Sample(atoms, Motion(box, box), "heavy", Constants.of(session), flow)
        assert set(sample.types) == {2} and sample.count == (atoms.types == 2).sum()
        chosen, shifts = np.array([3, 0, 3]), np.array([[1.0, 0, 0], [0, 0, 0], [0, 2.0, 0]])
        before = sample.velocity.copy()
        images = sample.images(chosen, shifts, True)
        np.testing.assert_allclose(images.velocity, before[chosen] + shifts @ flow.edges)
        np.testing.assert_allclose(
            images.box_velocity, (images.x + shifts @ box.edges) @ gradient, atol=1e-12
        )
        assert sample.images(chosen, shifts, False).velocity == pytest.approx(before[chosen])
        np.testing.assert_array_equal(images.mass, sample.mass[chosen])
        np.testing.assert_array_equal(images.x, sample.x[chosen])
        np.testing.assert_array_equal(sample.velocity, before)


def test_every_channel_has_the_width_it_says():
    with simulation(CRYSTAL, "compute mine all ke/atom\nrun 0") as session:
        sample = Sample(session.atoms(), None, "all", Constants.of(session))
        for name, channel in channels(Constants.of(session), {"mine": "c_mine"}).items():
            if not any(source.startswith("c_mdbridge") for source in channel.sources):
                assert channel.take(sample).shape == (sample.count, channel.width), name


def test_heat_flux_integrates_to_that_of_lammps():
    own = """
        compute ke all ke/atom
        compute pe all pe/atom
        compute s all centroid/stress/atom NULL virial
        compute flux all heat/flux ke pe s
        fix motion all nve
        thermo_style custom step c_flux[1] c_flux[2] c_flux[3] vol
        thermo 10
        """
    with simulation(CRYSTAL, own) as session:
        frames, _ = attached(session, ["heat_flux"])
        session.run(20)
        expected = np.array(session.lmp.numpy.extract_compute("flux", 0, 1)[:3]) / session.lmp.get_thermo(
            "vol"
        )
    mean = frames[-1]["fields"]["heat_flux"].mean(axis=(0, 1))
    assert mean == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("peculiar", [False, True])
@pytest.mark.parametrize("farther", [None, np.ones((2, 3))])
def test_atoms_are_as_recorded_without_images_and_with_the_velocities_of_lammps(peculiar, farther):
    sample = object.__new__(Sample)
    sample._peculiar, sample._farther = peculiar, farther
    assert sample.as_recorded is (not peculiar and farther is None)
