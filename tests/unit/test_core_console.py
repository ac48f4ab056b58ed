"""What a person sees: nothing but on rank 0, and lines where the output is no terminal."""

import io
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


def test_brackets_in_a_name_are_text(capsys):
    console.console(ROOT).print("results in out [bold] of [/run]")
    assert capsys.readouterr().err == "results in out [bold] of [/run]\n"


def test_lines_tell_what_is_left_at_most_every_five_seconds(clock, capsys):
    with console.progress(ROOT, "sample") as tick:
        for time, done, note in (
            (104.9, 0.1, "too early"),
            (105.0, 0.25, "train-x-1-0"),  # 5 s for a quarter leave 15 s
            (109.0, 0.5, "too early again"),
            (120.0, 0.8, ""),  # 20 s for 0.8 leave 5 s
        ):
            clock.time = time
            tick(done, note)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "sample: 25 %, about 15 s left  train-x-1-0",
        "sample: 80 %, about 5 s left",
    ]


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
