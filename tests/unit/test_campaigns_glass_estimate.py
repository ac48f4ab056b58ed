"""The dry run: what is done, and time, memory and disk of the rest from those of a small part."""

from types import SimpleNamespace

import pytest
from glass_systems import SHEARED
from mpi4py import MPI

from mdbridge.campaigns import forecast
from mdbridge.campaigns.glass import chain, estimate, stages
from mdbridge.campaigns.glass.estimate import Timing
from mdbridge.campaigns.glass.input import GlassInput
from mdbridge.core.config import check
from mdbridge.core.errors import InputError
from mdbridge.core.records import Record
from mdbridge.core.stages import pieces_of_work
from mdbridge.core.workspace import Workspace
from mdbridge.md import cuzr
from mdbridge.md.potentials import potential

COMM = MPI.COMM_SELF
TIMED = Timing(1000, 2e-3, 3e-3, 5000.0, 80.0, 4.0)


def config(**sections):
    return check({"campaign": "glass"} | sections, GlassInput, "glass.toml")


def campaign(folder, made):
    workspace = Workspace(folder, stages.CAMPAIGN)
    return stages.Campaign(COMM, made, folder / "a.toml", workspace, folder / "potential", {"a": "b"})


def finish(workspace, piece, *names):
    """Have tasks of a piece done; all of them if none is named."""
    for task, identity in pieces_of_work(piece):
        if not names or task in names:
            workspace.keep(Record(piece.name, task, identity))


def piece_of(plan, name):
    (piece,) = [piece for piece in plan if piece.name == name]
    return piece


def seconds(rows):
    return {row.what.partition(":")[0]: row.seconds for row in rows}


def test_times_are_those_of_the_steps_and_of_all_atoms(tmp_path, table_told):
    """8000 atoms, 8 times those timed: 16 ms a plain step, 24 ms with observers."""
    settings = config(md={"cells": [20, 20, 10]})
    rows = estimate.rows(campaign(tmp_path, settings), TIMED, 1)
    assert {row.what: row.tasks for row in rows} == {
        "melt: 1,000 steps": 1,
        "liquid: 1,000 steps": 1,
        "quench: 24,000 steps": 3,
        "relax: 2,000 steps": 1,
        "moduli: 8,000 steps": 4,  # four runs of 10 ps
        "hold: 50 steps": 1,
        "shear: 50,000 steps": 10,
        "sample": 1,
        "report": 1,
    }
    taken = seconds(rows)
    assert taken["melt"] == pytest.approx(16.0) and taken["quench"] == pytest.approx(384.0)
    assert taken["hold"] == pytest.approx(1.2) and taken["shear"] == pytest.approx(1200.0)
    assert taken["moduli"] == pytest.approx(128.0) and taken["sample"] is taken["report"] is None
    estimate.tell(COMM, settings, TIMED, rows)
    told, words = table_told()
    assert told["quench: 24,000 steps"] == ["3", "0", "6 min"]
    whole = 0.016 * (1000 + 1000 + 24000 + 2000 + 8000) + 0.024 * 50050
    assert told["all"] == ["23", "0", f"{whole / 60:.0f} min"]
    assert "8,000 atoms on 1 rank(s)" in words
    assert "timed: 2.00 ms a step with 1,000 atoms" in words and "scaled by the number of atoms" in words
    assert "observers 50.0 %" in words


def test_what_was_timed_whole_is_not_scaled(tmp_path, table_told):
    timing, settings = Timing(216, 1e-3, 1e-3, 5000.0), config(md={"cells": [6, 6, 3]})
    rows = estimate.rows(campaign(tmp_path, settings), timing, 1)
    assert seconds(rows)["melt"] == pytest.approx(1.0)
    estimate.tell(COMM, settings, timing, rows)
    words = table_told()[1]
    assert "scaled" not in words and "observers 0.0 %" in words and "STZ" not in words


def test_what_is_done_is_told_and_takes_no_time(tmp_path):
    settings = config(md={"cells": [20, 20, 10]}, glass={"predictors": ["nonaffinity"]})
    made = campaign(tmp_path, settings)
    plan, workspace = made.plan(), made.workspace
    before = {row.what: row for row in estimate.rows(made, TIMED, 1)}
    finish(workspace, piece_of(plan, "glass"), "melt", "quench-001", "quench-002")
    finish(workspace, made.strained, made.strained.tasks[0].name)
    after = {row.what: row for row in estimate.rows(made, TIMED, 1)}
    assert after["melt: 1,000 steps"].over and after["melt: 1,000 steps"].seconds == 0.0
    quench = after["quench: 24,000 steps"]
    assert (quench.tasks, quench.done) == (3, 2) and quench.seconds == pytest.approx(4000 * 0.016)
    moduli = after["moduli: 8,000 steps"]
    assert (moduli.tasks, moduli.done) == (4, 1) and moduli.seconds == pytest.approx(96.0)
    assert after["liquid: 1,000 steps"] == before["liquid: 1,000 steps"]
    for piece in plan:
        finish(workspace, piece)
    done = estimate.rows(made, TIMED, 1)
    assert all(row.over for row in done) and [row.what for row in done] == [*before]
    # another glass has none of it
    other = settings.model_copy(update={"md": settings.md.model_copy(update={"seed": 7})})
    assert not any(row.done for row in estimate.rows(campaign(tmp_path, other), TIMED, 1))


