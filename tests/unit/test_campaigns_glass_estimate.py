"""The dry run: steps, memory and time of the whole from those of a small part."""

import re
from types import SimpleNamespace

import pytest
from glass_systems import SHEARED
from mpi4py import MPI

from mdbridge.campaigns.glass import estimate
from mdbridge.campaigns.glass.estimate import Timing
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core.config import check
from mdbridge.md import cuzr
from mdbridge.md.potentials import potential

COMM = MPI.COMM_SELF


def config(**sections):
    return check({"campaign": "glass"} | sections, GlassInput, "glass.toml")


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """Rows of the table and the words below it, for 1000 atoms timed at 2 ms a step, 3 ms with observers."""

    def call(made, timing):
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(estimate, "_time_replica", lambda *_: timing)
        estimate.run(COMM, made, tmp_path / "potential", tmp_path / "a.toml")
        text = capsys.readouterr().err
        rows = {}
        for line in text.splitlines():
            cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
            if cells:
                rows[cells[0]] = cells[1:]
        return rows, " ".join(text.split())

    return call


def test_times_are_those_of_the_steps_and_of_all_atoms(told):
    """8000 atoms, 8 times those timed: 16 ms a plain step, 24 ms with observers."""
    settings = config(md={"cells": [20, 20, 10]})
    rows, words = told(settings, Timing(1000, 2e-3, 3e-3, 5000.0))
    assert rows["melt"] == ["1,000", "16 s"]
    assert rows["quench"] == ["24,000", "6.4 min"]
    assert rows["hold"] == ["50", "1 s"]
    assert rows["shear"] == ["50,000", "20.0 min"]
    assert rows["moduli"] == ["8,000", "2.1 min"]  # four runs of 10 ps
    steps = 1000 + 1000 + 24000 + 2000 + 50 + 50000 + 8000
    assert rows["all"][0] == f"{steps:,}"
    seconds = 0.016 * (steps - 50050) + 0.024 * 50050
    assert rows["all"][1] == f"{seconds / 60:.1f} min"
    assert "8,000 atoms on 1 rank(s)" in words
    assert "timed: 2.00 ms a step with 1,000 atoms" in words and "scaled by the number of atoms" in words
    assert "observers 50.0 %" in words
    assert "LAMMPS 0.04 GB on all ranks" in words  # 8000 times 5 kB
    # 101 frames of 9 doubles on 32 × 32 cells
    assert f"disk: {101 * 9 * 8 * 32 * 32 / 1e6:.0f} MB" in words


def test_what_was_timed_whole_is_not_scaled(told):
    rows, words = told(config(md={"cells": [6, 6, 3]}), Timing(216, 1e-3, 1e-3, 5000.0))
    assert rows["melt"] == ["1,000", "1 s"]
    assert "scaled" not in words and "observers 0.0 %" in words


@pytest.mark.parametrize(("ranks", "times"), [(1, 5), (4, 6)])
def test_groups_of_ranks_share_the_samples_of_an_ensemble(capsys, ranks, times):
    """Two groups of two ranks take three rounds for five samples, each at half the pace of all four."""
    made = config(ensemble={"seeds": 5, "ranks_per_sample": min(ranks, 2)})
    comm = SimpleNamespace(size=ranks, rank=0)
    estimate._print(comm, made, Timing(100, 5e-3, 5e-3, 5000.0), 100, {"shear": 1000}, set())
    assert re.search(rf"5 samples\W+{5 * times} s", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59.4, "59 s"), (60.0, "1.0 min"), (5400.0, "1.5 h"), (86400.0, "1.0 d"), (200000.0, "2.3 d")],
)
def test_durations_are_in_a_unit_that_people_take(seconds, words):
    assert estimate._spell(seconds) == words


@pytest.mark.parametrize(
    ("cells", "grid", "replica", "nodes"),
    [
        ([26, 26, 6], [32, 32], (18, 18, 6), [22, 22]),  # 3888 atoms of 8112
        ([100, 40, 10], [50, 20], (14, 14, 10), [7, 7]),  # nodes stay two cells apart
        ([6, 6, 3], [8, 8], (6, 6, 3), [8, 8]),  # small enough as it is
        ([30, 6, 100], [8, 8], (6, 6, 100), [4, 8]),  # never narrower than 6 cells
    ],
)
def test_the_replica_is_small_and_its_nodes_as_far_apart(monkeypatch, cells, grid, replica, nodes):
    settings, seen = config(md={"cells": cells}, observe={"grid": grid}), []

    class Session:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(cuzr, "crystal", lambda comm, size, *_: (seen.append(size), Session())[1])
    monkeypatch.setattr(cuzr, "in_shear", lambda *_, **__: None)
    monkeypatch.setattr(estimate, "_measure", lambda comm, config, *_: seen.append(config.observe.grid))
    estimate._time_replica(COMM, settings, None)
    assert seen == [replica, nodes]


def test_the_real_thing_takes_longer_with_observers():
    settings = config(
        md={"cells": [6, 6, 3]},
        shear={"rate_per_ps": 0.1, "max_strain": 0.5},
        observe={"grid": [6, 6], "energy_window": 4.0, "strain_window": 4.0, "frames": 10},
    )
    timing = estimate._time_replica(COMM, settings, potential("CuZr_mm.eam.fs"))
    assert timing.atoms == 216
    assert 0 < timing.plain <= timing.observed < 1.0
    assert 1e2 < timing.bytes_per_atom < 1e6


def test_a_script_is_timed_before_there_is_an_output_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "my.in").write_text(SHEARED + "fix motion all nve\nthermo_style custom step temp\n")
    source = tmp_path / "a.toml"
    source.write_text(
        'campaign = "glass"\n[md]\nscript = "my.in"\nsteps = 100\n[observe]\ngrid = [4, 4]\nframes = 2\n'
        "energy_window = 4.0\nstrain_window = 4.0\nsamples = 2\nsample_every = 2\n"
    )
    estimate.dry_run(COMM, source, tmp_path / "none" / "out", ())
    assert not (tmp_path / "none").exists()
    assert not list((tmp_path / "scratch").iterdir())


def test_tests_of_the_glass_at_rest_are_counted_by_what_they_evaluate():
    made = config(md={"cells": [16, 42, 6]})
    assert estimate._evaluations("nonaffinity", made) == 4 * estimate.MINIMUM
    # 6 × 14 cylinders, each with 0.295 of the atoms
    assert estimate._evaluations("local_yield", made) == pytest.approx(84 * 0.2955 * estimate.YIELD, rel=1e-3)
