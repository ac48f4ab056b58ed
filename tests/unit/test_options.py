"""What an option does as soon as it is read, whichever command it is given to."""

import typer
from typer.testing import CliRunner

from mdbridge.core import console, demand, interrupts
from mdbridge.options import MaxWalltime, Quiet, Verbose, Yes

app = typer.Typer()


@app.command()
def nothing(
    quiet: Quiet = False,
    verbose: Verbose = False,
    yes: Yes = False,
    max_walltime: MaxWalltime = None,
):
    """A command that looks at none of its options."""


def done_by(monkeypatch, *words):
    """What is set off by these words of a command line."""
    calls = []
    monkeypatch.setattr(console, "set_volume", lambda volume: calls.append(("volume", volume)))
    monkeypatch.setattr(demand, "accept", lambda: calls.append(("yes",)))
    monkeypatch.setattr(interrupts, "stop_after", lambda seconds: calls.append(("stop", seconds)))
    outcome = CliRunner().invoke(app, list(words))
    assert outcome.exit_code == 0, outcome.output
    return calls


def test_options_act_without_the_command_s_help_and_only_where_they_are_given(monkeypatch):
    assert done_by(monkeypatch) == []
    assert done_by(monkeypatch, "-q") == [("volume", -1)]
    assert done_by(monkeypatch, "-v") == [("volume", 1)]
    assert done_by(monkeypatch, "-y") == [("yes",)]
    assert done_by(monkeypatch, "--max-walltime", "1h30m") == [("stop", 5400.0)]
