"""The local yield stress: of crystals, of which the stress is known, and where it cannot be high."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.glass.input import CYLINDER_A
from mdbridge.core.errors import ConvergenceError
from mdbridge.core.units import BAR_IN_GPA
from mdbridge.md import cuzr, localyield
from mdbridge.md.potentials import potential

COMM = MPI.COMM_SELF
MATERIAL = potential("CuZr_mm.eam.fs")
CELLS = 3
THICKNESS = CELLS * cuzr.LATTICE


def crystal(across=16):
    """B2, two atoms a cell; the corner of a cell at the corner of the box."""
    cells = np.stack(np.meshgrid(*map(np.arange, (across, across, CELLS)), indexing="ij"), -1).reshape(-1, 3)
    places = np.concatenate([cells, cells + 0.5]) * cuzr.LATTICE
    types = np.repeat([1, 2], len(cells))
    return localyield.Rest(types, places, np.array([across, across, CELLS]) * cuzr.LATTICE)


def bulk_stress(strain):
    """σ_xy of a periodic crystal under homogeneous shear (GPa), from LAMMPS's own pressure."""
    with cuzr.crystal(COMM, (4, 4, CELLS), 1e-6, 3, MATERIAL, 0.005) as session:
        session.commands(f"""
            velocity all set 0 0 0
            change_box all xy delta $({strain}*ly) remap units box
            """)
        session.evaluate()
        return -session.lmp.get_thermo("pxy") * BAR_IN_GPA


def test_a_cylinder_of_a_crystal_has_the_stress_of_the_crystal():
    """Its atoms are centres of symmetry: they follow the homogeneous shear, held or not."""
    rest = crystal()
    # a quarter of a cell off, inversion takes one kind of atoms to the other: as many of both are inside
    axis = np.array([8.25, 8.25, 0.0]) * cuzr.LATTICE
    distance = np.hypot(*(rest.places - axis)[:, :2].T)
    near = distance < localyield.RADIUS + 2 * localyield.REACH
    with localyield._piece(rest.types[near], (rest.places - axis)[near], THICKNESS, MATERIAL, 0.005) as piece:
        piece.commands("displace_atoms all ramp x -1.0 1.0 y -100.0 100.0 units box")
        # by the volume of its atoms: the cylinder cuts cells in two
        volume = (distance < localyield.RADIUS).sum() * cuzr.LATTICE**3 / 2
        stress = localyield._stress(piece) * BAR_IN_GPA / volume
    assert stress == pytest.approx(bulk_stress(0.01), rel=1e-4)


def test_the_input_asks_for_the_room_that_a_cylinder_needs():
    assert localyield.smallest_edge() == CYLINDER_A


def test_cylinders_stand_a_radius_apart_at_most_and_fill_the_box():
    centres = localyield.lattice(np.array([52.6, 139.2, 19.7]))
    assert len(centres) == 6 * 14
    assert np.ptp(centres, axis=0) == pytest.approx([52.6 * 5 / 6, 139.2 * 13 / 14])


def test_a_minimum_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(localyield, "ITERATIONS", 1)
    rest = crystal()
    rest.places[:, :2] += np.random.default_rng(0).normal(0, 0.2, (len(rest.places), 2))
    with pytest.raises(ConvergenceError, match="local yield stress: minimisation stopped"):
        localyield.yield_stress(rest, np.array([26.0, 26.0]), MATERIAL, 0.005)


@pytest.mark.slow
def test_where_atoms_are_missing_less_is_borne_whatever_the_place_in_the_box():
    """Copper: the crystal of both is soft against this shear."""
    edge = 3.615
    cells = np.stack(np.meshgrid(*map(np.arange, (15, 15, CELLS)), indexing="ij"), -1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    places = (cells[:, None] + basis).reshape(-1, 3) * edge
    sound = localyield.Rest(np.ones(len(places), int), places, np.array([15, 15, CELLS]) * edge)
    middle = np.array([1.0, 50.0])
    offset = places[:, :2] - middle
    offset -= sound.box[:2] * np.round(offset / sound.box[:2])
    inside = np.flatnonzero(np.hypot(*offset.T) < 6.0)
    left = np.delete(np.arange(len(places)), inside[::4])
    holed = localyield.Rest(sound.types[left], places[left], sound.box)
    gained = [localyield.yield_stress(rest, middle, MATERIAL, 0.005) for rest in (sound, holed)]
    assert 0.0 < gained[1] < 0.7 * gained[0]


@pytest.mark.parametrize(
    ("stresses", "gained"),
    [
        # what comes after the first fall is another place
        ([1.0, 3.0, 5.0, 2.0, 9.0], 4.0),
        # minima are known to a force: so small a fall is none
        ([1.0, 3.0, 2.9999, 6.0, 5.0], 5.0),
        # that never falls has borne so much, at least
        (list(range(100)), 20.0),
    ],
)
def test_what_is_borne_ends_with_the_first_fall_of_the_stress(monkeypatch, stresses, gained):
    class Piece:
        def commands(self, _):
            pass

    series = iter(stresses)
    per_gpa = np.pi * localyield.RADIUS**2 * 20.0 / BAR_IN_GPA
    monkeypatch.setattr(localyield, "_stress", lambda _: next(series) * per_gpa)
    assert localyield._gain(Piece(), 20.0) == pytest.approx(gained)
