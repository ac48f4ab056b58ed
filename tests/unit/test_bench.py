"""The benchmarks: records that go on, tables, and that each of them runs."""

import bench
import pytest
from benchmarks.rows import Job, Row, in_turn, merged, table
from mpi4py import MPI


def test_multiples_are_taken_run_by_run_against_the_reference():
    """Twice as long in each pair, though the machine was ten times as slow in the second."""
    rows = [
        Row("a", "ours", [1.0, 10.0], [1.0, 10.0], reference=True),
        Row("a", "theirs", [2.0, 20.0], [9.0, 9.0]),
        Row("a", "ours", [3.0, 3.0], [0.5, 5.0], ranks=2),
        Row("b", "ours", [1.0], [1.0], reference=True),
        Row("b", "absent", note="not installed"),
    ]
    lines = table(rows).splitlines()[2:]
    assert "| 1 |" in lines[0] and "2 [2 … 2] (processor)" in lines[1]
    # on more ranks it is the time that one waits for
    assert "0.5 [0.5 … 0.5] (wall)" in lines[2]
    assert lines[4] == "| b | absent | 1 | – | – | – | – | not installed |"


def test_rounds_are_put_together_and_a_failed_one_takes_nothing_away():
    rows = [
        Row("a", "ours", note="no memory"),
        Row("a", "ours", [1.0], [2.0], memory=1.0),
        Row("a", "ours", [3.0], [4.0], memory=2.0),
        Row("a", "ours", note="no memory"),
        Row("a", "ours", [5.0], [6.0], ranks=2),
    ]
    serial, parallel = merged(rows)
    assert (serial.processor, serial.wall, serial.memory) == ([1.0, 3.0], [2.0, 4.0], 2.0)
    assert parallel.ranks == 2 and parallel.processor == [5.0]


def test_contenders_take_turns_backwards_in_every_other_round():
    order = []
    rows = in_turn(
        MPI.COMM_SELF, "a", [("x", lambda: order.append("x")), ("y", lambda: order.append("y"))], 3, 1.0
    )
    assert "".join(order) == "xy" + "xyyxxy"
    assert [row.reference for row in rows] == [True, False] and len(rows[0].processor) == 3


@pytest.fixture
def pretended(monkeypatch):
    """Two jobs that are run in no process; what was asked for."""
    asked = []

    def run(name, job, turns):
        asked.append((name, *job.arguments))
        if job.arguments == ("stops",) and len(asked) == 2:
            raise KeyboardInterrupt
        return [Row(job.arguments[0], "ours", [1.0], [1.0], reference=True)]

    monkeypatch.setattr(bench, "run", run)
    module = bench.benchmark("shear")
    monkeypatch.setattr(module, "jobs", lambda quick: [Job(("goes",)), Job(("stops",))])
    return asked


def test_a_benchmark_that_was_stopped_goes_on_where_it_was(tmp_path, pretended, capsys):
    with pytest.raises(KeyboardInterrupt):
        bench.main(["shear", "--rounds", "2", "--out", str(tmp_path)])
    # what was done is there already
    assert "| goes | ours |" in (tmp_path / "table.md").read_text()
    with (tmp_path / "rows.jsonl").open("ab") as record:
        record.write(b'\n{"key": "shear st')  # killed while it wrote
    assert bench.main(["shear", "--rounds", "2", "--out", str(tmp_path)]) == 0
    assert pretended == [("shear", name) for name in ("goes", "stops", "stops", "goes", "stops")]
    assert len([done for done in bench.read(tmp_path / "rows.jsonl")]) == 4
    assert "| stops | ours | 1 | 1 [1 … 1] |" in capsys.readouterr().out


def test_a_name_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["sheer"])
    assert "'sheer'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_measurement_is_a_process_of_its_own_and_says_why_it_failed():
    (row,) = bench.run("shear", Job(("16", "1e8")), 1)
    assert row.reference and row.processor[0] > 0.0 and row.memory > 0.0
    (row,) = bench.run("shear", Job(("-1", "1e8")), 1)
    assert not row.processor and "nx = -1" in row.note


@pytest.mark.slow
@pytest.mark.parametrize("name", bench.NAMES)
def test_each_benchmark_measures_itself_and_what_a_user_would_take_instead(name, monkeypatch):
    monkeypatch.delenv("STZ_PUBLISHED", raising=False)
    jobs = [job for job in bench.benchmark(name).jobs(True) if job.ranks == 1]
    rows = [row for job in jobs for row in bench.benchmark(name).measure(MPI.COMM_SELF, job.arguments, 1)]
    assert any(row.reference for row in rows)
    # ranks are beside each other in campaigns; elsewhere it is other programs
    assert name == "campaigns" or len({row.what for row in rows}) > 1
    for row in rows:
        # what is not here says so; nothing else is without times
        assert row.processor or "not installed" in row.note, row
        assert all(time > 0.0 for time in row.processor + row.wall), row
        assert "|" not in row.group + row.what + row.note


def test_the_whole_plan_names_sizes_of_the_desk():
    """Four groups of what the table is for; each job is one that its benchmark can read."""
    for name in bench.NAMES:
        for job in bench.benchmark(name).jobs(False):
            assert job.ranks in (1, 2) and all(isinstance(text, str) for text in job.arguments)
    sizes = {job.arguments[1] for job in bench.benchmark("solve").jobs(False)}
    assert sizes == {"10000", "100000", "1000000"}
