"""What follows from arrays, images and box alone, wherever the atoms are held."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.core.errors import InputError
from mdbridge.md.rankatoms import RankAtoms


class Held(RankAtoms):
    """Two atoms, the second of which has crossed a leaning boundary."""

    images = np.array([[0, 0, 0], [1, -1, 0]])

    def __init__(self, ids=(4, 2)):
        tell = {"dimension": 2, "units": "real"}
        self._session = SimpleNamespace(
            lmp=SimpleNamespace(extract_setting=tell.__getitem__, extract_global=tell.__getitem__)
        )
        positions = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]])
        self._arrays = {"id": np.array(ids), "type": np.array([1, 2]), "x": positions, "f": -positions}

    def array(self, name):
        return self._arrays[name]

    def box(self):
        return np.array([[10.0, 0, 0], [2.0, 8.0, 0], [0, 0, 1.0]])


def test_arrays_have_names_of_their_own():
    atoms = Held()
    assert atoms.ids.tolist() == [4, 2]
    assert atoms.types.tolist() == [1, 2]
    assert np.array_equal(atoms.f, -atoms.x)


def test_positions_are_unwrapped_by_the_edges_of_the_box():
    assert np.array_equal(Held().unwrapped(), [[1.0, 2.0, 0.0], [3.0 + 10.0 - 2.0, 4.0 - 8.0, 0.0]])


def test_what_the_simulation_says_of_itself():
    atoms = Held()
    assert (atoms.dimension, atoms.degrees_of_freedom, atoms.units) == (2, 2, "real")


def test_atoms_without_ids_are_refused():
    with pytest.raises(InputError, match="no IDs"):
        _ = Held(ids=(0, 0)).ids
