"""Glass campaigns that are killed, and scripts that are wrong."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from launcher import Job, deviations, results, run
from small_inputs import SCRIPT, Case

import mdbridge

TINY = """
campaign = "glass"
[md]
cells = [6, 6, 3]
melt_K = 4000.0
melt_ps = 3.0
liquid_ps = 0.5
quench_rate_K_per_s = 4e14
relax_ps = 0.5
modulus_ps = 0.5
[shear]
rate_per_ps = 0.1
max_strain = 0.7
[observe]
grid = [6, 6]
energy_window = 4.0
strain_window = 4.0
frames = 14
samples = 3
[checkpoint]
every_frames = 3
every_steps = 300
"""

SCRIPTED = """
campaign = "glass"
[md]
script = "my.in"
steps = 100
[observe]
grid = [6, 6]
energy_window = 4.0
strain_window = 4.0
frames = 10
samples = 1
"""


def command(folder, verb, *arguments, ranks=1):
    """The command line of a campaign in ``folder``."""
    job = [sys.executable, "-m", "mdbridge", verb, "campaign.toml", "--out", str(folder / "out"), *arguments]
    if ranks > 1:
        places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        job = [shutil.which("mpiexec", path=places), "-n", str(ranks), *job]
    return job


def start(folder, verb, *arguments, ranks=1):
    return subprocess.Popen(
        command(folder, verb, *arguments, ranks=ranks),
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(mdbridge.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def sampled_here(in_process, monkeypatch):
    """``mdbridge sample`` of a folder's campaign in this process: exit code, and errors on one line."""

    def call(folder, *arguments):
        monkeypatch.chdir(folder)
        job = in_process("sample", "campaign.toml", "--out", folder / "out", *arguments)
        return job.returncode, " ".join(job.stderr.split())

    return call


def finish(job, timeout=240):
    """Its exit code and errors, on one line; ends all of it if it hangs."""
    try:
        _, errors = job.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()
        raise
    return job.returncode, " ".join(errors.split())


def campaign(folder, text, script=None):
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(text)
    if script is not None:
        (folder / "my.in").write_text(script)
    return folder


def everything(path):
    contents = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: contents.update({name: item[...]}) if isinstance(item, h5py.Dataset) else None
        )
        contents["mu"] = file.attrs["mu_GPa"]
    return contents


def there(folder, pattern):
    try:
        return list(folder.glob(pattern))
    except FileNotFoundError:  # a folder that was there a moment ago has been moved into its place
        return []


def wait_for(job, folder, pattern):
    deadline = time.monotonic() + 200
    while not there(folder, pattern):
        assert job.poll() is None, job.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.mpi
@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_fields(tmp_path):
    whole = campaign(tmp_path / "whole", TINY)
    code, errors = finish(start(whole, "sample", ranks=2))
    assert code == 0, errors

    folder = campaign(tmp_path / "killed", TINY)
    out = folder / "out"
    frames = [f"**/frame-{number:04d}.npz" for number in (0, 5, 11)]
    for mark in ("records/glass/quench-001-*.json", *frames):
        job = start(folder, "sample", ranks=2)
        wait_for(job, out, mark)
        os.killpg(job.pid, signal.SIGKILL)
        job.communicate()
        assert not (folder / "out" / "glass.h5").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("records/glass/quench-*")}
    assert len(kept) >= 1
    code, errors = finish(start(folder, "sample", ranks=2))
    assert code == 0, errors
    again = {p.name: p.stat().st_mtime_ns for p in out.glob("records/glass/quench-*")}
    assert {name: again[name] for name in kept} == kept, "repeated"

    expected, resumed = (everything(place / "out" / "glass.h5") for place in (whole, folder))
    assert expected.keys() == resumed.keys()
    for name in expected:
        assert np.array_equal(expected[name], resumed[name]), name
    assert expected["gamma"][-1] > 0.6  # beyond a flip of the box
    assert expected["Exy"].shape == (15, 6, 6)
    # done is done
    code, errors = finish(start(folder, "sample", ranks=2))
    assert code == 0
    assert "done before" in errors


