"""Scripts of a user's own that are stopped: told before what that costs, and the bundled one goes on."""

import shutil
import signal
from pathlib import Path

import forked
import pytest
import small_inputs
from launcher import Job, results, run

INPUTS = Path(__file__).parents[2] / "inputs" / "examples"
SMALLER = ["md.steps=60", "observe.every=10", "checkpoint.every_frames=2", "output.figures=false"]


def test_a_script_that_cannot_go_on_is_told_so_once_and_never_beside_an_error_in_it(tmp_path):
    case = small_inputs.observe(tmp_path / "a", small_inputs.field_runs.SCRIPT)
    outcome = forked.run(case.arguments, case.folder)
    assert outcome.code == 0
    assert outcome.said.count("does not use ${restart}") == 1
    assert 'then "read_restart ${restart}" "jump SELF physics"' in outcome.said
    case = small_inputs.observe(tmp_path / "b", small_inputs.field_runs.SCRIPT + "quit\n")
    outcome = forked.run(case.arguments, case.folder)
    assert outcome.code == 1 and "mdbridge: error" in outcome.said
    assert "does not use" not in outcome.said


@pytest.mark.slow
def test_the_bundled_script_is_killed_and_comes_to_the_same_fields(tmp_path):
    cases = []
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("aluminium_fields.toml", "aluminium_shear.in"):
            shutil.copy(INPUTS / file, folder)
        settings = [word for setting in SMALLER for word in ("--set", setting)]
        arguments = ["observe", "aluminium_fields.toml", "--out", "out", *settings]
        cases.append(small_inputs.Case(folder, arguments))
    whole, killed = cases
    outcome = run(whole.arguments, whole.folder)
    assert outcome.code == 0 and "does not use" not in outcome.said, outcome
    job = Job(killed.arguments, killed.folder)
    job.until(lambda: any(killed.out.glob("records/frames/run-002-*")))
    job.send(signal.SIGKILL).end()
    first = next(killed.out.glob("frames/run-001-*/frame-000001.npz"))
    before = first.stat().st_mtime_ns
    assert run(killed.arguments, killed.folder).code == 0
    assert first.stat().st_mtime_ns == before
    expected, resumed = results(whole.out), results(killed.out)
    assert expected.keys() == resumed.keys()
    assert all(expected[name] == resumed[name] for name in expected)


@pytest.mark.parametrize(("frames", "told"), [(1, True), (2, False)])
def test_what_each_segment_begins_anew_is_told_where_there_are_several(tmp_path, frames, told):
    script = small_inputs.field_runs.RESUMABLE + "dump d all atom 10 all.dump\n"
    case = small_inputs.observe(tmp_path, script, more=f"[checkpoint]\nevery_frames = {frames}")
    outcome = forked.run(case.arguments, case.folder)
    assert outcome.code == 0 and ("begins all.dump anew in each segment" in outcome.said) == told, outcome
