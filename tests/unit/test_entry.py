"""The console command where nothing that it needs is installed."""

import subprocess
import sys
from pathlib import Path

import mdbridge
from mdbridge import entry
from mdbridge.core.errors import MissingPackageError

BARE = """
import sys
sys.path.insert(0, {root!r})
sys.modules["typer"] = None
sys.argv = ["mdbridge", "--version"]
from mdbridge.entry import main
main()
"""


def test_without_the_package_of_the_command_line_one_line_says_what_is_missing():
    # -S: not even the packages of this environment are there
    program = BARE.format(root=str(Path(mdbridge.__file__).parents[1]))
    job = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert job.returncode == MissingPackageError.exit_code and len(job.stderr.splitlines()) == 1
    assert "the command line needs typer, which" in job.stderr and "pip install typer" in job.stderr


def test_with_it_the_command_line_runs(monkeypatch):
    called = []
    monkeypatch.setattr("mdbridge.cli.main", lambda: called.append(True))
    entry.main()
    assert called == [True]