def test_a_script_that_lammps_rejects_is_shown_with_its_line(tmp_path, sampled_here):
    bad = SCRIPT.replace("pair_coeff * * 0.4 2.5", "pair_coefficients * * 0.4 2.5")
    folder = campaign(tmp_path / "run", SCRIPTED, bad)
    code, errors = sampled_here(folder)
    assert code == 1
    assert "my.in: LAMMPS refused 'pair_coefficients * * 0.4 2.5': ERROR: Unknown command" in errors
    assert "Traceback" not in errors
    assert not (folder / "out" / "glass.h5").exists()


@pytest.mark.mpi
@pytest.mark.slow
def test_an_error_on_one_rank_alone_names_its_line_too(tmp_path):
    bad = SCRIPT.replace("lj/cut 7.0", "eam/fs").replace("0.4 2.5", "nowhere.eam.fs Al")
    folder = campaign(tmp_path / "run", SCRIPTED, bad)
    code, errors = finish(start(folder, "sample", ranks=2), timeout=60)
    assert code != 0
    assert "'pair_coeff * * nowhere.eam.fs Al'" in errors
    assert "cannot open eam/fs potential file nowhere.eam.fs" in errors


def test_a_field_that_the_script_does_not_define_is_refused_before_the_run(tmp_path, sampled_here):
    text = SCRIPTED + '[observe.extra]\nslip = "c_slip"\n'
    folder = campaign(tmp_path / "run", text, SCRIPT)
    code, errors = sampled_here(folder)
    assert code == 2
    assert "needs c_slip, which this simulation does not define; add 'compute slip all" in errors
    assert not list((folder / "out").glob("**/frame-*"))


@pytest.fixture(params=[1, pytest.param(2, marks=[pytest.mark.mpi, pytest.mark.slow])])
def sampled_on(request, sampled_here):
    """The same on one rank, or in a job on two."""
    if request.param == 1:
        return sampled_here
    return lambda folder: finish(start(folder, "sample", ranks=2), timeout=60)


def test_an_unstable_run_stops_and_keeps_its_frames(tmp_path, sampled_on):
    kick = "\nvariable kick equal 100.0*(step>64)*exp(1000*(step>65))\nfix kick all addforce v_kick 0 0\n"
    folder = campaign(tmp_path / "run", SCRIPTED, SCRIPT + kick)
    code, errors = sampled_on(folder)
    assert code != 0
    assert "observer failed at step 66" in errors
    assert "not a finite number" in errors
    assert "the 7 frames made so far are kept" in errors
    with h5py.File(folder / "out" / "glass.h5") as file:
        assert not file.attrs["complete"]
        assert file["step"][-1] == 60
        assert np.isfinite(file["potential_energy"][:]).all()