EGO = {"evaluations": 60, "initial": 20}


@pytest.mark.parametrize(
    ("ego", "ranks", "done", "rounds"),
    [
        ({}, 1, 0, 60),
        ({}, 8, 0, 3 + 40),  # the design at once, the search one by one
        ({"batch": 4}, 8, 0, 3 + 10),
        ({"batch": 4}, 2, 0, 10 + 20),
        ({"asynchronous": True}, 8, 0, 3 + 5),
        ({}, 8, 12, 1 + 40),
        ({}, 8, 30, 30),
        ({}, 8, 60, 0),
        ({"initial": 80}, 8, 0, 8),
    ],
)
def test_a_calibration_is_told_by_what_a_run_of_the_model_takes(tmp_path, ego, ranks, done, rounds):
    settings = config(calibrate={"ego": EGO | ego})
    made = campaign(tmp_path, settings)
    record = chain.place(made.workspace, made.calibration.identity) / "trials.jsonl"
    record.parent.mkdir(parents=True)
    record.write_text("{}\n" * (done + 1))
    (row,) = [row for row in estimate.rows(made, TIMED, ranks) if row.what.startswith("calibrate")]
    assert (row.tasks, row.done) == (60, done) and row.seconds == pytest.approx(4.0 * rounds)
    # a search that has ended earlier is over all the same
    finish(made.workspace, made.calibration)
    (row,) = [row for row in estimate.rows(made, TIMED, ranks) if row.what.startswith("calibrate")]
    assert row.over and row.seconds == 0.0


def test_the_model_is_run_on_the_grid_of_the_glass(monkeypatch):
    seen = []
    monkeypatch.setattr(estimate, "time_run", lambda comm, case, *more: seen.append(case) or 7.0)
    settings = config(md={"cells": [10, 20, 6]}, observe={"grid": [16, 24]}, calibrate={"tau0_ps": 0.2})
    assert estimate.time_model(COMM, settings, settings.calibrate) == 7.0
    (case,) = seen
    assert case.chi.shape == (24, 16) and (case.grid.lx, case.grid.ly) == pytest.approx((32.7, 65.4))
    assert case.rate == 2e9 and case.material.tau0 == 0.2 and case.last_frame == 100
    monkeypatch.undo()
    monkeypatch.setattr(forecast, "PATIENCE", 0.3)
    assert 0.0 < estimate.time_model(COMM, settings, settings.calibrate) < 600.0


