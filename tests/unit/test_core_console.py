"""What a person sees: nothing but on rank 0, and lines where the output is no terminal."""

import io
from time import sleep
from types import SimpleNamespace

import pytest
from rich.console import Console

from mdbridge.core import console

ROOT, OTHER = SimpleNamespace(rank=0), SimpleNamespace(rank=1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(console.time, "monotonic", lambda: now.time)
    return now


def test_messages_go_to_stderr_on_rank_0_alone(capsys):
    console.console(OTHER).print("not this")
    console.console(ROOT).print("this, with its numbers 1.5 as they are")
    out, err = capsys.readouterr()
    assert out == "" and err == "this, with its numbers 1.5 as they are\n"


def test_what_no_terminal_shows_is_a_line_for_each_message(clock, capsys):
    path = "/a folder/" + "long/" * 30 + "file.h5"
    console.console(ROOT).print(f"results are in {path}")
    with console.progress(ROOT, "work") as tick:
        tick(0.1)
        clock.time += 6.0
        tick(0.5, "best 0.1 at " + ", ".join(f"p{k} 0.12345" for k in range(20)))
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(path) and second.endswith("p19 0.12345")


def test_brackets_in_a_name_are_text(capsys):
    console.console(ROOT).print("results in out [bold] of [/run]")
    assert capsys.readouterr().err == "results in out [bold] of [/run]\n"


def test_lines_tell_what_is_left_at_most_every_five_seconds(clock, capsys):
    with console.progress(ROOT, "sample") as tick:
        for time, done, note in (
            (104.9, 0.1, "too early"),
            (105.0, 0.25, "train-x-1-0"),  # a tenth of a second after the first tells nothing
            (109.0, 0.5, "too early again"),
            (120.0, 0.8, ""),  # since the first, 15.1 s for 0.7: 0.2 take 4.3 s
        ):
            clock.time = time
            tick(done, note)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "sample: 25 %  train-x-1-0",
        "sample: 80 %, about 4 s left",
    ]


@pytest.mark.parametrize(
    ("name", "told"), [("", []), ("seed-3", ["seed-3, shear: 50 %, about 65 s left  run"])]
)
def test_work_beside_other_work_has_a_line_a_minute_if_it_has_a_name(clock, capsys, name, told):
    with console.unseen(name), console.progress(ROOT, "shear") as tick:
        console.console(ROOT).print("a message of it")
        for time, done in ((100.0, 0.02), (130.0, 0.3), (165.0, 0.5), (200.0, 0.7)):
            clock.time = time
            tick(done, "run")
    with console.unseen(name), console.progress(OTHER, "shear") as tick:
        clock.time += 100
        tick(0.9, "run")
    assert capsys.readouterr().err.splitlines() == [line.replace("65 s", "68 s") for line in told]


def test_what_came_before_the_first_does_not_count_for_the_rest(clock, capsys):
    with console.progress(ROOT, "shear") as tick:
        for time, done in ((170.0, 0.01), (176.0, 0.07)):  # compiled for 70 s, then 1 % a second
            clock.time = time
            tick(done)
    assert capsys.readouterr().err.splitlines()[-1] == "shear: 7 %, about 93 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (34.4, "34 s"), (99.6, "2 min"), (5000, "83 min"), (7200, "2 h"), (12000, "3 h 20 min"),
     (190000, "2 d 4 h")],
)  # fmt: skip
def test_times_as_people_say_them(seconds, text):
    assert console.duration(seconds) == text


def test_nothing_is_said_before_anything_is_done(clock, capsys):
    with console.progress(ROOT, "sample") as tick:
        clock.time = 200.0
        tick(0.0, "the first")
    assert capsys.readouterr().err == ""


