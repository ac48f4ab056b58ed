"""The end of a step is what LAMMPS's own dump and thermo output of it say, digit for digit."""

from pathlib import Path

import numpy as np
import pytest
from launch import ONE_OR_TWO, launch
from record_job import MOTIONS, SOURCES, SYSTEM

JOB = Path(__file__).with_name("record_job.py")

pytestmark = pytest.mark.mpi


def dumped(path):
    """Steps of a dump in text: rows in the order of the IDs, and the box as LAMMPS's bounds."""
    lines, place, steps = path.read_text().split("\n"), 0, {}
    while lines[place]:
        step, count = int(lines[place + 1]), int(lines[place + 3])
        bounds = np.array([line.split() for line in lines[place + 5 : place + 8]], float)
        steps[step] = np.array([line.split() for line in lines[place + 9 : place + 9 + count]], float), bounds
        place += 9 + count
    return steps


def logged(path):
    """Rows of the thermo output, by steps."""
    rows, inside = {}, False
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            inside = len(words) == 1 + len(SYSTEM)
        elif inside and words and words[0].isdigit():
            rows.setdefault(int(words[0]), np.array(words[1:], float))  # not those of the next set-up
        elif words[:1] == ["Loop"]:
            inside = False
    return rows


@pytest.fixture(scope="module", params=ONE_OR_TWO)
def folder(request, tmp_path_factory):
    """Of the runs with all motions."""
    folder = tmp_path_factory.mktemp("record")
    job = launch(JOB, request.param, folder)
    assert job.returncode == 0, job.stderr
    return folder


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_end_of_a_step_is_what_lammps_writes_of_it(folder, motion):
    of_motion = folder / motion.replace(" ", "-")
    seen = dict(np.load(of_motion / "seen.npz"))
    truth, log = dumped(of_motion / "truth.dump"), logged(of_motion / "log.lammps")
    steps = sorted(int(name.removeprefix("rows")) for name in seen if name.startswith("rows"))
    assert steps == [n for n in sorted(truth) if n % 10 == 0]
    assert len(steps) >= (3 if motion == "minimize" else 7)
    for step in steps:
        rows, (theirs, bounds) = seen[f"rows{step}"], truth[step]
        # ours: id type x xu v f mass sources group mine; theirs: id type x xu v f mass sources mine
        ours = np.delete(rows, 15 + len(SOURCES), axis=1)
        assert ours.shape == theirs.shape
        exact = [k for k in range(ours.shape[1]) if k not in (5, 6, 7)]
        assert np.array_equal(ours[:, exact], theirs[:, exact]), step
        assert np.allclose(ours[:, 5:8], theirs[:, 5:8], rtol=0, atol=1e-13)
        assert np.array_equal(rows[:, 15 + len(SOURCES)], rows[:, 0] <= 100)
        box, corner = seen[f"box{step}"][:3], seen[f"box{step}"][3]
        assert np.allclose([box[1, 0], box[2, 0], box[2, 1]], bounds[:, 2], rtol=0, atol=0)
        assert np.isclose(
            corner[0] + min(0, box[1, 0], box[2, 0], box[1, 0] + box[2, 0]), bounds[0, 0], atol=1e-13
        )
        if step in log:
            assert np.allclose(seen[f"system{step}"], log[step], rtol=1e-14, atol=0), (step, motion)
    assert len(set(steps) & set(log)) >= 3
