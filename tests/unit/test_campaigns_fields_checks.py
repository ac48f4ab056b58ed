"""What is refused before a run: grids and windows that do not fit."""

import numpy as np
import pytest
from field_systems import CRYSTAL, simulation
from mpi4py import MPI

from mdbridge.campaigns.fields import checks
from mdbridge.core.errors import InputError
from mdbridge.fields.box import Box
from mdbridge.fields.grid import CellGrid
from mdbridge.md.observe.wanted import Wanted

COMM = MPI.COMM_SELF


def wanted(axes="xy", cells=(5, 4), radius=2.5, fields=("density",), region=None, group="all"):
    return Wanted(CellGrid(axes, cells, region), "cone", radius, list(fields), group)


def test_grids_and_windows_that_fit_pass():
    with simulation() as session:
        for asked in (
            wanted(),
            wanted(fields=["strain", "stress"]),
            wanted(region=((-1.0, 4.0), (0.0, 2.0))),
        ):
            checks.check(COMM, session, asked)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"radius": 0.05, "cells": (7, 7)}, "a field needs atoms in its windows"),
        ({"radius": 0.8, "fields": ["D2min"], "axes": "xyz", "cells": (5, 4, 3)}, "'D2min' needs 5 atoms"),
        ({"region": ((0.0, 50.0), (0.0, 2.0))}, "does not fit the box, which repeats after"),
        ({"radius": 40.0}, "is longer than the box along x, 8.22"),
        ({"radius": 40.0, "region": ((0.0, 1.0), (0.0, 2.0))}, "is longer than the box along x"),
        ({"group": "none"}, "the script defines no such group"),
        ({"radius": 1.5, "cells": (2, 2), "fields": ["stress"]}, "atoms lie between the nodes"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_units_of_the_script(changes, words):
    with simulation() as session, pytest.raises(InputError) as error:
        checks.check(COMM, session, wanted(**changes))
    assert words in str(error.value)
    if "radius" in changes:
        assert "sigma" in str(error.value)


def test_windows_are_to_hold_atoms_of_the_group_that_is_observed():
    """A gradient takes four; of a window's dozen one or two are every ninth atom."""
    with simulation(more="group few id 1:240:9") as session:
        checks.check(COMM, session, wanted(radius=0.9, fields=["strain"]))
        with pytest.raises(InputError, match="'strain' needs 4 atoms in a window"):
            checks.check(COMM, session, wanted(radius=0.9, fields=["strain"], group="few"))


BODY = """one body of two points

1 atoms
1 bodies
1 atom types
0 4 xlo xhi
0 4 ylo yhi
0 4 zlo zhi

Atoms

1 1 1 2.0 2.0 2.0 2.0

Bodies

1 1 12
2
0.5 0.5 0.5 0 0 0
-0.5 0 0 0.5 0 0
"""


def test_stress_between_bodies_is_refused(tmp_path):
    """LAMMPS's pressure has what acts at their contacts, the stress of atoms has not."""
    (tmp_path / "one.data").write_text(BODY)
    script = f"""
        units lj
        atom_style body nparticle 2 6
        read_data {tmp_path}/one.data
        replicate 2 2 2
        pair_style body/nparticle 2.0
        pair_coeff * * 1.0 1.0
    """
    with simulation(script) as session:
        checks.check(COMM, session, wanted(cells=(2, 2), radius=4.0))
        for field in ("stress", "heat_flux"):
            with pytest.raises(InputError, match=f"'{field}': LAMMPS gives atoms no stress"):
                checks.check(COMM, session, wanted(cells=(2, 2), radius=4.0, fields=["density", field]))


def test_a_plane_has_no_third_direction():
    flat = """
        units lj
        dimension 2
        lattice hex 0.9
        region whole block 0 8 0 6 -0.25 0.25
        create_box 1 whole
        create_atoms 1 box
        mass 1 1.0
        """
    with simulation(flat) as session, pytest.raises(InputError, match="has two dimensions"):
        checks.check(COMM, session, wanted("xz", (4, 4)))


def test_styles_without_names_are_refused():
    micro = simulation(CRYSTAL.replace("units lj", "units micro"))
    with micro, pytest.raises(InputError, match="units micro: fields are written in the styles metal, "):
        checks.units(micro)


def test_the_mean_distance_of_atoms_fills_the_box():
    assert checks.spacing(Box(np.diag([4.0, 3.0, 2.0]), np.zeros(3)), 3) == pytest.approx(2.0)
    assert checks.spacing(Box(np.diag([4.0, 3.0, 9.0]), np.zeros(3), dimension=2), 3) == pytest.approx(2.0)
