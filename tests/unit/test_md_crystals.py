"""Planar crystals: at rest as found, bonded as they should be, refused by name where they make no sense."""

import json
from dataclasses import replace

import numpy as np
import planar_systems
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError
from mdbridge.md import crystals
from mdbridge.md.crystals import CRYSTALS, planar_crystal
from mdbridge.md.relax import Crystal

GRAPHENE, TRIANGULAR = planar_systems.GRAPHENE, planar_systems.TRIANGULAR


@pytest.fixture(params=planar_systems.ALL, scope="module")
def planar(request):
    return planar_systems.ALL[request.param]


@pytest.fixture(scope="module")
def lattice(planar):
    return planar.relaxed_lattice(MPI.COMM_SELF)


def sheet(planar, lattice, cells=(6, 4)):
    return planar.sheet(MPI.COMM_SELF, cells, lattice)


# --- at rest --------------------------------------------------------------------


def test_no_atom_has_a_force_at_rest_and_the_sheet_no_stress(planar, lattice):
    with sheet(planar, lattice) as session:
        session.run(0)
        assert np.abs(session.gather("f", 3)).max() < 1e-9
        stress = [session.lmp.get_thermo(name) for name in ("pxx", "pyy", "pxy")]
    with sheet(planar, 1.01 * lattice) as session:
        session.run(0)
        stretched = session.lmp.get_thermo("pxx")
    assert stretched < -1000
    assert np.abs(stress).max() < 1e-5 * abs(stretched)


def test_the_lattice_constant_minimises_the_energy(planar, lattice):
    def energy(length):
        with sheet(planar, length) as session:
            session.run(0)
            return session.lmp.get_thermo("pe")

    step = 2e-4
    low, middle, high = (energy(lattice + shift) for shift in (-step, 0, step))
    assert low > middle < high
    assert abs(step * (low - high) / (2 * (low - 2 * middle + high))) < 1e-7


@pytest.mark.parametrize("factor", [0.93, 1.13])
def test_the_guess_of_the_lattice_constant_does_not_matter(planar, lattice, factor):
    assert abs(planar.relaxed_lattice(MPI.COMM_SELF, factor * lattice) - lattice) < 1e-7


@pytest.mark.parametrize("guess", [0.7, 1.9, 3.0])
def test_a_guess_too_far_off_is_an_error(guess):
    with pytest.raises(InputError, match=rf"'md.bond_guess_A' = {guess:g}:.* within 15%"):
        GRAPHENE.relaxed_lattice(MPI.COMM_SELF, guess / GRAPHENE.shortest)


def test_moved_atoms_and_another_shape_of_the_cell_are_not_taken_for_a_lattice_at_rest():
    first, *others = GRAPHENE.basis
    moved = replace(GRAPHENE, basis=((first[0], first[1] + 0.01, first[2]), *others))
    with pytest.raises(InputError, match=r"graphene with pair_style tersoff: .* forces of .* other places"):
        moved.relaxed_lattice(MPI.COMM_SELF)
    longer = replace(TRIANGULAR, cell=(1.0, 1.8))
    with pytest.raises(
        InputError, match=r"triangular with pair_style morse 3.8: .* another shape of the cell"
    ):
        longer.relaxed_lattice(MPI.COMM_SELF)


# --- atoms and bonds ------------------------------------------------------------


def test_types_and_masses_are_those_given(planar, lattice):
    cells = (6, 4)
    with sheet(planar, lattice, cells) as session:
        types = session.gather("type", 1)[:, 0].astype(int)
        assert len(types) == 24 * len(planar.basis)
        for kind, mass in enumerate(planar.masses, start=1):
            assert (types == kind).sum() == 24 * sum(k == kind for k, *_ in planar.basis)
            assert (session.masses()[types == kind] == mass).all()
        assert np.allclose(crystals.plane_box(session), planar.box(cells, lattice), rtol=1e-12)
        x = session.gather("x", 3)
        assert np.abs(x[:, 2]).max() == 0
        assert np.array_equal(session.gather("d2_reference", 2), x[:, :2])


def test_every_atom_has_its_nearest_neighbours_bonded_and_no_other(planar, lattice):
    neighbours = 6 if planar is TRIANGULAR else 3
    with sheet(planar, lattice) as session:
        cutoff = planar.bond_cutoff(lattice)
        crystal = Crystal(session, cutoff, 1.05 * cutoff, free=False)
        i, j = crystal.bonds.T
        assert (np.bincount(crystal.bonds.ravel()) == neighbours).all()
        apart = crystal.reference[j] - crystal.reference[i]
        apart -= crystal.box * np.rint(apart / crystal.box)
        assert np.allclose(np.linalg.norm(apart, axis=1), planar.shortest * lattice, rtol=1e-10)
        if len(planar.masses) == 2:  # the two kinds alternate
            types = session.gather("type", 1)[:, 0]
            assert (types[i] != types[j]).all()


def test_a_disc_has_no_atom_that_hangs_by_one_bond(planar, lattice):
    with planar.free_disc(MPI.COMM_SELF, 12.0, lattice) as session:
        x = session.gather("d2_reference", 2)
        assert 11.0 < np.hypot(*x.T).max() < 13.0
        distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
        bonds = (distance < planar.bond_cutoff(lattice)).sum(axis=1) - 1
        assert bonds.min() >= 2
        assert len(x) > 0.7 * np.pi * 12.0**2 * len(planar.basis) / planar.box((1, 1), lattice).prod()


def test_a_disc_too_small_to_hold_together_is_an_error():
    with pytest.raises(InputError, match=r"'md\.disc_radius_A' = 1"):
        GRAPHENE.free_disc(MPI.COMM_SELF, 1.0, 2.53)


