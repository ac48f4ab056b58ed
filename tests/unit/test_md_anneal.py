"""Ways to a deeper glass, on small systems."""

from types import SimpleNamespace

import numpy as np
import pytest
from glass_systems import crystal
from mpi4py import MPI

from mdbridge.campaigns.glass.input import CYCLE
from mdbridge.core.errors import InputError
from mdbridge.md import anneal, cuzr
from mdbridge.md.potentials import potential

COMM = MPI.COMM_SELF


@pytest.fixture
def hot():
    """A CuZr crystal of 432 atoms at 900 K."""
    material = potential("CuZr_mm.eam.fs")
    with cuzr.crystal(COMM, (6, 6, 6), 900.0, 4, material, 0.005) as session:
        yield session


def types(session):
    return np.bincount(session.gather("type", 1).astype(int).ravel(), minlength=3)[1:]


def exchanged(session):
    """Attempts and successes of the moves."""
    return [session.lmp.extract_fix("exchange", 0, 1, place) for place in (0, 1)]


def test_exchanges_leave_the_numbers_of_atoms(hot):
    cuzr.at_volume(hot, 900.0)
    anneal.exchanging(hot, 9000.0, 11)  # hot enough for some to succeed
    before = types(hot)
    hot.run(30, "post no")
    attempts, successes = exchanged(hot)
    assert attempts >= 2 * anneal.SWAPS and successes > 0
    assert types(hot).tolist() == before.tolist() == [216, 216]


def test_changes_of_type_keep_the_composition_near_one_half():
    """In a box of 33 Å: LAMMPS wants four cutoffs."""
    with cuzr.crystal(COMM, (10, 10, 10), 900.0, 4, potential("CuZr_mm.eam.fs"), 0.005) as session:
        before = session.gather("x", 3), types(session)
        anneal.require(session, "sgcmc")
        assert np.array_equal(before[0], session.gather("x", 3)) and np.array_equal(before[1], types(session))
        assert session.lmp.extract_setting("triclinic")
        anneal.stand_upright(session)
        cuzr.at_volume(session, 900.0)
        anneal.changing(session, 9000.0, 11, 0.0)
        session.run(12, "post no")
        assert exchanged(session)[0] > 0
        assert types(session)[0] == pytest.approx(1000, abs=10)


@pytest.mark.parametrize("elements", ["Cu Zr", "Zr Cu"])
def test_a_balance_knows_what_a_change_of_type_takes_and_changes_nothing(elements):
    """In a crystal all atoms of a type are alike; and the names of the types do not matter."""
    material = potential("CuZr_mm.eam.fs")
    with cuzr.crystal(COMM, (6, 6, 6), 0.0, 4, material, 0.005) as session:
        session.commands(f"pair_coeff * * {session.word(material)} {elements}")
        before = session.gather("x", 3, unwrapped=True), session.gather("type", 1)
        between = anneal.balance(session, 7)
        np.testing.assert_allclose(session.gather("x", 3, unwrapped=True), before[0], atol=1e-9)
        assert np.array_equal(session.gather("type", 1), before[1])
        energies = []
        for change in ("", "set atom 1 type 2", "set atom 1 type 1\nset atom 2 type 1"):
            session.commands(change)
            session.run(0, "post no")
            energies.append(session.lmp.get_thermo("pe"))
        assert between == pytest.approx(0.5 * (energies[2] - energies[1]), rel=1e-9)
        assert (between > 2.0) == (elements == "Cu Zr") and abs(between) > 2.0


def test_types_change_both_ways_once_they_are_balanced():
    with cuzr.crystal(COMM, (10, 10, 10), 3000.0, 4, potential("CuZr_mm.eam.fs"), 0.005) as session:
        cuzr.at_pressure(session, 3000.0, 3000.0)
        session.run(100, "post no")
        session.commands("unfix motion")
        anneal.stand_upright(session)
        between = anneal.balance(session, 1)
        cuzr.at_pressure(session, 1000.0, 1000.0)
        before = session.gather("type", 1).ravel()
        anneal.changing(session, 1000.0, 11, between)
        session.run(60, "post no")
        after = session.gather("type", 1).ravel()
        changed = [int(((before == kind) & (after != kind)).sum()) for kind in (1, 2)]
        assert min(changed) > 10 and abs(changed[0] - changed[1]) <= 4


def test_a_box_that_is_too_small_for_changes_is_refused_before_the_melt(hot):
    with pytest.raises(InputError, match=r"'glass.anneal' = 'sgcmc': LAMMPS cannot .*raise 'md.cells'"):
        anneal.require(hot, "sgcmc")


def test_a_box_that_was_made_upright_may_lean_again(hot, tmp_path):
    anneal.stand_upright(hot)
    assert not hot.lmp.extract_setting("triclinic")
    hot.commands(f"write_restart {tmp_path / 'restart'}")
    with cuzr.resume(COMM, tmp_path / "restart", potential("CuZr_mm.eam.fs"), 0.005) as session:
        cuzr.in_shear(session, 900.0, 0.01, begin=True)
        session.run(20, "post no")
        assert session.box()[1, 0] / session.box()[1, 1] == pytest.approx(0.001)


def test_after_whole_cycles_the_box_is_upright_and_nothing_flows(monkeypatch):
    assert anneal.PERIOD == CYCLE
    monkeypatch.setattr(anneal, "PERIOD", 80)
    with crystal(COMM) as session:
        start, leaning = session.box(), []
        anneal.cycling(session, 0.05, 150.0, 0.004)
        for _ in range(4):
            session.run(20, "post no start 0 stop 80")
            leaning.append(session.box()[1, 0] / start[1, 1])
        assert leaning == pytest.approx([0.05, 0.0, -0.05, 0.0], abs=1e-6)
        momentum = session.masses()[:, None] * session.gather("v", 3)
        shear = np.polyfit(session.gather("x", 3)[:, 1], momentum[:, 0], 1)[0]
        assert abs(shear) < 0.1 * np.abs(momentum).mean()


def test_a_lammps_without_the_fix_is_refused_before_anything_is_done():
    poor = SimpleNamespace(lmp=SimpleNamespace(has_style=lambda kind, name: name != "sgcmc"))
    with pytest.raises(
        InputError, match=r"'glass.anneal' = 'sgcmc': the installed LAMMPS has no 'fix sgcmc'"
    ):
        anneal.require(poor, "sgcmc")
    for way in ("none", "swap", "cyclic"):
        anneal.require(poor, way)


def test_exchanges_cost_more_than_the_steps_that_they_interrupt():
    """In evaluations of all forces, counted over a hundred steps."""
    swaps = sum(anneal.SWAPS for step in range(1, 101) if step % anneal.SWAP_EVERY == 0)
    assert anneal.cost_of_a_step("swap") == pytest.approx((100 + swaps) / 100)
    changes = sum(anneal.MC_COST for step in range(1, 101) if step % anneal.MC_EVERY == 0)
    assert anneal.cost_of_a_step("sgcmc") == pytest.approx((100 + changes) / 100)
