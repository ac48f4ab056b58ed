"""What an observer sees of the atoms, in boxes, units and styles that are not the paper's."""

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError, MDError
from mdbridge.md.session import Session

CRYSTAL = """
    units {units}
    dimension {dimension}
    atom_style {style}
    atom_modify map yes
    lattice {lattice}
    region whole prism 0 6 0 5 -0.5 {top} {tilt}
    create_box 2 whole
    create_atoms 1 box
    set group all type/fraction 2 0.3 4711
    {masses}
    pair_style lj/cut 2.5
    pair_coeff * * 1.0 1.0
    velocity all create 1.0 4711 loop geom
    fix motion all nve
    """


def crystal(
    units="lj",
    dimension=3,
    style="atomic",
    lattice="fcc 0.9",
    top=3.5,
    tilt="0 0 0",
    masses="mass 1 1.0\n    mass 2 4.0",
    more="",
):
    session = Session(MPI.COMM_SELF)
    text = CRYSTAL.format(**{k: v for k, v in locals().items() if k not in ("session", "more")})
    session.commands(text + more)
    return session


def test_positions_are_unwrapped_as_lammps_does_it_in_a_leaning_box():
    with crystal(
        tilt="2 1 1", more="velocity all set 3.0 -4.0 2.0 sum yes\ncompute u all property/atom xu yu zu"
    ) as session:
        session.run(300)
        atoms = session.atoms()
        theirs = np.stack([atoms.values(f"c_u[{k}]") for k in (1, 2, 3)], axis=1)
        assert np.abs(atoms.images).max() >= 1
        assert np.abs(atoms.unwrapped() - theirs).max() < 1e-12


def test_the_box_is_the_present_one_at_every_step_of_a_run():
    rows = []

    class Look:
        def local(self, atoms):
            rows.append((atoms.step, atoms.box(), session.lmp.get_thermo("lx"), session.lmp.get_thermo("xy")))

    with crystal(more="fix pull all deform 1 x erate 0.1 xy erate 2.0 remap x flip yes") as session:
        session.attach(Look(), lambda step: True)
        session.run(300, 'every 100 "change_box all y scale 1.01 remap units box"')
        tilts = [box[1, 0] for _, box, _, _ in rows]
        assert min(tilts) < -2.0 < 2.0 < max(tilts)  # it flipped
        for _, box, lx, xy in rows:
            assert (box[0, 0], box[1, 0]) == (lx, xy)
        heights = {step: box[1, 1] for step, box, _, _ in rows}
        assert np.allclose([heights[150] / heights[50], heights[250] / heights[50]], [1.01, 1.01**2])


@pytest.mark.parametrize("style", ["sphere", "isotopes"])
def test_masses_of_atoms_take_precedence_over_those_of_types(style):
    if style == "sphere":
        session = crystal(style="sphere", masses="set group all diameter 1.0 density 2.0")
    else:
        session = crystal(
            more="fix iso all property/atom rmass ghost yes\nset group all mass 3.0\nset atom 1 mass 7.0"
        )
    with session:
        expected = np.full(session.natoms, 2.0 * np.pi / 6 if style == "sphere" else 3.0)
        expected[0] = expected[0] if style == "sphere" else 7.0
        assert np.allclose(session.atoms().masses()[np.argsort(session.atoms().ids)], expected, rtol=1e-14)


def test_a_plane_has_two_degrees_of_freedom():
    with crystal(dimension=2, lattice="sq2 0.8", top=0.5, more="fix flat all enforce2d") as session:
        session.run(0)
        atoms = session.atoms()
        assert (atoms.dimension, atoms.degrees_of_freedom) == (2, 2)
        heat = (atoms.masses()[:, None] * atoms.v**2).sum()
        # LAMMPS takes off the motion of the centre: 2 of them
        dof = atoms.degrees_of_freedom * atoms.count - 2
        assert np.isclose(heat / dof, session.lmp.get_thermo("temp"), rtol=1e-12)


def test_groups_are_those_of_lammps_also_after_one_was_deleted():
    with crystal(more="group a id 1:10\ngroup b id 5:20\ngroup a delete") as session:
        atoms = session.atoms()
        assert sorted(atoms.ids[atoms.group("b")]) == list(range(5, 21))
        assert atoms.group("all").all()
        with pytest.raises(MDError, match=r"no group 'a'; it has all, b"):
            atoms.group("a")


def test_energies_of_the_system_do_not_depend_on_how_thermo_shows_them():
    with crystal(more="thermo_modify norm yes") as session:
        session.run(0)
        whole = session.atoms().thermo("pe")
        assert np.isclose(whole, session.natoms * session.lmp.get_thermo("pe"), rtol=1e-14)
        session.commands("thermo_modify norm no\nrun 0")
        assert np.isclose(session.atoms().thermo("pe"), whole, rtol=1e-14)


def test_time_counts_what_was_run_at_each_duration_of_a_step():
    with crystal(more="timestep 0.002") as session:
        session.run(10)
        session.commands("timestep 0.001")
        session.run(10)
        assert np.isclose(session.atoms().time, 0.03, rtol=1e-12)


def test_atoms_without_ids_are_refused_by_name():
    with Session(MPI.COMM_SELF) as session:
        session.commands(
            "atom_modify id no\nregion b block 0 3 0 3 0 3\ncreate_box 1 b\ncreate_atoms 1 single 1 1 1"
        )
        with pytest.raises(InputError, match="atom_modify id no"):
            _ = session.atoms().ids


def test_arrays_that_the_atom_style_leaves_out_are_not_defined():
    with crystal() as session:
        assert not session.defines("q")
        with pytest.raises(MDError, match="no per-atom array 'q'"):
            session.atoms().array("q")
