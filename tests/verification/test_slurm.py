"""The job files for Slurm, with commands of the same names that record what they are asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOBS = Path(__file__).resolve().parents[2] / "scripts" / "slurm"


@pytest.fixture
def job(tmp_path):
    """Run a job file where srun, sbatch and mdbridge record their arguments and end as they are told."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sbatch", "srun", "mdbridge"):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\necho {name} "$@" >> "{tmp_path}/calls"\n')
        tool.chmod(0o755)

    def run(file, code=0, refusing=""):
        srun = tools / "srun"
        # what is refused, as --dry-run does with an input that does not fit, ends with 2
        srun.write_text(
            f'#!/bin/sh\necho srun "$@" >> "{tmp_path}/calls"\n'
            f'case "$*" in *"{refusing or "nothing of this kind"}"*) exit 2;; esac\nexit {code}\n'
        )
        environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SLURM_JOB_ID": "17"}
        words = ["bash", str(JOBS / file), "my input.toml", "my out"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30)
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize("file", sorted(path.name for path in JOBS.iterdir()))
def test_a_job_file_is_one_that_slurm_reads(file):
    lines = (JOBS / file).read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    options = [line for line in lines if line.startswith("#SBATCH")]
    assert any("--ntasks=" in line for line in options) and any("--time=" in line for line in options)
    # Slurm stops reading options at the first command
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(n < first for n, line in enumerate(lines) if line.startswith("#SBATCH"))


def test_a_campaign_runs_on_all_ranks_and_its_code_is_the_jobs(job):
    code, calls = job("campaign.sbatch", code=3)
    assert code == 3
    assert calls == ["mdbridge doctor", "srun mdbridge run my input.toml --out my out"]


def test_own_md_is_tried_before_it_runs(job):
    code, calls = job("own_md.sbatch")
    assert code == 0
    assert calls[1:] == [
        "srun mdbridge observe my input.toml --out my out --dry-run",
        "srun mdbridge observe my input.toml --out my out",
    ]


def test_own_md_that_does_not_fit_ends_at_once(job):
    code, calls = job("own_md.sbatch", refusing="--dry-run")
    assert code == 2 and len(calls) == 2


def test_a_calibration_that_is_not_done_submits_its_successor(job):
    code, calls = job("calibration.sbatch", code=75)
    assert code == 0
    assert calls[0].startswith("srun mdbridge calibrate my input.toml --out my out --resume --max-walltime")
    assert calls[1] == f"sbatch --dependency=afterany:17 {JOBS / 'calibration.sbatch'} my input.toml my out"


@pytest.mark.parametrize("code", [0, 2])
def test_a_calibration_that_is_done_or_fails_ends(job, code):
    ended, calls = job("calibration.sbatch", code=code)
    assert ended == code and len(calls) == 1


def test_the_options_in_job_files_are_there():
    done = subprocess.run(
        [sys.executable, "-m", "mdbridge", "calibrate", "--help"], capture_output=True, text=True, timeout=60
    )
    for option in ("--resume", "--max-walltime", "--set"):
        assert option in done.stdout
