"""Checks of the environment: all are made, each failure is said, and the exit code is that of all ranks."""

from types import SimpleNamespace

import pytest
from mpi4py import MPI

from mdbridge import doctor
from mdbridge.core.errors import MissingPackageError

CHECKS = ("_packages", "_lammps", "_petsc", "_torch", "_one_mpi", "_potentials")


@pytest.fixture
def well(monkeypatch):
    """All checks pass without being made."""
    for name in CHECKS:
        monkeypatch.setattr(doctor, name, lambda name=name: f"[{name}]")


def test_all_well(well, capsys):
    assert doctor.run(MPI.COMM_SELF) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 6 + ["all"]
    assert "[_torch]" in lines[3]  # as it is, although rich has brackets of its own


@pytest.mark.parametrize(
    "problem", [ImportError("no"), OSError("no"), ValueError("no"), MissingPackageError("no", name="a")]
)
def test_one_failure_is_shown_and_the_rest_are_still_made(well, monkeypatch, capsys, problem):
    def fail():
        raise problem

    monkeypatch.setattr(doctor, "_petsc", fail)
    assert doctor.run(MPI.COMM_SELF) == 1
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["ok", "ok", "wrong", "ok", "ok", "ok", "1"]


def test_a_failure_on_another_rank_counts_and_is_said(well, capsys):
    """The exit code alone, under 'all well', would leave nothing to go by."""
    second = ["libmpi is another one"]
    other = SimpleNamespace(rank=0, allgather=lambda problem: [problem, second.pop() if second else None])
    assert doctor.run(other) == 1
    said = capsys.readouterr().out
    assert "wrong packages: on rank 1: libmpi is another one" in said
    assert "1 of 6 checks failed" in said and "all well" not in said


def test_other_ranks_are_silent(well, capsys):
    doctor.run(SimpleNamespace(rank=1, allgather=lambda problem: [problem, None]))
    assert capsys.readouterr().out == ""


def test_packages_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "nothing_of_ours", "nor_this"))
    with pytest.raises(ImportError, match=r"not installed: nothing_of_ours, nor_this; run \./scripts/setup"):
        doctor._packages()


def test_packages_that_are_broken_are_named_with_what_they_say(monkeypatch, tmp_path):
    for name, text in (("brokena", "raise ValueError('half')"), ("brokenb", "import nowhere")):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "brokena", "brokenb"))
    with pytest.raises(
        ImportError, match=r"brokena cannot be imported \(ValueError: half\); brokenb .*nowhere"
    ):
        doctor._packages()


def test_two_mpis_in_one_process_are_named(monkeypatch):
    maps = "7f00 r-xp /a/lib/libmpi.so.12.1\n7f01 r--p /a/lib/libmpi.so.12.1\n7f02 r-xp /b/libmpich.so.40\n"
    monkeypatch.setattr(
        doctor, "Path", lambda _: SimpleNamespace(exists=lambda: True, read_text=lambda: maps)
    )
    monkeypatch.setattr(doctor.importlib, "import_module", lambda name: None)
    with pytest.raises(ImportError, match=r"two MPIs in one process: /a/lib/libmpi\.so\S* and /b/libmpich"):
        doctor._one_mpi()


def test_this_machine_s_own_mpi_and_potentials():
    library = MPI.Get_library_version().split()[0]
    assert doctor._one_mpi().startswith(library)
    paths = doctor._potentials().split(", ")
    assert [path.rsplit("/", 1)[-1] for path in paths] == list(doctor.POTENTIALS)


def test_lammps_without_what_metals_need_is_refused(monkeypatch):
    monkeypatch.setattr("lammps.lammps.installed_packages", ["KSPACE"])
    with pytest.raises(ImportError, match="LAMMPS was built without MANYBODY"):
        doctor._lammps()


def test_a_potential_that_does_not_ship_is_said(monkeypatch):
    monkeypatch.setattr(doctor, "POTENTIALS", ("of-our-own.eam",))
    with pytest.raises(OSError, match=r"of-our-own\.eam"):
        doctor._potentials()
