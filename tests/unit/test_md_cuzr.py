"""The Cu–Zr sample: its crystal, its stages, and moduli against a curve of energies."""

import contextlib

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.core.units import EV_PER_A3_IN_GPA
from mdbridge.md import cuzr
from mdbridge.md.session import potential

COMM = MPI.COMM_SELF
EAM = potential("CuZr_mm.eam.fs")
CELLS = (4, 4, 4)


def crystal(temperature=50.0):
    return cuzr.crystal(COMM, CELLS, temperature, 5, EAM, 0.005)


def test_the_crystal_is_half_copper_half_zirconium_and_may_lean():
    with crystal() as session:
        kinds = session.gather("type", 1)[:, 0]
        assert session.natoms == 128
        assert [(kinds == k).sum() for k in (1, 2)] == [64, 64]
        session.run(0)
        assert session.lmp.get_thermo("temp") == pytest.approx(100.0, rel=1e-6)
        session.commands("change_box all xy delta 0.1 units box")  # refused for an upright box
        masses = session.atoms().masses()
        assert np.unique(np.round(masses, 1)).tolist() == [63.5, 91.2]


def test_files_lie_in_folders_of_any_name(tmp_path):
    """The potential, and the restart file of a campaign, whose folder is the user's."""
    folder = tmp_path / "jörg's results, of 2"
    folder.mkdir()
    copy = folder / EAM.name
    copy.write_bytes(EAM.read_bytes())
    with cuzr.crystal(COMM, CELLS, 50.0, 5, copy, 0.005) as session:
        session.run(0)
        session.quietly(f"write_restart {session.word(folder / 'restart')}")
    with cuzr.resume(COMM, folder / "restart", copy, 0.005) as session:
        assert session.natoms == 128


def test_a_crystal_that_has_not_melted_is_refused():
    with crystal(100.0) as session:
        cuzr.at_volume(session, 100.0)
        cuzr.watch_melting(session)
        session.run(50)
        with pytest.raises(InputError, match=r"has not melted.*moved by 0\.\d Å"):
            cuzr.check_molten(session)


def test_a_thermostat_heats_a_box_that_keeps_its_volume():
    """From 100 K, the half of which goes into the bonds, to 400 K within a few of its damping times."""
    with crystal(50.0) as session:
        box = session.box()
        cuzr.at_volume(session, 400.0)
        session.run(100, "post no")
        assert session.lmp.get_thermo("temp") > 200.0
        np.testing.assert_array_equal(session.box(), box)


def test_the_error_of_a_mean_is_the_scatter_of_means_of_repeated_series():
    """Of noise that remembers some ten points; the truth is what many series scatter by."""
    random, kernel = np.random.default_rng(3), np.ones(10) / 10
    series = (np.convolve(random.normal(size=809), kernel, "valid") for _ in range(800))
    estimates = np.array([cuzr.block_mean(draw) for draw in series])
    means, errors = estimates.T
    assert np.abs(means.mean()) < 4 * means.std() / np.sqrt(800)
    assert np.sqrt((errors**2).mean()) == pytest.approx(means.std(), rel=0.08)


def test_the_mean_is_that_of_whole_blocks():
    mean, error = cuzr.block_mean([1.0, 3.0, 2.0, 2.0, 5.0, 7.0, 4.0, 4.0, 1e9])
    assert mean == 3.5
    assert error == pytest.approx(np.std([2.0, 2.0, 6.0, 4.0], ddof=1) / 2)


def test_how_far_atoms_have_moved_is_counted_on_through_a_restart_file(tmp_path):
    def travelled(session):
        session.run(0, "post no")
        return float(session.lmp.numpy.extract_compute("travel", 0, 1)[3])

    with cuzr.crystal(COMM, (3, 3, 3), 300.0, 1, EAM, 0.002) as session:
        cuzr.at_pressure(session, 300.0, 300.0)
        cuzr.watch_melting(session)
        session.run(30, "post no")
        before = travelled(session)
        session.commands(f"write_restart {tmp_path}/one.restart")
    with cuzr.resume(COMM, tmp_path / "one.restart", EAM, 0.002) as session:
        cuzr.at_pressure(session, 300.0, 300.0)
        cuzr.watch_melting(session)
        assert before > 0
        assert travelled(session) == pytest.approx(before, rel=1e-9)


