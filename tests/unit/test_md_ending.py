"""What LAMMPS's 'quit' does to the process is said."""

import subprocess
import sys

import pytest

JOB = """
import sys
from pathlib import Path
from mpi4py import MPI
from mdbridge.md.session import Session
with Session(MPI.COMM_WORLD) as md:
    md.commands("region b block 0 4 0 4 0 4\\ncreate_box 1 b\\nmass 1 1")
    md.commands("pair_style zero 1.0\\npair_coeff * *")
    {call}
print("went on")
"""
CALLS = {
    "file": ('Path("my.in").write_text("run 1\\nquit\\n"); md.file(Path("my.in"))', "my.in"),
    "if": ('md.commands(\'if "1 == 1" then "run 1" "quit 0"\')', '\'if "1 == 1" then'),
    "code": ('md.commands(\'if "1 == 1" then "quit 7"\')', '\'if "1 == 1" then'),
}


@pytest.mark.parametrize("kind", CALLS)
def test_quit_ends_with_a_word_and_a_code(tmp_path, kind):
    call, what = CALLS[kind]
    job = subprocess.run(
        [sys.executable, "-c", JOB.format(call=call)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert job.returncode == 1
    assert f"mdbridge: error: {what}" in job.stderr
    assert "'quit' has ended the process" in job.stderr
    assert "went on" not in job.stdout


def test_without_it_nothing_is_said(tmp_path):
    job = subprocess.run(
        [sys.executable, "-c", JOB.format(call='md.commands("run 1")')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (job.returncode, job.stdout, job.stderr) == (0, "went on\n", "")
