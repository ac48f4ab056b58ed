"""Atoms out of a dump: every name that observers use leads to its columns."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdbridge.core.errors import InputError, MDError
from mdbridge.md import recorded, sources
from mdbridge.md.dumps import Snapshot
from mdbridge.md.recorded import RecordedAtoms

BOX = np.array([[10.0, 0, 0], [2.0, 8.0, 0], [0, 0, 6.0]])
NAMES = (
    *recorded.ALWAYS,
    "vx",
    "vy",
    "vz",
    "d_size",
    "d2_pair[1]",
    "d2_pair[2]",
    "c_pe",
    "mol",
    "v_mdbridge_group_hot",
)
ROWS = np.arange(len(NAMES) * 2.0).reshape(2, -1)
ROWS[:, 0] = [4, 2]  # id
ROWS[:, 1] = [1, 3]
ROWS[:, 5:8] = [[1, 0, -1], [0, 2, 0]]  # images
ROWS[:, -1] = [1.0, 0.0]


def at(name):
    return ROWS[:, NAMES.index(name)]


@pytest.fixture
def atoms():
    lmp = SimpleNamespace(
        extract_global=lambda name: {"dt": 0.25, "units": "metal"}[name],
        extract_setting=lambda name: {"dimension": 2}[name],
    )
    session = SimpleNamespace(lmp=lmp, image_bits=10)
    snapshot = Snapshot(
        40, 9.5, np.array([-1.0, 0, 0]), BOX, (True, True, False), NAMES, (ROWS[:, :4], ROWS[:, 4:])
    )
    return RecordedAtoms(session, snapshot, {"temp": 300.0})


def test_step_units_and_box_are_those_of_the_record(atoms):
    assert (atoms.step, atoms.time, atoms.count, atoms.timestep) == (40, 9.5, 2, 0.25)
    assert (atoms.units, atoms.dimension, atoms.degrees_of_freedom) == ("metal", 2, 2)
    assert atoms.periodic == (True, True, False)
    assert np.array_equal(atoms.box(), BOX) and atoms.corner().tolist() == [-1.0, 0.0, 0.0]


def test_vectors_and_tables_are_made_of_their_columns(atoms):
    assert np.array_equal(atoms.x, np.stack([at(n) for n in "xyz"], axis=1))
    assert np.array_equal(atoms.v, np.stack([at(f"v{n}") for n in "xyz"], axis=1))
    assert np.array_equal(atoms.array("d2_pair"), np.stack([at("d2_pair[1]"), at("d2_pair[2]")], axis=1))
    assert np.array_equal(atoms.array("d_size"), at("d_size"))
    assert np.array_equal(atoms.values("d2_pair[2]"), at("d2_pair[2]"))
    assert np.array_equal(atoms.values("vy"), at("vy"))
    assert np.array_equal(atoms.values("c_pe"), at("c_pe"))
    assert np.array_equal(atoms.masses(), at("mass")) and np.array_equal(atoms.array("rmass"), at("mass"))


def test_lammps_s_own_names_of_arrays_are_known(atoms):
    assert np.array_equal(atoms.array("molecule"), at("mol"))
    assert atoms.ids.tolist() == [4, 2] and atoms.types.tolist() == [1, 3]


def test_positions_are_unwrapped_along_the_edges_of_the_box(atoms):
    shifts = np.array([[10.0, 0.0, -6.0], [4.0, 16.0, 0.0]])
    np.testing.assert_allclose(atoms.unwrapped(), atoms.x + shifts)


@pytest.mark.parametrize(("bits", "kind"), [(10, np.int32), (21, np.int64)])
def test_images_are_packed_as_lammps_packs_them(atoms, bits, kind):
    atoms.image_bits = bits
    packed = atoms.array("image")
    assert packed.dtype == kind
    mask, half = (1 << bits) - 1, 1 << (bits - 1)
    wide = packed.astype(np.int64)
    flags = np.stack([wide & mask, wide >> bits & mask, wide >> 2 * bits & mask], axis=1) - half
    assert np.array_equal(flags, atoms.images)


def test_groups_and_the_system(atoms):
    assert atoms.group("all").tolist() == [True, True]
    assert atoms.group("hot").tolist() == [True, False]
    assert atoms.thermo("temp") == 300.0


def test_what_was_not_recorded_is_said(atoms):
    with pytest.raises(MDError, match=r"'c_other' was not recorded: .*'needs'"):
        atoms.values("c_other")
    with pytest.raises(MDError, match=r"'press' was not recorded: .*'thermo'"):
        atoms.thermo("press")
    with pytest.raises(MDError, match=r"'fx' was not recorded"):
        _ = atoms.f


def test_atoms_without_ids_are_refused(atoms):
    rows = ROWS.copy()
    rows[:, 0] = 0
    object.__setattr__(atoms._snapshot, "tables", (rows[:, :4], rows[:, 4:]))
    with pytest.raises(InputError, match="no IDs"):
        _ = atoms.ids


def test_a_group_that_was_not_asked_for_is_said(atoms):
    with pytest.raises(MDError, match="group 'cold' was not recorded: an observer names it in its 'groups'"):
        atoms.group("cold")


def test_columns_of_a_dump_are_each_asked_for_once(monkeypatch):
    monkeypatch.setattr(sources, "width", lambda lmp, name: 3)
    asked = recorded.columns(
        SimpleNamespace(lmp=None), ["x", "v", "vx", "d2_pair", "d2_pair[1]", "image", "c_pe"], ["my-group.1"]
    )
    assert asked == [
        *recorded.ALWAYS,
        "vx",
        "vy",
        "vz",
        "d2_pair[1]",
        "d2_pair[2]",
        "d2_pair[3]",
        "c_pe",
        f"v_mdbridge_coded_{b'my-group.1'.hex()}",
    ]
