"""Per-atom values by their LAMMPS names."""

import numpy as np
import pytest
from glass_systems import crystal
from mpi4py import MPI

from mdbridge.core.errors import MDError
from mdbridge.md import sources

COMM = MPI.COMM_SELF

DEFINED = """
    compute place all property/atom x y z
    compute kind all property/atom type
    fix mean all ave/atom 1 1 1 c_kind
    variable double atom 2*c_kind
    variable single equal 3
    fix own all property/atom d_own
"""


@pytest.fixture
def lmp():
    with crystal(COMM, DEFINED) as session:
        session.run(1)
        yield session.lmp


def test_every_kind_of_source_is_read(lmp):
    count = lmp.extract_setting("nlocal")
    x, kind = lmp.numpy.extract_atom("x")[:count], lmp.numpy.extract_atom("type")[:count]
    assert set(np.unique(kind)) == {1, 2}
    assert np.array_equal(sources.values(lmp, "c_place[2]", count), x[:, 1])
    for source, factor in (("c_kind", 1), ("f_mean", 1), ("v_double", 2), ("type", 1)):
        assert np.array_equal(sources.values(lmp, source, count), factor * kind), source
    assert np.array_equal(sources.values(lmp, "d_own", count), np.zeros(count))


def test_what_a_script_has_defined_is_seen_by_its_name():
    with crystal(COMM, DEFINED) as session:
        for name in ("c_place[2]", "c_kind", "f_mean", "v_double", "d_own", "x"):
            assert session.defines(name), name
        for name in ("c_no", "f_kind", "v_no", "d_no", "nothing"):
            assert not session.defines(name), name


@pytest.mark.parametrize("source", ["c_place", "c_kind[3]", "v_single", "c_none"])
def test_what_is_not_one_number_an_atom_is_refused(lmp, source):
    with pytest.raises(MDError, match="per-atom values"):
        sources.values(lmp, source, lmp.extract_setting("nlocal"))


def test_remedies_say_what_to_add():
    assert "'compute slip all" in sources.remedy("c_slip")
    assert "'fix mean all" in sources.remedy("f_mean[2]")
    assert "'variable v atom" in sources.remedy("v_v")
    assert "property/atom" in sources.remedy("d2_mine")
