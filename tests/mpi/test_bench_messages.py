"""What observers send, counted beneath MPI: the terms of docs/scaling.md."""

import json
import os
import shutil
import subprocess
import sys

import bench_messages
import pytest


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mpicc") is None, reason="the counter is built by mpicc")
def test_the_filter_sends_nothing_and_a_frame_one_reduction_of_its_grid(tmp_path):
    library = str(bench_messages.built(tmp_path))
    command = ["mpiexec", "-n", "2", "-genv", "LD_PRELOAD", library, sys.executable, bench_messages.__file__]
    job = subprocess.run(
        [*command, "--measure", "--steps", "5"],
        capture_output=True, text=True, check=True, env=os.environ | {bench_messages.COUNTER: library},
    )  # fmt: skip
    counts = json.loads(job.stdout.strip().splitlines()[-1])
    assert counts["LAMMPS alone"]["Send"][0] > 0.0  # it is counted at all
    assert counts["filter"] == {}
    # density, velocity and six of the stress on 32² nodes
    assert counts["fields"]["Reduce"] == [1.0, 8.0 * 10 * 32**2]
    # the rest are small: no rank gives its atoms to another
    assert sum(size for name, (_, size) in counts["fields"].items() if name != "Reduce") < 10_000
