"""A campaign that is interrupted: what was finished stays, and the rest gives the same data."""

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

import mdbridge

pytestmark = [pytest.mark.slow, pytest.mark.mpi]

SMALL = """
campaign = "graphene"
[md]
cells = [26, 15]
disc_radius_A = 30.0
disc_inner_A = 15.0
[dynamics]
enabled = false
[learn]
horizons_A = [12.5]
degrees = [2]
"""


def start(folder, ranks=2):
    """Start sampling in the background, in a group of its own."""
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = [sys.executable, "-m", "mdbridge", "sample", "small.toml", "--out", str(folder / "out")]
    return subprocess.Popen(
        [mpiexec, "-n", str(ranks), *command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(mdbridge.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(job, timeout=240):
    """Its exit code and errors; ends all of it if it hangs."""
    try:
        _, errors = job.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()
        raise
    return job.returncode, errors


def finished(folder):
    """Times at which the samples that have a record were written."""
    records = (folder / "out" / "records" / "samples").glob("*.json")
    samples = [folder / "out" / "samples" / f"{record.stem}.npz" for record in records]
    return {path.name: path.stat().st_mtime_ns for path in samples}


def wait_for_samples(job, folder, count):
    """Wait until ``count`` samples are there and the job still runs."""
    deadline = time.monotonic() + 120
    while len(finished(folder)) < count:
        assert job.poll() is None, job.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ranks_of(job):
    """Process IDs of the job's Python ranks."""
    command = " ".join(job.args[job.args.index(sys.executable) :])
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return sorted(int(pid) for pid, arguments in lines if arguments == command)


def assert_all_end(job):
    """No rank outlives the job, but for a moment."""
    deadline = time.monotonic() + 20
    while ranks_of(job):
        assert time.monotonic() < deadline, "a rank lives on"
        time.sleep(0.1)


def campaign(folder):
    folder.mkdir()
    (folder / "small.toml").write_text(SMALL)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = campaign(tmp_path_factory.mktemp("whole") / "run")
    code, errors = finish(start(folder))
    assert code == 0, errors
    return folder


def everything(path):
    datasets = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: datasets.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None
        )
    return datasets


def interrupt_all(job):
    """Ctrl-C, as a terminal sends it to every process."""
    os.killpg(job.pid, signal.SIGINT)


def interrupt_mpiexec(job):
    job.send_signal(signal.SIGINT)


def interrupt_one(job):
    os.kill(ranks_of(job)[-1], signal.SIGINT)


def kill_one(job):
    os.kill(ranks_of(job)[-1], signal.SIGKILL)


@pytest.mark.parametrize("stop", [interrupt_all, interrupt_mpiexec, interrupt_one, kill_one])
def test_what_was_finished_is_kept_and_the_rest_is_done_later(tmp_path, uninterrupted, stop):
    folder = campaign(tmp_path / "run")
    job = start(folder)
    wait_for_samples(job, folder, 12)
    stop(job)
    code, errors = finish(job, timeout=60)
    assert code != 0
    assert "Traceback" not in errors
    if stop is not kill_one:
        assert "interrupted" in errors
    assert_all_end(job)
    kept = finished(folder)
    assert 12 <= len(kept) < len(finished(uninterrupted))
    assert not (folder / "out" / "dataset.h5").exists()

    code, errors = finish(start(folder))
    assert code == 0, errors
    after = finished(folder)
    assert {name: after[name] for name in kept} == kept
    assert after.keys() == finished(uninterrupted).keys()
    resumed, expected = (everything(place / "out" / "dataset.h5") for place in (folder, uninterrupted))
    assert resumed.keys() == expected.keys()
    for name in resumed:
        if resumed[name].dtype.kind == "O":  # names
            assert resumed[name].tolist() == expected[name].tolist(), name
            continue
        assert np.allclose(resumed[name], expected[name], rtol=0, atol=1e-8 * np.abs(expected[name]).max()), (
            name
        )