def test_moduli_and_their_errors_are_those_of_the_pressures(monkeypatch):
    """K = −ΔP/ΔV·V and μ = −ΔP_xy/Δγ with independent errors; pressures in bar, 0.01 between the strains."""
    pressures = {"xy": [(-1000.0, 30.0), (1000.0, 40.0)], "xx": [(-5000.0, 0.0), (7000.0, 24.0)]}
    deformed = []
    monkeypatch.setattr(cuzr, "resume", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(cuzr, "_deform", lambda session, kind, amount: deformed.append((kind, amount)))
    monkeypatch.setattr(cuzr, "_mean_pressure", lambda session, parts, *_: pressures[parts[0]].pop(0))

    def pressure(kind, sign):
        return cuzr.strained_pressure(COMM, "restart", EAM, 0.002, 100.0, kind, sign * 0.005, 1.0)

    moduli = cuzr.moduli(pressure, 0.005)
    assert deformed == [("xy", 0.005), ("xy", -0.005), ("volume", 0.005), ("volume", -0.005)]
    # 1 bar is 1e-4 GPa
    assert moduli == pytest.approx(
        {"mu_GPa": 20.0, "mu_error_GPa": 0.5, "bulk_GPa": 120.0, "bulk_error_GPa": 0.24}
    )


@pytest.mark.slow
def test_moduli_agree_with_second_differences_of_the_energy(tmp_path):
    # a cold Zr-rich start would rearrange; copper alone on fcc sites is a plain solid with the same file
    restart = tmp_path / "copper.restart"
    text = f"""
        units metal
        suffix opt
        atom_modify map array
        lattice fcc 3.639
        region whole prism 0 4 0 4 0 4 0 0 0
        create_box 2 whole
        create_atoms 1 box
        pair_style eam/fs
        pair_coeff * * {EAM} Cu Zr
        timestep 0.002
        velocity all create 0.02 7 loop geom
    """
    strain = 2e-3

    def energy(change):
        with cuzr.Session(COMM) as session:
            session.commands(text)
            if change:
                session.commands(f"change_box all {change} remap units box")
            session.run(0, "post no")
            return session.lmp.get_thermo("pe"), session.lmp.get_thermo("vol")

    with cuzr.Session(COMM) as session:
        session.commands(text)
        session.run(0, "post no")
        session.commands(f"write_restart {restart}")
        height = session.atoms().box()[1, 1]

    def pressure(kind, sign):
        return cuzr.strained_pressure(COMM, restart, EAM, 0.002, 0.01, kind, sign * strain, 0.4)

    moduli = cuzr.moduli(pressure, strain)
    (middle, volume), *sheared = [energy(f"xy final {s * strain * height}" if s else "") for s in (0, 1, -1)]
    mu = (sheared[0][0] + sheared[1][0] - 2 * middle) / strain**2 / volume * EV_PER_A3_IN_GPA
    scaled = [(1 + s * strain) ** (1 / 3) for s in (1, -1)]
    dilated = [energy(f"x scale {a} y scale {a} z scale {a}") for a in scaled]
    bulk = (dilated[0][0] + dilated[1][0] - 2 * middle) / strain**2 / volume * EV_PER_A3_IN_GPA
    assert moduli["mu_GPa"] == pytest.approx(mu, rel=0.02)
    assert moduli["bulk_GPa"] == pytest.approx(bulk, rel=0.02)
    assert 30 < moduli["mu_GPa"] < 120
    assert 90 < moduli["bulk_GPa"] < 200
