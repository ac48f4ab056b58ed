"""A layer that is molten while the rest is held, on a small Lennard-Jones crystal."""

import numpy as np
import pytest
from glass_systems import crystal
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.md import stripe

COMM = MPI.COMM_SELF


def members(session, group):
    """Heights of the atoms of a group, in parts of the box."""
    bit = 1 << session.lmp.available_ids("group").index(group)
    inside = session.lmp.numpy.extract_atom("mask")[: session.natoms] & bit > 0
    return np.sort((session.lmp.numpy.extract_atom("x")[: session.natoms][inside, 1]) / session.box()[1, 1])


@pytest.mark.parametrize(
    ("centre", "height", "inside"),
    [
        (0.5, 0.25, lambda y: abs(y - 0.5) < 0.125),
        (0.0, 0.3, lambda y: (y < 0.15) | (y > 0.85)),
        (0.95, 0.3, lambda y: (y < 0.1) | (y > 0.8)),
    ],
)
def test_the_stripe_is_where_it_was_asked_for_and_goes_around_the_box(centre, height, inside):
    with crystal(COMM, "displace_atoms all random 0.3 0.3 0.3 8\nrun 0 post no") as session:
        y = session.lmp.numpy.extract_atom("x")[: session.natoms, 1] / session.box()[1, 1]
        stripe.mark(session, centre, height)
        np.testing.assert_allclose(members(session, "rejuvenated"), np.sort(y[inside(y)]))
        np.testing.assert_allclose(members(session, "held"), np.sort(y[~inside(y)]))


@pytest.fixture(scope="module")
def molten():
    """A stripe far above what melts it, and the temperatures of both parts then."""
    with crystal(COMM) as session:
        stripe.mark(session, 0.5, 0.5)
        stripe.watch(session)
        stripe.hold_apart(session, 4500.0, 4500.0, 150.0, 5)
        session.commands("compute hot rejuvenated temp\ncompute cold held temp")
        width = session.box()[0, 0]
        session.run(1000, "post no")
        yield session, width


def test_the_stripe_is_heated_and_the_rest_is_held(molten):
    session, _ = molten
    stripe.check_molten(session)
    hot, cold = (session.lmp.extract_compute(name, 0, 0) for name in ("hot", "cold"))
    assert hot == pytest.approx(4500.0, rel=0.2)
    assert cold < 1500.0


def test_the_box_changes_its_height_alone_and_nothing_drifts(molten):
    session, width = molten
    assert session.box()[0, 0] == width
    assert session.box()[1, 1] > 1.02 * 6 * 4.05
    stripe.come_to_rest(session)
    momentum = session.masses()[:, None] * session.gather("v", 3)
    assert np.abs(momentum.sum(axis=0)).max() < 1e-9 * np.abs(momentum).sum()


def test_a_stripe_that_stays_solid_is_refused():
    with crystal(COMM) as session:
        stripe.mark(session, 0.5, 0.5)
        stripe.watch(session)
        stripe.hold_apart(session, 300.0, 300.0, 150.0, 5)
        session.run(50, "post no")
        with pytest.raises(InputError, match=r"'glass.stripe.melt_K'.*the stripe has not melted: .* 0\.\d Å"):
            stripe.check_molten(session)


def test_a_rest_that_melts_too_is_refused():
    with crystal(COMM) as session:
        stripe.mark(session, 0.5, 0.5)
        stripe.watch(session)
        stripe.hold_apart(session, 9000.0, 9000.0, 9000.0, 5)
        session.run(500, "post no")
        with pytest.raises(InputError, match=r"'glass.stripe': the rest of the glass.*has melted"):
            stripe.check_molten(session)