def test_a_script_can_go_on_from_a_restart_file(tmp_path, sampled_here):
    resumable = """
units metal
if "${resumed} == 0" then "jump SELF fresh" else "read_restart ${restart}" "jump SELF physics"
label fresh
lattice fcc 4.05
region whole prism 0 4 0 4 0 3 0 0 0
create_box 1 whole
create_atoms 1 box
mass 1 27.0
velocity all create 100.0 4711 loop geom
label physics
pair_style lj/cut 7.0
pair_coeff * * 0.4 2.5
fix motion all nve
fix pull all deform 1 xy delta 0.6 remap x units box
dump all all atom 50 all.dump
"""
    text = SCRIPTED + "[checkpoint]\nevery_frames = 4\n"
    whole = campaign(tmp_path / "whole", text, resumable)
    code, errors = sampled_here(whole)
    assert code == 0, errors
    assert "begins all.dump anew in each segment" in errors
    segments = whole / "out" / "sheared"
    assert [p.name[:7] for p in sorted(segments.iterdir())] == [f"run-00{n}" for n in (1, 2, 3)]
    with h5py.File(whole / "out" / "glass.h5") as file:
        first = {name: file[name][...] for name in ("step", "potential_energy", "Exy")}
        # of all three segments together, not of each
        assert file["curve/gamma"][-1] == pytest.approx(0.6 / (4 * 4.05), rel=1e-9)
    # the last segment again, from the restart file of the one before
    (whole / "out" / "glass.h5").unlink()
    for number in (9, 10):
        next(segments.glob(f"run-003-*/frame-{number:04d}.npz")).unlink()
    code, errors = sampled_here(whole)
    assert code == 0, errors
    with h5py.File(whole / "out" / "glass.h5") as file:
        for name, values in first.items():
            assert np.array_equal(file[name][...], values), name


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("units metal|units cgs", "units cgs: the observers know the styles metal, lj"),
        ("units metal|units metal\nboundary p f p", "periodic along x and y"),
    ],
)
def test_systems_that_the_observers_cannot_take(tmp_path, change, complaint, sampled_here):
    folder = campaign(tmp_path / "run", SCRIPTED, SCRIPT.replace(*change.split("|")))
    code, errors = sampled_here(folder)
    assert code in (1, 2)
    assert complaint in errors


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SCRIPTED.replace('script = "my.in"', 'script = "none.in"'), "there is no file"),
        (SCRIPTED + "[shear]\nrate_per_ps = 1.0\n", "the script shears"),
        (SCRIPTED.replace("steps = 100", "steps = 101"), "not divided by observe.frames"),
        (SCRIPTED + '[observe.extra]\nExy = "c_a"\n', "the name is taken"),
        (TINY.replace("rate_per_ps = 0.1", "rate_per_ps = 0.3"), "must be a whole number"),
        (TINY.replace("samples = 3", "samples = 30"), "samples every 10 steps take"),
        (TINY + "[calibrate]\nstrains = [0.1, 0.12]\n", "0.12 is none of the 14 frames"),
        (TINY + "[calibrate]\nstrains = [0.7, 0.1]\n", "must increase"),
        (TINY.replace("melt_ps = 3.0", "melt_ps = 0.02"), "the crystal has not melted"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path, text, complaint, sampled_here):
    folder = campaign(tmp_path / "run", text, SCRIPT)
    code, errors = sampled_here(folder)
    assert code == 2
    assert complaint in errors


def test_the_dry_run_writes_nothing(tmp_path, sampled_here):
    folder = campaign(tmp_path / "run", TINY)
    code, errors = sampled_here(folder, "--dry-run")
    assert code == 0, errors
    assert "216 atoms on 1 rank(s)" in errors
    for stage in ("melt", "quench", "shear", "moduli"):
        assert stage in errors
    assert not (folder / "out").exists()


@pytest.mark.slow
@pytest.mark.mpi
def test_an_ensemble_that_is_killed_on_two_ranks_goes_on_to_what_one_rank_makes(tmp_path):
    """Each sample has a rank of its own, so that its atoms move the same to the last digit."""
    text = TINY.replace("max_strain = 0.7", "max_strain = 0.2").replace("frames = 14", "frames = 4")
    text += "[ensemble]\nseeds = 2\n"
    arguments = ["run", "campaign.toml", "--out", "out"]
    whole, killed = (Case(tmp_path / name, arguments) for name in ("whole", "killed"))
    for case in (whole, killed):
        case.folder.mkdir()
        (case.folder / "campaign.toml").write_text(text)
    assert run(whole.arguments, whole.folder, within=200).code == 0
    samples = killed.out / "samples"
    job = Job(killed.arguments, killed.folder, ranks=2)
    # two samples are at work, and neither is whole
    job.until(lambda: len(list(samples.glob("seed-*/records/sheared/*.json"))) > 1, within=200)
    assert not list(samples.glob("seed-*/summary.json"))
    job.send(signal.SIGKILL).end(60, patience=10.0)
    made = {path: path.stat().st_mtime_ns for path in samples.glob("seed-*/records/**/*.json")}
    outcome = run(killed.arguments, killed.folder, ranks=2, within=200).require_tidy()
    assert outcome.code == 0, outcome
    assert {path: path.stat().st_mtime_ns for path in made} == made
    expected, resumed = results(whole.out), results(killed.out)
    assert expected.keys() == resumed.keys()
    # records have the checksums of files with times in them
    differ = deviations(resumed, expected)
    assert {name: value for name, value in differ.items() if "/records/" not in name} == {}
