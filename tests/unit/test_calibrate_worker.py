"""A process for calls: whatever happens in it ends in an answer, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import models_for_calibration as models
import numpy as np
import pytest

import mdbridge
from mdbridge.calibrate.worker import Worker

HERE = Path(__file__).parent


@pytest.fixture
def worker():
    with Worker([str(HERE)], time_limit=0.5) as worker:
        yield worker


def running(seconds):
    """Process IDs of programs that sleep for so long."""
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return [int(pid) for pid, command in lines if f"time.sleep({seconds})" in command and "import" in command]


def gone(seconds, within=3.0):
    deadline = time.monotonic() + within
    while (left := running(seconds)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return not left


def test_values_of_any_size_go_to_and_fro(worker):
    large = np.arange(1_000_000.0)  # more than a pipe holds, both ways
    answer = worker.call(models.echo, 1, {"a": large})
    assert answer.failure is None and answer.value[0] == 1
    assert np.array_equal(answer.value[1]["a"], large)
    worker.start("again")
    while (answer := worker.poll(0.1)) is None:
        pass
    assert answer.value == ("again",)


@pytest.mark.parametrize(
    ("mode", "kind", "text"),
    [
        ("raise", "error", "RuntimeError: a is too large"),
        ("exit", "error", "sys.exit(3) was called"),
        ("_exit", "ended", "ended its process: exit code 0"),
        ("kill", "ended", "ended its process: SIGKILL"),
        ("abort", "ended", "ended its process: SIGABRT"),
        ("hang", "timeout", "no answer in 0.5 s"),
    ],
)
def test_a_call_without_a_value_says_why_and_the_next_has_one(worker, mode, kind, text):
    answer = worker.call(models.misbehave, mode)
    assert (answer.failure.kind, answer.value) == (kind, None) and text in answer.failure.text
    assert worker.call(models.echo, 7).value == (7,)


def test_the_last_words_are_kept(worker, capfd):
    answer = worker.call(models.misbehave, "abort")
    assert "FATAL: the licence is gone" in answer.said and "Aborted" in answer.said  # and the place in Python
    answer = worker.call(models.say, "first line\n" * 100 + "last line\n")
    assert answer.said.endswith("last line") and answer.said.count("\n") == 19
    assert worker.call(models.echo).said == ""
    assert capfd.readouterr().err.count("first line") == 100  # passed on


def test_much_output_does_not_block(worker):
    answer = worker.call(models.say, "x" * 99 + "\n", 50_000)  # 5 MB, more than a pipe holds
    assert answer.failure.text == "ValueError: no"


def test_a_model_that_closes_its_output_has_answered_all_the_same(worker):
    assert worker.call(models.close_output).value == 1
    assert worker.call(models.echo, 7).value == (7,)


def test_compiled_code_that_holds_the_interpreter_is_ended(worker):
    start = time.monotonic()
    assert worker.call(models.hold_the_interpreter, 1000).failure.kind == "timeout"
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("how", ["hang", "daemon", "crash", "fork"])
def test_programs_of_the_model_end_with_it(worker, how):
    seconds = 7000 + hash(how) % 1000
    answer = worker.call(models.start_program, seconds, how)
    assert answer.failure.kind == ("ended" if how in ("crash", "fork") else "timeout")
    assert gone(seconds, 0.0)  # not a moment later


def test_programs_of_the_model_live_until_the_worker_is_closed(worker):
    first = worker.call(models.start_program, 6001, "return").value
    assert worker.call(models.start_program, 6002, "return").value == first and len(running(6001)) == 1
    worker.close()
    assert gone(6001, 0.0) and gone(6002, 0.0)


def test_nothing_outlives_a_killed_parent(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        "import sys\n"
        f"sys.path.append({str(HERE)!r})\n"
        "import models_for_calibration as models\n"
        "from mdbridge.calibrate.worker import Worker\n"
        f"workers = [Worker([{str(HERE)!r}]) for _ in range(2)]\n"
        "workers[0].assign(models.start_program)\nworkers[0].start(6003, 'daemon')\n"
        "workers[1].assign(models.hold_the_interpreter)\nworkers[1].start(6004)\n"
        "while True: workers[0].poll(1), workers[1].poll(1)\n"
    )
    path = os.pathsep.join([str(Path(mdbridge.__file__).parents[1]), str(HERE)])
    job = subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONPATH": path})
    deadline = time.monotonic() + 20
    while not running(6003):
        assert time.monotonic() < deadline and job.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    mine = [int(p) for p in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()]
    assert len(mine) == 2
    job.kill()
    job.wait()
    assert gone(6003)
    deadline = time.monotonic() + 3
    while any(Path(f"/proc/{p}").exists() for p in mine):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_killed_while_it_was_idle_is_replaced(worker):
    answer = worker.call(models.start_program, 0, "return")
    os.kill(answer.value, signal.SIGKILL)
    time.sleep(0.2)
    assert worker.call(models.echo, 1).value == (1,)


def test_getting_ready_does_not_count_and_its_failure_is_told(worker):
    assert worker.call(models.Slow(1.0)).value == "ready"
    answer = worker.call(models.Unwilling())
    assert answer.failure.text == "RuntimeError: LICENSE ERROR -18"


def test_calls_are_not_taken_for_input(worker):
    assert worker.call(models.read_input).value == ""


def test_a_child_that_leaves_by_an_exception_does_not_answer(worker):
    assert worker.call(models.fork_and_leave).value == "parent"
    assert worker.call(models.echo, 2).value == (2,)


def test_ranks_are_hidden_and_schedulers_are_not(monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with Worker() as worker:
        names = ("PMI_RANK", "SLURM_JOB_ID", "OMP_NUM_THREADS")
        assert [worker.call(os.getenv, name).value for name in names] == [None, "7", "3"]


def test_a_file_beside_the_input_does_not_replace_a_module_of_python(tmp_path, monkeypatch):
    for name in ("random", "types", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "mine.py").write_text("import random\nchoice = random.choice\n")
    monkeypatch.chdir(tmp_path)
    with Worker([str(tmp_path)]) as worker:
        assert worker.call(eval, "__import__('mine').choice([5])").value == 5


def test_each_process_works_in_a_folder_of_its_own_that_goes_with_it(tmp_path):
    (tmp_path / "input.txt").write_text("of the user")
    with Worker([str(HERE)], home=str(tmp_path)) as first, Worker([str(HERE)], home=str(tmp_path)) as second:
        folders = [Path(worker.call(os.getcwd).value) for worker in (first, second)]
        assert folders[0] != folders[1] and tmp_path not in folders
        for worker, text in ((first, "1"), (second, "2")):
            assert worker.call(models.rewrite, "input.txt", text).value == "of the user"
        assert [worker.call(models.rewrite, "input.txt", "3").value for worker in (first, second)] == [
            "1",
            "2",
        ]
        # an import, or a call, that leaves for another place does not take the next one with it
        first.call(os.chdir, str(tmp_path))
        assert Path(first.call(os.getcwd).value) == folders[0]
    assert (tmp_path / "input.txt").read_text() == "of the user"
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("mode", ["kill", "_exit", "hang"])
def test_the_folder_goes_however_the_process_ends(tmp_path, mode):
    with Worker([str(HERE)], time_limit=0.5, home=str(tmp_path)) as worker:
        folder = Path(worker.call(os.getcwd).value)
        assert folder.exists()
        assert worker.call(models.misbehave, mode).failure is not None
        assert not folder.exists()
