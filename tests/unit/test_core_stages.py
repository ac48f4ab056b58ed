"""Tasks: done once, done again when their key changes, and failing on all ranks."""

import json
from functools import partial

import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.core.stages import Task, run_tasks


def work(done, name, value):
    done.append(name)
    return {"value": value}


def tasks(done, **keys):
    return {name: Task(1.0, key, partial(work, done, name, len(name))) for name, key in keys.items()}


def run(folder, chosen):
    return run_tasks(MPI.COMM_SELF, chosen, folder, lambda done, note="": None)


def test_a_finished_task_is_not_done_again(tmp_path):
    done = []
    first = run(tmp_path, tasks(done, a="1", bb="1"))
    assert sorted(done) == ["a", "bb"]
    again = run(tmp_path, tasks(done, a="1", bb="2", ccc="1"))
    assert sorted(done[2:]) == ["bb", "ccc"]
    assert [first[name]["value"] for name in ("a", "bb")] == [1, 2]
    assert {name: one["value"] for name, one in again.items()} == {"a": 1, "bb": 2, "ccc": 3}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"value": 1}'])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    done = []
    run(tmp_path, tasks(done, a="1"))
    (tmp_path / "a.json").write_text(damage)
    assert run(tmp_path, tasks(done, a="1"))["a"]["value"] == 1
    assert done == ["a", "a"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"value": 1, "key": "1"}


def test_what_is_finished_before_a_failure_is_kept(tmp_path):
    def fail():
        raise InputError("no such thing")

    done = []
    chosen = tasks(done, a="1") | {"b": Task(0.1, "1", fail)}
    with pytest.raises(InputError, match="no such thing"):
        run(tmp_path, chosen)
    assert done == ["a"]
    run(tmp_path, tasks(done, a="1"))
    assert done == ["a"]
