"""``python -m mdbridge`` is the console command."""

import runpy
import signal
import sys

import pytest

import mdbridge


def test_it_is_the_command_line(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["mdbridge", "version"])
    try:
        with pytest.raises(SystemExit) as end:
            runpy.run_module("mdbridge", run_name="__main__")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == mdbridge.__version__
