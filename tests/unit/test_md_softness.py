"""Nonaffine displacements of crystals, of which they are known, and Gaussian averages of atoms' values."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.md import cuzr, softness
from mdbridge.md.potentials import potential

COMM = MPI.COMM_SELF
MATERIAL = potential("CuZr_mm.eam.fs")


def restart(folder, more=""):
    """A crystal of 128 atoms at no temperature, changed by ``more``."""
    with cuzr.crystal(COMM, (4, 4, 4), 1e-6, 3, MATERIAL, 0.005) as session:
        session.commands(more)
        session.commands(f"write_restart {folder / 'restart'}")
    return folder / "restart"


def test_a_perfect_crystal_of_centres_of_symmetry_moves_as_the_box_does(tmp_path):
    places, squares, box = softness.nonaffinity(COMM, restart(tmp_path), MATERIAL, 0.005, 0.002)
    assert places.shape == (128, 3)
    assert box == pytest.approx([4 * cuzr.LATTICE] * 3)
    # forces of 1e-3 eV/Å allow for displacements of about 1e-4 Å, 0.05 Å over the strain
    assert squares.max() < 0.01


def test_about_an_atom_of_the_wrong_kind_others_move_in_proportion_to_the_strain(tmp_path):
    """It is a centre of symmetry of the crystal, whichever way that is sheared."""
    defective = restart(tmp_path, "set atom 64 type 1")
    squares = [softness.nonaffinity(COMM, defective, MATERIAL, 0.005, strain)[1] for strain in (0.001, 0.002)]
    # 0.2 Å² is what the perfect crystal stays below
    assert squares[1][63] < 1e-9 < 1.0 < squares[1].mean()
    assert squares[0].mean() == pytest.approx(squares[1].mean(), rel=0.05)


def test_window_means_are_those_of_the_formula_around_the_box():
    random = np.random.default_rng(0)
    box = np.array([12.0, 20.0, 5.0])
    # some beyond the edges, as unwrapped places are
    places = random.uniform(-0.5, 1.5, (400, 3)) * box
    values = random.normal(size=400)
    means = softness.window_means(places, values, box, (5, 3), 1.5, 3.0)
    node = np.array([2.0, 18.0])
    best = np.full(400, np.inf)
    for i in range(-2, 3):
        for j in range(-2, 3):
            best = np.minimum(best, ((places[:, :2] + [12 * i, 20 * j] - node) ** 2).sum(axis=1))
    weight = np.where(best < 20.25, np.exp(-best / 4.5), 0)
    assert means[4, 0] == pytest.approx((weight * values).sum() / weight.sum())
    np.testing.assert_allclose(softness.window_means(places, np.full(400, 3.0), box, (5, 3), 1.5, 3.0), 3.0)


def test_a_window_without_an_atom_is_refused():
    with pytest.raises(ValueError, match=r"a window of 0\.1 leaves cells without an atom"):
        softness.window_means(np.zeros((1, 3)), np.ones(1), np.array([9.0, 9.0]), (3, 3), 0.1, 3.0)
