"""A sweep on one rank and on two: the same numbers, and what one left the other goes on with."""

import json
from pathlib import Path

import pytest
from launch import launch

JOB = Path(__file__).with_name("sweep_job.py")

# sharing and resuming are those of core.stages, which has tests on ranks that are threads
pytestmark = [pytest.mark.mpi, pytest.mark.slow]


def sweep(tmp_path, ranks, folder):
    result = tmp_path / f"{ranks}-{folder}.json"
    job = launch(JOB, ranks, tmp_path / folder, result)
    assert job.returncode == 0, job.stderr
    return json.loads(result.read_text())


def test_same_on_one_and_on_two_ranks(tmp_path):
    serial, parallel = sweep(tmp_path, 1, "a"), sweep(tmp_path, 2, "b")
    assert serial == parallel
    assert [row["M"] for row in serial["rows"]] == [2, 4]
    failures = [
        (candidate["M"], candidate["failure"]) for candidate in serial["candidates"] if candidate["failure"]
    ]
    assert sum("a horizon of 6 holds" in why for _, why in failures) == 3
    # a positive influence function has no better fit to these waves than λ + μ = 0
    assert [degree for degree, why in failures if "not solvable" in why] == [0, 0]
    files = sorted((tmp_path / "b/records/pairs").glob("*.json"))
    assert len(files) == 9
    times = [path.stat().st_mtime_ns for path in files]
    files[4].unlink()
    assert sweep(tmp_path, 2, "b") == serial
    changed = [path.stat().st_mtime_ns != time for path, time in zip(files, times, strict=True)]
    assert [n for n, was in enumerate(changed) if was] == [4]
