"""Signals and the end of the time, on real commands: few words, the right code, nobody left, it goes on."""

import os
import random
import signal
import time

import pytest
import small_inputs  # finds what tests/unit has for tests
from field_runs import PULLED, SCRIPT
from launcher import Job, results, run

CASES = int(os.environ.get("MDBRIDGE_FAULT_CASES", "1"))
"""How many random cases; by hand some hundreds."""

LONGER = small_inputs.SHEAR.replace("nx = 8\nny = 8", "nx = 32\nny = 32").replace("frames = 2", "frames = 60")
NOISE = ("PETSC ERROR", "Attempting to use an MPI routine", "BAD TERMINATION", "Exception ignored")


def require_stopped(outcome, *codes):
    """It ended by itself, within 10 s, with a line of ours and no wall of anybody else's."""
    outcome.require_tidy()
    assert outcome.code in codes, outcome
    assert outcome.seconds < 10.0
    assert not [noise for noise in NOISE if noise in outcome.said], outcome.said
    assert "finished work is kept" in outcome.said
    # a rank that is deep in compilation, say, is ended by the others, and MPICH has a line for that
    assert len([line for line in outcome.said.splitlines() if "%, about" not in line]) <= 3, outcome.said


def shear(folder):
    case = small_inputs.shear(folder)
    (folder / "in.toml").write_text(LONGER.replace("max_strain = 0.02", "max_strain = 5.0"))
    return case


@pytest.mark.slow
@pytest.mark.mpi
def test_shear_on_two_ranks_is_interrupted(tmp_path):
    case = shear(tmp_path / "a")
    job = Job(case.arguments, case.folder, ranks=2)
    job.until((case.out / "mdbridge.json").exists)
    time.sleep(0.5)
    require_stopped(job.send(signal.SIGINT).end(20), 130)
    assert not (case.out / "run.h5").exists()


@pytest.mark.slow
@pytest.mark.mpi
def test_observers_on_two_ranks_are_interrupted_together(tmp_path):
    case = small_inputs.observe(tmp_path / "a", steps=400000, every=200000)
    job = Job(case.arguments, case.folder, ranks=2)
    job.until((case.out / "lammps.log").exists)
    time.sleep(0.5)
    outcome = job.send(signal.SIGTERM, to_all=False).end(20)
    require_stopped(outcome, 143)
    assert "did not answer" not in outcome.said


@pytest.mark.slow
def test_a_script_that_is_in_a_run_of_its_own_is_ended(tmp_path):
    endless = "label again\nrun 10 post no\njump SELF again\n"
    case = small_inputs.observe(tmp_path / "a", SCRIPT + PULLED + endless)
    log = case.out / "lammps.log"
    job = Job(case.arguments, case.folder).until(lambda: log.exists() and "SELF" in log.read_text())
    outcome = job.send(signal.SIGTERM).end(20)
    require_stopped(outcome, 143)
    assert "did not answer" in outcome.said


@pytest.mark.slow
def test_the_time_is_up_and_the_same_command_goes_on(tmp_path):
    case = shear(tmp_path / "a")
    outcome = run([*case.arguments, "--max-walltime", "2"], case.folder)
    require_stopped(outcome, 75)
    assert "the same command goes on" in outcome.said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CASES))
def test_stopped_at_any_time_in_any_way_the_same_command_comes_to_the_same_results(tmp_path, seed):
    """By hand: MDBRIDGE_FAULT_CASES=200."""
    chance = random.Random(seed)
    # the first, which always runs, is the cheapest
    name = chance.choice(sorted(small_inputs.FAMILIES)) if seed else "shear"
    ranks = chance.choice([1, 2]) if seed else 1
    whole = small_inputs.FAMILIES[name](tmp_path / "whole")
    begun = time.monotonic()
    assert run(whole.arguments, whole.folder, ranks=ranks).code == 0
    lasts = time.monotonic() - begun
    case = small_inputs.FAMILIES[name](tmp_path / "stopped")
    numbers = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
    number = chance.choice(numbers)
    job = Job(case.arguments, case.folder, ranks=ranks)
    time.sleep(chance.uniform(0.3, 1.0) * lasts)
    outcome = job.send(number, to_all=number == signal.SIGKILL or ranks == 1).end(60, patience=10.0)
    assert not outcome.left and "Traceback" not in outcome.said, outcome
    # a calibration asks before it goes on with a record
    again = [*case.arguments, "--resume"] if (case.out / "trials.jsonl").exists() else case.arguments
    outcome = run(again, case.folder, ranks=ranks).require_tidy()
    assert outcome.code == 0, outcome
    expected, resumed = results(whole.out), results(case.out)
    assert expected.keys() == resumed.keys(), (name, number)
    for file in expected:
        assert expected[file] == resumed[file], (name, number, file)
