"""Graphene with SiC.tersoff: the paper's sheet, and its values."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.md.crystals import planar_crystal, plane_box
from mdbridge.md.elastic import elastic_constants

GRAPHENE = planar_crystal("graphene")


@pytest.fixture(scope="module")
def lattice():
    return GRAPHENE.relaxed_lattice(MPI.COMM_SELF)


def test_the_bond_length_is_that_of_the_tersoff_potential(lattice):
    assert GRAPHENE.shortest == pytest.approx(1 / np.sqrt(3), rel=1e-12)
    assert GRAPHENE.shortest * lattice == pytest.approx(1.4606, abs=1e-4)
    assert GRAPHENE.bond_cutoff(lattice) == pytest.approx(1.9, abs=2e-3)


def test_the_paper_s_sheet_has_3588_atoms(lattice):
    with GRAPHENE.sheet(MPI.COMM_SELF, (39, 23), lattice) as session:
        assert session.natoms == 3588
        assert np.allclose(plane_box(session), [98.66, 100.78], atol=0.01)
        session.run(0)
        assert np.abs(session.gather("f", 3)).max() < 1e-10
        assert (session.masses() == 12.011).all()


def test_elastic_constants_are_those_measured_by_hand(lattice):
    constants = elastic_constants(MPI.COMM_SELF, GRAPHENE, lattice)
    measured = [constants[name] for name in ("C11_TPa", "C12_TPa", "C66_TPa")]
    assert np.allclose(measured, [1.2470, -0.1971, 0.7221], atol=2e-4)