def test_loads_act_and_their_energy_is_counted(planar, lattice):
    with sheet(planar, lattice) as session:
        session.run(0)
        before = session.lmp.get_thermo("pe")
        load = np.zeros((session.natoms, 2))
        load[0], load[1] = [0.02, 0.01], [-0.02, -0.01]
        session.scatter("d2_load", load)
        session.run(0)
        assert np.allclose(session.gather("f", 2), load, atol=1e-9)
        assert np.abs(session.gather("f", 3)[:, 2]).max() == 0
        u = np.zeros_like(load)
        u[0] = [1e-3, -2e-3]
        session.scatter("x", session.gather("d2_reference", 2) + u)
        session.run(0)
        loaded = session.lmp.get_thermo("pe")
        session.scatter("d2_load", np.zeros_like(load))
        session.run(0)
        assert np.isclose(loaded - session.lmp.get_thermo("pe"), -np.vdot(load, u), atol=1e-9)
        assert before < session.lmp.get_thermo("pe")


def test_layers_do_not_meet_however_far_the_potential_reaches():
    """AIREBO reaches over 10.2 Å, farther than the box is high: its energy is that of one layer."""
    lattice = 2.4192432771
    energies = []
    for height in (crystals.HEIGHT, 60.0):
        with sheet(planar_systems.AIREBO, lattice) as session:
            session.commands(f"change_box all z final {-height / 2} {height / 2} units box")
            session.run(0)
            energies.append(session.lmp.get_thermo("pe"))
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)


# --- what is registered, and what is refused ------------------------------------


@pytest.mark.parametrize("name", CRYSTALS)
def test_registered_crystals_have_their_name_and_their_files(name):
    crystal = planar_crystal(name)
    assert crystal.name == name
    assert all(path.is_file() for path in crystal.files().values())
    assert json.loads(json.dumps(crystal.describe()))["pair_style"] == "tersoff"


def test_an_unknown_crystal_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"no crystal 'diamond'; there are graphene, boron-nitride"):
        planar_crystal("diamond")


def test_what_defines_a_crystal_is_described_but_for_where_its_files_lie(tmp_path):
    copy = tmp_path / "mine.tersoff"
    copy.write_bytes(GRAPHENE.files()["potential"].read_bytes())
    elsewhere = replace(GRAPHENE, potentials={"potential": str(copy)})
    assert elsewhere.describe() == GRAPHENE.describe()
    assert elsewhere.files() == {"potential": copy}
    for change in ({"masses": (12.0,)}, {"thickness": 3.4}, {"pair_style": "tersoff shift 0.1"}):
        assert replace(GRAPHENE, **change).describe() != GRAPHENE.describe()


@pytest.mark.parametrize("name", ["my potentials", "für jörg"])
def test_a_path_with_a_blank_or_umlauts_is_taken(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    copy = folder / "SiC.tersoff"
    copy.write_bytes(GRAPHENE.files()["potential"].read_bytes())
    with sheet(replace(GRAPHENE, potentials={"potential": str(copy)}), 2.53) as session:
        assert session.natoms == 96


@pytest.mark.parametrize(
    ("style", "lines", "files", "words"),
    [
        ("tersoff", ["* * {other} C"], {"potential": "SiC.tersoff"}, r"\{other\} .* gives \{potential\}"),
        ("tersoff", ["* * {potential} C"], {}, r"\{potential\} .* gives none"),
        ("tersoff", ["* * SiC.tersoff C"], {"potential": "CH.airebo"}, r"'CH.airebo' is not used"),
        ("tersoff", ["* * SiC.tersoff C"], {}, r"names the file 'SiC.tersoff' itself"),
        ("tersoff", ['* * "SiC.tersoff" C'], {}, r"names the file 'SiC.tersoff' itself"),
        ("tersoff", ["* * {potential C"], {"potential": "SiC.tersoff"}, "braces hold a label"),
        ("tersoff", ["* * {0} C"], {"potential": "SiC.tersoff"}, "braces hold a label"),
        ("tersoff", ["* * {potential.parent} C"], {"potential": "SiC.tersoff"}, "braces hold a label"),
        ("tersoff", ["* * {potential} C"], {"potential": "nowhere.tersoff"}, "'nowhere.tersoff' not found"),
    ],
)
def test_lines_that_do_not_go_with_the_files_are_refused(style, lines, files, words):
    with pytest.raises(InputError, match=words):
        GRAPHENE.with_potential(style, lines, files).sheet(MPI.COMM_SELF, (4, 4), 2.53)


def test_what_lammps_refuses_is_said_in_its_own_words():
    with pytest.raises(MDError, match=r"LAMMPS refused 'pair_style nonsense'.*nonsense"):
        GRAPHENE.with_potential("nonsense", ["* *"], {}).sheet(MPI.COMM_SELF, (4, 4), 2.53)


def test_several_files_go_where_their_labels_stand(tmp_path):
    lines = ["* * tersoff {bonds} C", "* * lj/cut 0.0005 1.8"]
    both = GRAPHENE.with_potential("hybrid/overlay tersoff lj/cut 6.0", lines, {"bonds": "SiC.tersoff"})
    lattice = both.relaxed_lattice(MPI.COMM_SELF)
    assert 1e-4 < lattice - 2.529835 < 0.1  # the second potential acts as well: it pushes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"basis": ((1, 0.25, 0.25), (3, 0.75, 0.75))}, "each of the 1 types"),
        ({"masses": (40.0, 20.0)}, "each of the 2 types"),
        ({"masses": (0.0,)}, "positive"),
        ({"basis": ((1, 0.0, 0.25), (1, 0.5, 0.75))}, "inside the cell"),
    ],
)
def test_crystals_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(TRIANGULAR, **change)
