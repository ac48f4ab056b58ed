"""The engine: done once, done again when what is read changes, shared, chained, never lost."""

import errno
import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI
from thread_ranks import together

from mdbridge.core import parallel, stages
from mdbridge.core.errors import FileError, InputError, MdbridgeError
from mdbridge.core.identity import Identity
from mdbridge.core.stages import Link, Product, Stage, Task, chains, independent
from mdbridge.core.workspace import Workspace, claim

COMM = MPI.COMM_SELF


@pytest.fixture
def workspace(tmp_path):
    with claim(COMM, tmp_path / "out", "test", tmp_path / "in.toml") as owned:
        yield owned


def identity(value, **after):
    return Identity("test", values={"value": value}, shown={"value": value}, after=after)


def stage(done, keep="json", **values):
    def work(name, value, context, report):
        done.append(name)
        report(0.5)
        return {"value": np.full(3, value) if keep == "arrays" else value}

    return Stage("tasks", [Task(n, identity(v), partial(work, n, v)) for n, v in values.items()], keep)


def share(workspace, chosen):
    stages.share(COMM, workspace, chosen, "tasks", nullcontext)
    return {task.name: stages.result(workspace, chosen, task)["value"] for task in chosen.tasks}


def test_a_finished_task_is_not_done_again_and_a_changed_one_is_done_beside_it(workspace):
    done = []
    assert share(workspace, stage(done, a=1, bb=2)) == {"a": 1, "bb": 2}
    assert share(workspace, stage(done, a=1, bb=3, ccc=4)) == {"a": 1, "bb": 3, "ccc": 4}
    assert sorted(done) == ["a", "bb", "bb", "ccc"]
    assert share(workspace, stage(done, a=1, bb=2)) == {"a": 1, "bb": 2}  # the former input's is still there
    assert len(done) == 4