@pytest.mark.parametrize(("ranks", "share", "waiting"), [(1, 1, 0.0), (4, 2, 0.5)])
def test_groups_of_ranks_share_the_samples_of_an_ensemble(tmp_path, table_told, ranks, share, waiting):
    """Two groups of two ranks take three rounds for five samples, each at half the pace of all four."""
    single = config(md={"cells": [20, 20, 10]}, calibrate={"ego": EGO})
    alone = estimate.rows(campaign(tmp_path, single), TIMED, share)
    made = config(
        md={"cells": [20, 20, 10]},
        calibrate={"ego": EGO},
        ensemble={"seeds": 5, "ranks_per_sample": share},
    )
    groups = ranks // share
    rows = estimate.rows(campaign(tmp_path, made), TIMED, ranks)
    assert {row.what: (row.tasks, row.done) for row in rows[: len(alone)]} == {
        row.what: (5 * row.tasks, 0) for row in alone
    }
    steps = sum(row.seconds or 0.0 for row in alone if not row.what.startswith("calibrate"))
    search = next(row.seconds for row in alone if row.what.startswith("calibrate"))
    # of a sample, by a group that has a part of the ranks
    each = groups * steps + search
    total = sum(row.seconds or 0.0 for row in rows)
    assert total == pytest.approx(each * -(-5 // groups))
    assert seconds(rows).get("waiting for the last samples", 0.0) == pytest.approx(waiting * each)
    estimate.tell(SimpleNamespace(size=ranks, rank=0, allreduce=lambda x: 0.0), made, TIMED, rows)
    words = table_told()[1]
    # 8000 atoms of 5 kB for each group, less the 1000 that were timed
    assert f"memory: about {5e-3 * (8000 * groups - 1000):.3g} MB" in words
    assert "a run of the STZ model takes 4 s" in words


def test_an_ensemble_tells_what_is_done_of_every_sample(tmp_path):
    made = campaign(tmp_path, config(ensemble={"seeds": 3}))
    sample = made.of_seed(2022)
    for piece in sample.plan():
        finish(sample.workspace, piece)
    rows = {row.what: row for row in estimate.rows(made, TIMED, 1)}
    melt = rows["melt: 1,000 steps"]
    assert (melt.tasks, melt.done) == (3, 1) and melt.seconds == pytest.approx(2 * 8.112 * 2.0)
    assert rows["report of all samples"].done == 0


def test_disk_has_frames_restart_files_and_trajectories():
    # 101 frames of 9 doubles on 32 × 32 cells in their files, of 10 in glass.h5; four restart files
    fields, restarts = 101 * 19 * 8 * 32 * 32, 4 * 80 * 8000
    cells = {"cells": [20, 20, 10]}
    assert estimate.disk(config(md=cells), TIMED) == fields + restarts
    assert estimate.disk(config(md=cells, ensemble={"seeds": 3}), TIMED) == 3 * (fields + restarts)
    more = estimate.disk(config(md=cells, output={"trajectory": True}), TIMED) - fields - restarts
    # a line such as "12345 2 -12.3456 78.9012 3.45678"
    assert 30 * 101 * 8000 < more < 60 * 101 * 8000


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
    estimate._time_replica(COMM, settings, None, None)
    assert seen == [replica, nodes]


def test_the_real_thing_takes_longer_with_observers(tmp_path):
    settings = config(
        md={"cells": [6, 6, 3]},
        shear={"rate_per_ps": 0.1, "max_strain": 0.5},
        observe={"grid": [6, 6], "energy_window": 4.0, "strain_window": 4.0, "frames": 10},
    )
    timing = estimate._time_replica(COMM, settings, potential("CuZr_mm.eam.fs"), tmp_path)
    assert timing.atoms == 216
    # positions, velocities, images and what the observers keep; LAMMPS's own header
    assert 50 < timing.restart < 1000
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


@pytest.fixture
def two_segments(tmp_path):
    """A campaign on a script that goes on, cut after its first frame."""
    text = "\n".join(
        [
            'if "${resumed} == 1" then "read_restart ${restart}" "jump SELF physics"',
            SHEARED + "fix motion all nve\nrun 2\nunfix motion\nvariable weight equal 0.5",
            "label physics",
            *(line for line in SHEARED.splitlines() if line.startswith("pair_")),
            "fix motion all nve",
            "thermo_style custom step temp",
        ]
    )
    (tmp_path / "my.in").write_text(text + "\ndump all all atom 1 all.dump\n")
    source = tmp_path / "a.toml"
    source.write_text(
        'campaign = "glass"\n[md]\nscript = "my.in"\nsteps = 100\n[observe]\ngrid = [4, 4]\nframes = 2\n'
        "energy_window = 4.0\nstrain_window = 4.0\nsamples = 2\nsample_every = 2\n"
        "[checkpoint]\nevery_frames = 1\n"
    )
    return source


def test_a_script_of_several_segments_is_tried_from_a_restart_file(tmp_path, two_segments, table_told):
    estimate.dry_run(COMM, two_segments, tmp_path / "none", ())
    assert table_told()[0]["script: 100 steps"][0] == "2"
    # a dump of the script has written nothing
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.toml", "my.in"]


@pytest.mark.parametrize(
    ("behind", "words"),
    [
        (
            "variable twice equal 2*v_weight\nprint $(v_twice)",
            "does not go on.*every_frames = 1 frames.*weight",
        ),
        ("velocity all create 0.5 4712 loop geom", "does again what is done once: the velocities are not"),
        ("delete_atoms random count 3 yes all NULL 4711", "does again what is done once.*atoms"),
    ],
)
def test_a_script_that_would_fail_in_its_second_segment_is_refused(two_segments, behind, words):
    script = two_segments.parent / "my.in"
    script.write_text(script.read_text() + behind + "\n")
    with pytest.raises(InputError, match=words):
        estimate.dry_run(COMM, two_segments, two_segments.parent / "none", ())


def test_a_dump_of_the_scripts_own_steps_is_not_written_over(two_segments):
    script, dump = two_segments.parent / "my.in", two_segments.parent / "early.dump"
    script.write_text(script.read_text().replace("run 2", "dump early all atom 1 early.dump\nrun 2"))
    dump.write_text("of a run that is over")
    with pytest.raises(InputError, match=r"would dump over early\.dump"):
        estimate.dry_run(COMM, two_segments, two_segments.parent / "none", ())
    assert dump.read_text() == "of a run that is over"


def test_tests_of_the_glass_at_rest_are_counted_by_what_they_evaluate():
    made = config(md={"cells": [16, 42, 6]})
    assert estimate._evaluations("nonaffinity", made) == 4 * estimate.MINIMUM
    # 6 × 14 cylinders, each with 0.295 of the atoms
    assert estimate._evaluations("local_yield", made) == pytest.approx(84 * 0.2955 * estimate.YIELD, rel=1e-3)


def test_what_a_run_would_refuse_before_its_melt_a_dry_run_does_too(tmp_path):
    source = tmp_path / "a.toml"
    source.write_text(
        'campaign = "glass"\n[md]\ncells = [6, 6, 3]\n[glass]\nanneal = "sgcmc"\nanneal_K = 800.0\n'
        "anneal_steps = 800\n[shear]\nrate_per_ps = 0.1\nmax_strain = 0.5\n[observe]\ngrid = [6, 6]\n"
        "energy_window = 4.0\nstrain_window = 4.0\nframes = 10\n"
    )
    with pytest.raises(InputError, match="four cutoffs wide"):
        estimate.dry_run(COMM, source, tmp_path / "out", ())