def test_other_ranks_tick_in_silence(clock, capsys):
    with console.progress(OTHER, "sample") as tick:
        clock.time = 200.0
        tick(0.5)
        tick(0.6, "note")
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar_that_ends_full(monkeypatch):
    text = io.StringIO()
    terminal = Console(file=text, force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(console, "console", lambda comm: terminal)
    with console.progress(ROOT, "learn") as tick:
        tick(0.4, "delta-20-M-5")
    *_, last = [line for line in text.getvalue().splitlines() if "%" in line]
    assert "learn" in last and "100 %" in last.split("\x1b[2K")[-1]


def test_a_bar_tells_what_is_left_of_work_whose_parts_take_minutes(monkeypatch, clock):
    """Compiled for a minute, then 10 % every two."""
    text = io.StringIO()
    terminal = Console(file=text, force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(console, "console", lambda comm: terminal)
    with console.progress(ROOT, "learn") as tick:
        for time, done in ((160.0, 0.01), (280.0, 0.11), (400.0, 0.21)):
            clock.time = time
            tick(done, "a pair")
            sleep(0.3)  # it is drawn ten times a second
    shown = text.getvalue()
    assert "about 16 min left" in shown  # 0.79 of 20 minutes
    assert shown.index("18 min left") < shown.index("16 min left")


@pytest.fixture
def volume():
    yield console.set_volume
    console.set_volume(0)


def test_quiet_and_verbose(volume, capsys):
    console.detail(ROOT, "how")
    volume(1)
    console.detail(ROOT, "how, if asked")
    volume(-1)
    console.console(ROOT).print("what")
    console.detail(ROOT, "how")
    assert capsys.readouterr().err == "how, if asked\n"


def logged_lines(folder):
    """Lines of a log without their times."""
    return [line.partition("  ")[2] or line for line in (folder / console.LOG).read_text().splitlines()]


def test_what_is_told_is_kept(tmp_path, volume, capsys, clock):
    volume(-1)  # whatever is shown
    for number in (1, 2):
        with console.logged(tmp_path, f"run {number}"):
            console.console(ROOT).print("done")
            console.console(OTHER).print("of nobody")
            console.detail(ROOT, "in this way")
    console.console(ROOT).print("afterwards")
    once = ["run 1", "done", "in this way", "run 2", "done", "in this way"]
    assert logged_lines(tmp_path)[1:] == once
    assert (tmp_path / console.LOG).read_text().startswith("# log of mdbridge")


def test_progress_is_not_kept_and_an_error_is(tmp_path, clock, capsys):
    with pytest.raises(ValueError, match="bad"), console.logged(tmp_path, "run"):
        with console.progress(ROOT, "sample") as tick:
            clock.time = 200.0
            tick(0.5, "half")
        raise ValueError("bad")
    assert logged_lines(tmp_path)[1:] == ["run", "ended by ValueError: bad"]


def test_somebody_elses_log_stays(tmp_path):
    (tmp_path / console.LOG).write_text("mine\n")
    with console.logged(tmp_path, "run"):
        console.console(ROOT).print("done")
    assert (tmp_path / console.LOG).read_text() == "mine\n"


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path, capsys):
    with console.logged(tmp_path / "nowhere", "run"):
        console.console(ROOT).print("done")
    assert capsys.readouterr().err == "done\n"


def test_each_folder_of_a_study_has_what_was_told_of_it(tmp_path):
    say = console.console(ROOT).print
    with console.logged(tmp_path, "study"):
        folders = [tmp_path / "0K", tmp_path / "300K"]
        for folder in folders:
            folder.mkdir()
        with console.logged(folders[0], "cold"), console.logged(folders[1], "warm"):
            for folder in folders:
                with console.logging_to(folder):
                    say(f"sampled {folder.name}")
                    with console.logging_to(folder / "samples"):  # has no log of its own
                        say("a part")
            with console.logging_to(tmp_path):
                say("compared")
        say("over")
    assert logged_lines(tmp_path)[1:] == ["study", "compared", "over"]
    assert logged_lines(folders[0])[1:] == ["cold", "sampled 0K", "a part"]
    assert logged_lines(folders[1])[1:] == ["warm", "sampled 300K", "a part"]
    with pytest.raises(KeyError), console.logged(tmp_path, "again"), console.logged(folders[0], "later"):
        raise KeyError("x")
    # each says how it ended itself
    assert [logged_lines(folder).count("ended by KeyError: 'x'") for folder in (tmp_path, folders[0])] == [
        1,
        1,
    ]


def test_a_reader_that_goes_away_costs_nothing(monkeypatch, clock):
    class Full:
        encoding = "utf-8"

        def isatty(self):
            return False

        def fileno(self):
            raise OSError(25, "no file")

        def write(self, text):
            raise OSError(28, "No space left on device")

        def flush(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(console.sys, "stderr", Full())
    console.console(ROOT).print("words")
    with console.progress(ROOT, "sample") as tick:
        clock.time = 200.0
        tick(0.5, "half")