def test_arrays_are_kept_and_damage_is_seen(workspace):
    done = []
    chosen = stage(done, keep="arrays", a=1.5)
    assert share(workspace, chosen)["a"].tolist() == [1.5] * 3
    path = next((workspace.root / "tasks").glob("a-*.npz"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(FileError, match="a is missing or damaged"):
        stages.result(workspace, chosen, chosen.tasks[0])
    assert share(workspace, chosen)["a"].tolist() == [1.5] * 3
    assert done == ["a", "a"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": "mdbridge-record"}', "result", "read"])
def test_a_damaged_record_is_made_again(workspace, damage):
    done = []
    share(workspace, stage(done, a=1))
    path = next((workspace.root / "records/tasks").glob("a-*.json"))
    if damage in ("result", "read"):
        data = json.loads(path.read_text())
        if damage == "read":
            data["made_from"]["values"]["value"] = 7
        else:
            data["result"]["value"] = 7
        damage = json.dumps(data)
    path.write_text(damage)
    assert share(workspace, stage(done, a=1)) == {"a": 1}
    assert done == ["a", "a"]


def test_a_task_that_fails_stops_the_stage_and_what_is_finished_stays(workspace):
    done = []
    chosen = stage(done, a=1, b=2, c=3)

    def fail(context, report):
        raise InputError("no such luck")

    broken = [replace(t, cost=10.0 - n) for n, t in enumerate(chosen.tasks)]
    broken[1] = replace(broken[1], work=fail)
    with pytest.raises(InputError, match="no such luck"):
        share(workspace, replace(chosen, tasks=broken))
    assert done == ["a"]
    assert share(workspace, chosen) == {"a": 1, "b": 2, "c": 3}
    assert done == ["a", "b", "c"]


def test_the_most_expensive_task_comes_first_and_progress_ends_at_one(workspace, monkeypatch):
    done, ticks = [], []
    monkeypatch.setattr(
        independent,
        "progress",
        lambda comm, title: nullcontext(lambda done, note="": ticks.append((done, note))),
    )
    chosen = stage(done, a=1, b=2, c=3)
    costs = {"a": 1.0, "b": 5.0, "c": 2.0}
    share(workspace, replace(chosen, tasks=[replace(t, cost=costs[t.name]) for t in chosen.tasks]))
    assert done == ["b", "c", "a"]
    assert ticks[0] == (2.5 / 8, "b")
    assert ticks[-1][0] == 1.0
    assert [t for t, _ in ticks] == sorted(t for t, _ in ticks)


# --- chains -----------------------------------------------------------------------------


def test_a_full_disk_when_a_task_is_taken_fails_on_all_ranks_of_a_group(tmp_path, monkeypatch):
    """The rank that looks after the queue must not raise while the others wait to hear of it."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(independent.os, "open", full)

    def work(comm):
        waiting = independent._Queue(comm, comm, tmp_path / "queue")
        return parallel.attempt(lambda: waiting.take("a"))[1]

    for error in together(2, work):
        assert isinstance(error, MdbridgeError)
        assert "queue: cannot be written: No space left on device" in str(error)


def test_progress_is_looked_for_where_it_is_shown_alone(workspace):
    """Of hundreds of ranks each would ask the file system for every task's record at every tick."""
    chosen = stage([], a=1)
    silent = independent._Done(workspace, "tasks", chosen.tasks, None)
    silent._paths = None  # nothing to look for
    silent(0.5, chosen.tasks[0])


def links(done, *values):
    """Each link writes a state, the sum of all values so far, and a frame."""

    def work(value, folder, before, tell):
        done.append(value)
        state = value + (int((before / "state").read_text()) if before is not None else 0)
        (folder / "state").write_text(str(state))
        (folder / "frame").write_text(f"frame {state}")
        tell(1.0)
        return {"state": state}

    plain = [
        Link(f"l{n}", identity(v), partial(work, v), 1.0, "links", "state") for n, v in enumerate(values)
    ]
    return stages.chained(plain)


def states(workspace, chosen):
    return [kept.result["state"] for kept in stages.chain(COMM, workspace, "chain", chosen, "links")]


def test_progress_of_a_chain_counts_what_is_behind_it(workspace, monkeypatch):
    ticks = []
    monkeypatch.setattr(
        chains,
        "progress",
        lambda comm, title: nullcontext(lambda done, note="": ticks.append((done, note))),
    )
    chosen = [
        replace(link, cost=cost) for link, cost in zip(links([], 1, 2, 3), (1.0, 4.0, 1.0), strict=True)
    ]
    states(workspace, chosen[:2])
    ticks.clear()
    states(workspace, chosen)
    # the first two are kept: they count all the same; each link tells that one unit of it is done
    assert ticks == [((1.0 + 4.0 + 1.0) / 6.0, "links")]
    ticks.clear()
    # the first state is gone, and the others go on from it
    states(workspace, [*chosen[:1], *[replace(link, identity=identity(5)) for link in chosen[1:]]])
    assert [done for done, _ in ticks] == pytest.approx([1.0 / 6.0, 2.0 / 6.0, 1.0])


def test_a_chain_goes_on_where_it_was_and_a_changed_link_redoes_those_after_it(workspace):
    done = []
    assert states(workspace, links(done, 1, 2, 3)) == [1, 3, 6]
    assert states(workspace, links(done, 1, 2, 3)) == [1, 3, 6]
    assert done == [1, 2, 3]
    done.clear()
    assert states(workspace, links(done, 1, 2, 4)) == [1, 3, 7]
    assert done == [4]
    done.clear()
    # the state after the first link was dropped when nothing needed it any more
    assert states(workspace, links(done, 1, 5, 4)) == [1, 6, 10]
    assert done == [1, 5, 4]


def test_only_the_last_two_states_are_kept(workspace):
    stages.chain(COMM, workspace, "chain", links([], 1, 2, 3, 4), "links")
    kept = sorted(p.parent.name[:2] for p in (workspace.root / "chain").glob("*/state"))
    assert kept == ["l2", "l3"]


def test_a_lost_frame_is_made_again_from_the_last_state_before_it(workspace):
    done = []
    chosen = links(done, 1, 2, 3, 4)
    stages.chain(COMM, workspace, "chain", chosen, "links")
    done.clear()
    frame = stages.link_folder(workspace, "chain", chosen[3]) / "frame"
    frame.unlink()
    assert states(workspace, links(done, 1, 2, 3, 4)) == [1, 3, 6, 10]
    assert done == [4]
    assert frame.read_text() == "frame 10"
    done.clear()
    (stages.link_folder(workspace, "chain", chosen[1]) / "frame").write_text("changed")
    assert states(workspace, links(done, 1, 2, 3, 4)) == [1, 3, 6, 10]
    assert done == [1, 2]  # nothing earlier can be gone on from; what follows went on from the same state


def test_links_after_a_state_that_came_out_differently_are_made_again(workspace):
    chosen = links([], 1, 2, 3)
    stages.chain(COMM, workspace, "chain", chosen, "links")
    shutil.rmtree(stages.link_folder(workspace, "chain", chosen[1]))

    def other(folder, before, tell):
        (folder / "state").write_text("100")
        return {"state": 100}

    done = []
    again = links(done, 1, 2, 3)
    again[1] = replace(again[1], work=other)  # as another number of ranks would
    assert states(workspace, again) == [1, 100, 103]
    assert done == [1, 3]


# --- products ---------------------------------------------------------------------------


def product(done, value, name="a.txt"):
    def work(folder):
        done.append(value)
        (folder / name).write_text(str(value))

    return Product("product", identity(value), (name,), work)


def test_another_input_s_product_gives_way_and_comes_back(workspace):
    done, top = [], workspace.root / "a.txt"
    for value, text in ((1, "1"), (1, "1"), (2, "2"), (1, "1"), (2, "2")):
        stages.make(COMM, workspace, product(done, value))
        assert top.read_text() == text
    assert done == [1, 2]


def following(done, value, before, stage="later"):
    """A product at the top that was made after ``before``."""

    def work(folder):
        done.append((stage, value))
        (folder / f"{stage}.txt").write_text(f"{stage} {value} after {before.key}")

    made = Identity("later", 1, {"value": value}, after={"before": before.key})
    return Product(stage, made, (f"{stage}.txt",), work)


def test_what_was_made_after_a_product_gives_way_with_it_and_comes_back(workspace):
    """Solutions and a summary of the former model must not stand beside a new one, as after 'learn' alone."""
    done = []

    def chain_of(value):
        first = product(done, value)
        second = following(done, value, first.identity)
        return [first, second, following(done, value, second.identity, "last")]

    for made in chain_of(1):
        stages.make(COMM, workspace, made)
    texts = {name: (workspace.root / name).read_text() for name in ("later.txt", "last.txt")}
    stages.make(COMM, workspace, chain_of(2)[0])
    assert sorted(p.name for p in workspace.root.glob("*.txt")) == ["a.txt"]
    done.clear()
    for made in chain_of(1):
        stages.make(COMM, workspace, made)
    assert done == []
    assert {name: (workspace.root / name).read_text() for name in texts} == texts


def in_its_folder(value, *names):
    """A product at the top whose files are in a folder of the stage's own name, as those for ParaView."""

    def work(folder):
        (folder / "vtk").mkdir()
        for name in names:
            (folder / "vtk" / name).write_text(f"{name} {value}")

    return Product("vtk", identity(value), tuple(f"vtk/{name}" for name in names), work)


def test_a_product_in_a_folder_of_its_stage_s_name_gives_way_too(workspace):
    long, short = in_its_folder(1, "0.vts", "1.vts", "2.vts"), in_its_folder(2, "0.vts")
    stages.make(COMM, workspace, long)
    stages.make(COMM, workspace, short)
    assert [p.name for p in (workspace.root / "vtk").iterdir()] == ["0.vts"], "no frames of the longer run"
    stages.make(COMM, workspace, long)
    assert (workspace.root / "vtk/0.vts").read_text() == "0.vts 1"


def test_what_was_not_made_after_it_stays(workspace):
    done = []
    stages.make(COMM, workspace, product(done, 1))
    beside = following(done, 1, identity("elsewhere"))
    stages.make(COMM, workspace, beside)
    stages.make(COMM, workspace, product(done, 2))
    assert (workspace.root / "later.txt").is_file()


def test_a_stage_can_be_retired_by_its_key(workspace):
    done = []
    stages.make(COMM, workspace, product(done, 1))
    stages.make(COMM, workspace, following(done, 1, identity(1)))
    workspace.retire("product", identity(1).key)
    assert len(list(workspace.root.glob("*.txt"))) == 2
    workspace.retire("product", identity(2).key)
    assert list(workspace.root.glob("*.txt")) == []


def test_what_we_did_not_write_is_never_replaced(workspace):
    done, theirs = [], workspace.root / "a.txt"
    theirs.write_text("mine")
    with pytest.raises(InputError, match=r"a\.txt: is there already, and mdbridge did not write it"):
        stages.make(COMM, workspace, product(done, 1))
    assert done == []
    assert theirs.read_text() == "mine"


def test_what_was_ours_and_was_changed_since_is_kept_aside(workspace):
    done, top = [], workspace.root / "a.txt"
    stages.make(COMM, workspace, product(done, 1))
    top.write_text("edited")
    stages.make(COMM, workspace, product(done, 1))
    assert top.read_text() == "1"
    assert [p.read_text() for p in (workspace.root / "superseded").rglob("a.txt")] == ["edited"]


def test_nothing_is_left_of_a_product_that_fails(workspace):
    done = []
    stages.make(COMM, workspace, product(done, 1))

    def fail(folder):
        (folder / "a.txt").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError):
        stages.make(COMM, workspace, replace(product(done, 2), work=fail))
    # half a result may tell why; a refusal that has written nothing leaves nothing
    assert len(list(workspace.root.glob(".making-*/a.txt"))) == 1

    def refuse(folder):
        raise InputError("not so")

    with pytest.raises(InputError):
        stages.make(COMM, workspace, replace(product(done, 4), work=refuse))
    assert len(list(workspace.root.glob(".making-*"))) == 1
    assert (workspace.root / "a.txt").read_text() == "1"
    with pytest.raises(FileError, match="was not written"):
        stages.make(COMM, workspace, replace(product(done, 3), work=lambda folder: None))
    assert (workspace.root / "a.txt").read_text() == "1"


def test_making_it_again_on_purpose_leaves_one(workspace):
    done = []
    stages.make(COMM, workspace, product(done, 1))
    stages.make(COMM, workspace, product(done, 1), again=True)
    assert done == [1, 1]
    assert not (workspace.root / "superseded").exists()


def test_a_later_stage_takes_only_what_this_input_led_to(workspace):
    with pytest.raises(FileError, match="no such file; run 'make it' first"):
        stages.require(workspace, product([], 1), "make it")
    stages.make(COMM, workspace, product([], 1))
    assert stages.require(workspace, product([], 1), "make it").read_text() == "1"
    with pytest.raises(FileError, match=r"made from another input \(value was 1, now 2\); run 'make it'"):
        stages.require(workspace, product([], 2), "make it")
    assert Workspace(workspace.root, "test").owner("a.txt").key == identity(1).key


def test_a_kill_while_a_product_is_moved_to_its_place_costs_nothing(workspace, monkeypatch):
    """The first file has been moved, the second has not: made again, and not taken for somebody else's."""
    done = []

    def work(folder):
        done.append(1)
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text(name)

    both = Product("product", identity(1), ("a.txt", "b.txt"), work)
    moved, move = [], Path.replace

    def killed(path, target):
        if Path(target).parent == workspace.root:
            moved.append(target)
        if len(moved) > 1:
            raise KeyboardInterrupt
        return move(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            stages.make(COMM, workspace, both)
    assert (workspace.root / "a.txt").exists() != (workspace.root / "b.txt").exists()
    stages.make(COMM, workspace, both)
    assert done == [1, 1]
    assert [(workspace.root / name).read_text() for name in ("a.txt", "b.txt")] == ["a.txt", "b.txt"]


def test_each_folder_at_work_has_what_was_told_of_its_own_pieces(tmp_path):
    """As in a study, whose campaigns are all open while it works."""
    with claim(COMM, tmp_path / "study", "test", tmp_path / "in.toml") as outer:
        with claim(COMM, tmp_path / "study" / "0K", "test", tmp_path / "in.toml") as inner:
            for place in (outer, inner):
                text = place.root.name
                made = Product(
                    text, identity(text), (f"{text}.txt",), lambda f, t=text: (f / f"{t}.txt").write_text(t)
                )
                stages.make(COMM, place, made)
        logs = [(place.root / "mdbridge.log").read_text() for place in (outer, inner)]
    assert ["study: begins" in log for log in logs] == [True, False]
    assert ["0K: begins" in log for log in logs] == [False, True]
