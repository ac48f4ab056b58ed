"""Start a Python script on several ranks; for tests that must see a job as its user does.

A rank takes a second to start: what can be asked of one job is asked of one job.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mdbridge

ONE_OR_TWO = [pytest.param(1, marks=pytest.mark.slow), 2]
"""Ranks of what one rank shows as well, but two show first."""


def begin(script: Path, ranks: int, *arguments: object) -> subprocess.Popen:
    """Start ``script`` with this Python under ``mpiexec -n ranks``, one thread per rank."""
    beside = Path(sys.executable).parent
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if mpiexec is None:
        raise FileNotFoundError("mpiexec is not on the PATH; scripts/setup installs one")
    package = str(Path(mdbridge.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [mpiexec, "-n", str(ranks), sys.executable, str(script), *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ranks_of(job: subprocess.Popen) -> list[int]:
    """Process IDs of a job's ranks."""
    command = " ".join(job.args[job.args.index(sys.executable) :])
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return sorted(int(pid) for pid, arguments in lines if arguments == command)


def launch(script: Path, ranks: int, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess:
    """Run ``script`` on ``ranks`` to its end.

    The exit code, stdout and stderr are in the result; nothing is checked.

    Raises:
        subprocess.TimeoutExpired: the job hangs; all its ranks have been ended.
    """
    job = begin(script, ranks, *arguments)
    try:
        stdout, stderr = job.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGTERM)  # mpiexec passes it on to its ranks
        try:
            job.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            job.communicate()
        raise
    return subprocess.CompletedProcess(job.args, job.returncode, stdout, stderr)


def command_lines(ranks: int, *commands: list[object], timeout: float = 120) -> list[tuple[int, str]]:
    """Exit code and stderr of each of several command lines, run in one job."""
    words = [word for command in commands for word in ["--", *command]]
    job = launch(Path(__file__).with_name("commands_job.py"), ranks, *words, timeout=timeout)
    assert job.returncode == 0, job.stderr
    parts = re.split(r"^exit (\d+)\n", job.stderr, flags=re.MULTILINE)
    assert len(parts) == 2 * len(commands) + 1, job.stderr
    return [(int(code), said) for said, code in zip(parts[::2], parts[1::2], strict=False)]
