"""Bad input at the command line: one line, the right exit code, nothing half-written."""

import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from launch import command_lines
from small_campaign import SMALL


@pytest.fixture
def campaign(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


# a full disk: no file may grow beyond the limit once MPI has made its own
FULL_DISK = """
import resource, sys
from mpi4py import MPI
from mdbridge import cli
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
cli.main()
"""


def mdbridge(*arguments, file_size=None):
    """Run the command line in its own process, with a limit on the size of its files if given."""
    start = ["-m", "mdbridge"] if file_size is None else ["-c", FULL_DISK, file_size]
    return subprocess.run(
        [sys.executable, *map(str, [*start, *arguments])],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def refused(in_process):
    """The command line in this process, for input that is refused before anything starts."""
    return in_process


def assert_one_line(job, exit_code, *words):
    """The job's errors are one line that holds all ``words``."""
    lines = [line for line in job.stderr.splitlines() if "error" in line.lower() or "Traceback" in line]
    assert job.returncode == exit_code, job.stderr
    assert len(lines) == 1, job.stderr
    assert lines[0].startswith("mdbridge: error: ")
    for word in words:
        assert str(word) in lines[0]


def assert_no_leftovers(folder):
    """No file of a stage, and no temporary one either."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    ours = {"mdbridge.json"}  # says whose folder it is
    left = [path for path in files if path.suffix in (".part", ".h5", ".json", ".png")]
    assert {path.name for path in left if path.parent.parent.name != "records"} - ours == set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[md]\ncels = [4, 4]", ("unknown key 'md.cels'", "did you mean 'cells'", "disc_radius_A")),
        ("[mdd]", ("unknown key 'mdd'", "did you mean 'md'")),
        ("[md]\ncells = 'many'", ("'md.cells' = 'many'", "list")),
        ("[md]\ncells = [4]", ("'md.cells' = [4]", "2 items")),
        ("[md]\ncells = [4, 2]", ("'md.cells.1' = 2", "greater than or equal to 4")),
        ("[md]\npotential = 3", ("'md.potential' = 3", "string")),
        ("[coarse]\nradius_A = -10.0", ("'coarse.radius_A' = -10.0", "greater than 0")),
        ("[coarse]\nradius_A = nan", ("'coarse.radius_A' = nan", "finite")),
        ("[coarse]\nkernel = 'box'", ("'coarse.kernel' = 'box'", "cone", "paraboloid", "gaussian")),
        ("[coarse]\nspacing_A = 11.0", ("coarse.radius_A = 10", "coarse.spacing_A = 11")),
        ("[coarse]\nfine_spacing_A = 11.0", ("coarse.radius_A = 10", "coarse.fine_spacing_A = 11")),
        ("[md]\nmax_bond_strain = 0.02", ("'md.max_bond_strain' = 0.02", "less than 0.02")),
        ("[md]\ndisc_inner_A = 200.0", ("md.disc_inner_A = 200", "below", "md.disc_radius_A = 100")),
        ("[learn]\nhorizons_A = [40.0]", ("learn.horizons_A", "40", "only up to 30")),
        ("[learn]\nhorizons_A = []", ("'learn.horizons_A' = []", "1 item")),
        ("[md]\ncells = [20, 23]", ("md.cells = [20, 23]", "10 × 20 nodes", "more than 10")),
        ("[dynamics]\nduration_ps = 0.0001", ("'dynamics.duration_ps' = 0.0001",)),
        ("[parallel]\nranks_per_sample = 0", ("'parallel.ranks_per_sample' = 0",)),
        ("[dynamics]\nload = 'test-1'", ("'dynamics.load' = 'test-1'", "train-x-0-1")),
    ],
)
def test_bad_values_in_the_file(tmp_path, change, words, refused):
    path = tmp_path / "bad.toml"
    path.write_text(f'campaign = "graphene"\n{change}\n')
    job = refused("run", path, "--out", tmp_path / "out")
    assert_one_line(job, 2, *words)
    assert_no_leftovers(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("campaign = ", ("not valid TOML",)),
        ("\x00\x01", ("not valid TOML",)),
        ("[md]", ("'campaign'", "'graphene'")),
        ('campaign = "granite"', ("'campaign' = 'granite'", "'graphene'")),
        ("campaign = []", ("'campaign' = []", "'graphene'")),
    ],
)
def test_mistakes_of_a_file_are_refused_in_one_line(tmp_path, text, words, refused):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert_one_line(refused("run", path, "--out", tmp_path / "out"), 2, path, *words)


def test_a_file_that_is_not_text(tmp_path, refused):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"campaign = '\xff\xfe'")
    assert_one_line(refused("run", path, "--out", tmp_path / "out"), 2, path, "not valid TOML")


def test_a_missing_file_and_a_folder(tmp_path, refused):
    assert_one_line(refused("run", tmp_path / "none.toml"), 2, "none.toml", "No such file")
    assert_one_line(refused("run", tmp_path), 2, tmp_path, "Is a directory")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("learn.seed", ("--set learn.seed", "section.key=value")),
        ("=3", ("--set =3", "section.key=value")),
        ("campaign.x=3", ("'campaign' is a value, not a section",)),
        ("learn.sed=3", ("unknown key 'learn.sed'", "did you mean 'seed'")),
        ("learn.seed=three", ("'learn.seed' = 'three'", "integer")),
        ("learn.seed=-1", ("'learn.seed' = -1",)),
        ("coarse.radius_A=-1e1", ("'coarse.radius_A' = -10.0", "greater than 0")),
    ],
)
def test_mistakes_of_an_override_are_refused_in_one_line(campaign, override, words, refused):
    job = refused("run", campaign, "--out", campaign.parent / "out", "--set", override)
    assert_one_line(job, 2, *words)


@pytest.mark.parametrize("arguments", [["walk"], ["run"], ["run", "a.toml", "--sat", "a=1"]])
def test_bad_commands_name_themselves_without_traceback(arguments, refused):
    job = refused(*arguments)
    assert job.returncode == 2
    assert "Traceback" not in job.stderr
    assert arguments[-2 if "--sat" in arguments else -1] in job.stderr or "INPUT" in job.stderr


def test_a_missing_potential(campaign, refused):
    out = campaign.parent / "out"
    job = refused("run", campaign, "--out", out, "--set", "md.potential=none.tersoff")
    assert_one_line(job, 2, "none.tersoff", "not found in", "LAMMPS_POTENTIALS")
    assert_no_leftovers(out)


def test_a_potential_that_is_none(campaign, refused):
    out = campaign.parent / "out"
    job = refused("run", campaign, "--out", out, "--set", f"md.potential={campaign}")
    assert_one_line(job, 1, "LAMMPS refused", "pair_coeff", campaign.name)
    assert_no_leftovers(out)


def test_a_bond_guess_far_off(campaign, refused):
    job = refused("run", campaign, "--out", campaign.parent / "out", "--set", "md.bond_guess_A=2.6")
    assert_one_line(job, 2, "'md.bond_guess_A' = 2.6", "nearer")


@pytest.mark.parametrize("stage", ["run", "sample", "learn"])
@pytest.mark.parametrize("content", ["garbage", "foreign"])
def test_somebody_else_s_file_is_refused_and_kept(campaign, stage, content, refused):
    out = campaign.parent / "out"
    out.mkdir()
    path = out / "dataset.h5"
    if content == "garbage":
        path.write_text("these are my notes")
    else:
        with h5py.File(path, "w") as file:
            file["mine"] = np.arange(3)
    before = path.read_bytes()
    job = refused(stage, campaign, "--out", out)
    assert_one_line(job, 2, out, "has dataset.h5, but no mdbridge.json", "files of your own", "--out")
    assert path.read_bytes() == before


@pytest.mark.parametrize("stage", ["learn", "solve", "report"])
def test_a_stage_whose_input_is_not_there(campaign, stage, refused):
    job = refused(stage, campaign, "--out", campaign.parent / "out")
    assert_one_line(job, 1, ".json" if stage == "solve" else "dataset.h5", "run")


def test_a_file_where_the_folder_should_be(campaign, refused):
    out = campaign.parent / "out"
    out.write_text("mine")
    job = refused("sample", campaign, "--out", out)
    assert_one_line(job, 1, out, "is a file, not a folder", "--out")
    assert out.read_text() == "mine"


@pytest.fixture(scope="session")
def sampled(bare_sample):
    """A small campaign after its first stage."""
    assert bare_sample.job.returncode == 0, bare_sample.job.stderr
    return bare_sample.path


def copy_of(sampled, folder):
    """Files of the sampled campaign without its dataset."""
    for name in ("samples", "records/samples"):
        shutil.copytree(sampled.parent / "out" / name, folder / "out" / name)
    shutil.copy(sampled.parent / "out" / "mdbridge.json", folder / "out")
    return folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 20_000])
def test_a_full_disk_during_sampling(sampled, campaign, size):
    """``sampled`` has had the loops compiled: their cache cannot be written either, but is not the matter."""
    out = campaign.parent / "out"
    job = mdbridge("sample", campaign, "--out", out, file_size=size)
    # whichever file is the first to be too large: the copy of the input, with a long path in it, or a sample
    assert_one_line(job, 1, "/out/", "cannot be written", "File too large")
    assert_no_leftovers(out)


@pytest.mark.slow
def test_a_full_disk_when_the_dataset_is_written(sampled, tmp_path):
    out = copy_of(sampled, tmp_path)
    job = mdbridge("sample", sampled, "--out", out, file_size=30_000)
    assert_one_line(job, 1, out / "dataset.h5", "cannot be written")
    assert_no_leftovers(out)
    assert mdbridge("sample", sampled, "--out", out).returncode == 0


@pytest.mark.slow
def test_a_damaged_sample_is_made_again(sampled, tmp_path):
    out = copy_of(sampled, tmp_path)
    names = ("train-x-0-1", "val-01", "test-1", "elastic")
    files = [next((out / "samples").glob(f"{name}-*.npz")) for name in names]
    for file, damage in zip(files, (b"", b"garbage", files[2].read_bytes()[:700], None), strict=True):
        if damage is not None:
            file.write_bytes(damage)
    kept = files[3].stat().st_mtime_ns
    job = mdbridge("sample", sampled, "--out", out)
    assert job.returncode == 0, job.stderr
    assert files[3].stat().st_mtime_ns == kept
    with (
        h5py.File(out / "dataset.h5") as again,
        h5py.File(sampled.parent / "out" / "dataset.h5") as before,
    ):
        for split in ("train", "val", "test"):
            assert np.allclose(again[split]["u"], before[split]["u"], atol=1e-12)


@pytest.mark.slow
@pytest.mark.mpi
def test_on_two_ranks_an_error_is_printed_once(campaign):
    command = ["run", campaign, "--out", campaign.parent / "out", "--set"]
    value, potential, verb = command_lines(
        2, [*command, "md.cells=[-4, 4]"], [*command, "md.potential=none"], ["walk"], timeout=60
    )
    for (code, said), words in ((value, "'md.cells.0' = -4"), (potential, "'none' not found")):
        assert code == 2 and said.startswith("mdbridge: error: ")
        assert said.count("\n") == said.count(words) == 1
    assert verb[0] == 2
    assert verb[1].count("walk") == 1
