"""Energies and fractions of the types are those of all atoms, averaged over the steps of a frame."""

import numpy as np
import pytest
from glass_systems import crystal
from mpi4py import MPI

from mdbridge.md.observe.base import Observer
from mdbridge.md.observe.bytype import TypeMeans
from mdbridge.md.observe.schedule import every, on

COMM = MPI.COMM_SELF


class Energies(Observer):
    """The mean energies of the types at each look."""

    needs = ("c_own",)

    def __init__(self):
        self.rows = []

    def local(self, atoms):
        self.rows.append([atoms.values("c_own")[atoms.types == kind].mean() for kind in (1, 2)])


def test_means_are_those_of_the_atoms_of_each_type_over_the_steps_of_a_frame():
    with crystal(COMM, "compute own all pe/atom\nfix motion all nve") as session:
        kept, own = [], Energies()
        session.attach(TypeMeans(every(4), kept.append), on([2, 4, 6, 8]))
        session.attach(own, on([2, 4, 6, 8]))
        session.run(8)
        kind = session.gather("type").ravel()
    assert [frame["step"] for frame in kept] == [4, 8]
    for frame, rows in zip(kept, (own.rows[:2], own.rows[2:]), strict=True):
        assert frame["means"]["type_fraction"] == pytest.approx([(kind == 1).mean(), (kind == 2).mean()])
        assert frame["means"]["type_energy"] == pytest.approx(np.mean(rows, axis=0), rel=1e-12)
        assert np.ptp(rows, axis=0).min() > 1e-6


def test_a_type_without_atoms_has_no_energy():
    with crystal(COMM, "set type 2 type 1") as session:
        kept = []
        session.attach(TypeMeans(every(1), kept.append), every(1))
        session.run(0)
    assert kept[0]["means"]["type_fraction"].tolist() == [1.0, 0.0]
    assert kept[0]["means"]["type_energy"][1] == 0.0
