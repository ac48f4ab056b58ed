"""A program as a model: folders, files, and how it ends."""

import contextlib
import pickle
import stat
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdbridge.calibrate.collect import asked
from mdbridge.calibrate.evaluate import Evaluation, Outcome
from mdbridge.calibrate.objective import Objective
from mdbridge.calibrate.program import TRIAL, Program
from mdbridge.calibrate.terms import CurveTerm
from mdbridge.calibrate.worker import Worker
from mdbridge.core.errors import InputError

SCRIPT = """#!/bin/sh
. ./deck.in                       # a and b
[ -e leftover ] && exit 9         # of another run
touch leftover
case $a in 3*) echo "did not converge" >&2; echo "at step 7"; exit 4;; esac
[ $a = 4.0 ] && sleep 4243
[ $a = 5.0 ] || echo "$a $b ${SLURM_JOB_ID:-0} ${PMI_RANK:-none0}" | tr -d none > $2
echo "in $PWD"
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program in a folder of its own; called from another one."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv(TRIAL, raising=False)
    (home / "solve").write_text(SCRIPT)
    (home / "solve").chmod(0o755)
    (home / "deck.in.template").write_text("a={a}\nb={b}\n")
    (home / "y.txt").write_text("7 7 7 7\n")  # of a run by hand
    command = ["./solve", "{input}", "{output}"]
    return Program(command, ["deck.in.template"], asked({"y": "y.txt"}), str(home), ["a", "b"])


def test_each_run_has_a_folder_and_leaves_nothing(program, tmp_path):
    program.check()
    for b in (0.25, 0.5):
        assert program(a=2.0, b=b)["y"].tolist() == [2.0, b, 0.0, 0.0]
    assert list((tmp_path / "here").iterdir()) == []
    assert not (tmp_path / "home" / "leftover").exists()
    assert (tmp_path / "home" / "y.txt").read_text() == "7 7 7 7\n"


def test_a_result_that_was_there_before_is_not_this_runs(program):
    with pytest.raises(RuntimeError, match=r"wrote no 'y\.txt'"):
        program(a=5.0, b=0.0)


def test_a_folder_that_is_a_link_is_written_through_by_nobody(program, tmp_path):
    home, store = tmp_path / "home", tmp_path / "store"
    store.mkdir()
    (store / "y.txt").write_text("7 7 7 7\n")
    (home / "results").symlink_to("../store")
    linked = replace(program, collected=asked({"y": "results/y.txt"}))
    assert linked(a=2.0, b=0.25)["y"].tolist() == [2.0, 0.25, 0.0, 0.0]
    with pytest.raises(RuntimeError, match=r"wrote no 'results/y\.txt'"):
        linked(a=5.0, b=0.0)
    assert (store / "y.txt").read_text() == "7 7 7 7\n"
    # what is not collected is not known before
    script = home / "solve"
    script.write_text(SCRIPT + "echo $a > results/log\n")
    with pytest.raises(RuntimeError, match=rf"has written to {store}/log, which all runs share"):
        program(a=2.0, b=0.25)


def test_folders_are_kept_as_asked(program, tmp_path, monkeypatch):
    kept = tmp_path / "trials"
    for keep, expected in (("none", []), ("failed", ["0012"]), ("all", ["0003", "0012"])):
        asked_for = replace(program, keep=keep, kept=str(kept))
        monkeypatch.setenv(TRIAL, "3")
        asked_for(a=2.0, b=0.0)
        monkeypatch.setenv(TRIAL, "12")
        for _ in range(2):  # once more into the same folder: it is a fresh one
            with pytest.raises(RuntimeError, match="exit code 4") as raised:
                asked_for(a=3.0, b=0.0)
        assert (str(kept / "0012") in str(raised.value)) is (keep != "none")
        assert sorted(path.name for path in kept.glob("*")) == expected
    assert (kept / "0003" / "deck.in").read_text() == "a=2.0\nb=0.0\n"
    # a run that is no trial, as that of the reference, has no number to be kept under
    monkeypatch.delenv(TRIAL)
    assert asked_for(a=2.0, b=0.5)["y"].tolist() == [2.0, 0.5, 0.0, 0.0]
    assert sorted(path.name for path in kept.glob("*")) == ["0003", "0012"]
    assert list((tmp_path / "here").iterdir()) == []
    assert (kept / "0003" / "stdout.txt").read_text() == f"in {kept / '0003'}\n"


def test_only_the_files_that_are_named_are_copied(program, tmp_path):
    (tmp_path / "home" / "sub").mkdir()
    (tmp_path / "home" / "sub" / "mesh").write_text("m")
    (tmp_path / "home" / "other").write_text("o")
    script = tmp_path / "home" / "solve"
    script.write_text("#!/bin/sh\n[ -e other ] && exit 8\ncat sub/mesh && echo 1 > $2\n")
    assert replace(program, files=["sub"])(a=1.0, b=1.0)["y"].tolist() == [1.0]
    with pytest.raises(RuntimeError, match="exit code 8"):
        program(a=1.0, b=1.0)


def test_templates_of_one_name_are_filled_in_their_folders(program, tmp_path):
    home = tmp_path / "home"
    for folder, text in (("one", "{a}"), ("other", "{b}")):
        (home / folder).mkdir()
        (home / folder / "value.txt.tpl").write_text(text)
        (home / folder / "value.txt").write_text("7")  # of a run by hand
    (home / "solve").write_text("#!/bin/sh\necho $(cat one/value.txt) $(cat other/value.txt) $1 > y.txt\n")
    both = replace(
        program, command=["./solve", "{a}"], templates=["one/value.txt.tpl", "other/value.txt.tpl"]
    )
    both.check()
    assert both(a=2.0, b=0.25)["y"].tolist() == [2.0, 0.25, 2.0]
    assert (home / "one" / "value.txt").read_text() == "7"


def test_what_a_run_needs_is_looked_for_first(program, tmp_path):
    home = tmp_path / "home"
    for name in ("deck.in.tpl", "stdout.txt.tpl"):
        (home / name).write_text("{a} {b}")
    for changed, said in (
        ({"command": ["./gone"]}, r"no program './gone'"),
        ({"command": ["no-such-program"]}, "no program 'no-such-program' on the path"),
        ({"command": ["solve"]}, r"on the path; write './solve'"),
        ({"command": ["./y.txt"]}, "chmod"),
        ({"templates": ["gone"]}, r"model\.template: there is no 'gone'"),
        ({"files": ["gone"]}, r"model\.files: there is no 'gone'"),
        ({"templates": ["y.txt"]}, "'y.txt' has no placeholder"),
        ({"collected": asked({"y": "./deck.in:y"})}, r"becomes 'deck\.in', which is in model\.collect, too"),
        (
            {"templates": ["deck.in.template", "deck.in.tpl"]},
            r"'deck\.in', which is 'deck\.in\.template', filled",
        ),
        ({"templates": ["stdout.txt.tpl"]}, r"'stdout\.txt', which is what the program prints"),
        ({"values": ["a", "b", "c"]}, r"\{c\} is not in the command nor in deck"),
    ):
        with pytest.raises(InputError, match=said):
            replace(program, **changed).check()
    (home / "solve").chmod(stat.S_IRUSR)
    replace(program, command=["sh", "solve", "{a}", "{b}"], templates=[]).check()


def test_the_files_that_make_it_up_are_told(program, tmp_path):
    before = program.sources
    assert set(before) == {"./solve", "deck.in.template"}
    (tmp_path / "home" / "solve").write_text(SCRIPT + "# changed\n")
    assert program.sources["./solve"] != before["./solve"]
    through = replace(program, command=["sh", "solve"], files=["y.txt"])
    assert set(through.sources) == {"solve", "deck.in.template", "y.txt"}


def test_it_is_called_in_a_worker_and_ends_with_it(program, tmp_path, monkeypatch):
    """stderr is in the record, schedulers' variables reach it and those of MPI do not, no child is left."""
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("PMI_RANK", "1")
    objective = Objective([CurveTerm("y", {"y": np.array([2.0, 0.5, 77.0, 0.0])}, "l2")], [1.0])
    task = Evaluation(program, {}, objective)
    assert pickle.loads(pickle.dumps(task)).model == program
    with Worker([], 1.5, str(tmp_path / "home")) as worker:
        worker.assign(task)

        def outcome(a):
            worker.start({"a": a, "b": 0.5}, 1)
            while (answer := worker.poll(0.05)) is None:
                pass
            return Outcome.of(answer)

        assert outcome(2.0).score.distance == pytest.approx(0.0, abs=1e-12)
        failed = outcome(3.0)
        assert failed.status == "failed" and "./solve ended with exit code 4" in failed.message
        assert failed.said.splitlines() == ["did not converge", "at step 7"]
        assert outcome(4.0).status == "timeout"
        deadline = time.monotonic() + 5.0
        while sleeping() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not sleeping()


def sleeping():
    """Whether a program of the test is still there."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            if b"sleep\0004243" in (entry / "cmdline").read_bytes():
                return True
    return False
