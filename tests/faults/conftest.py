"""What the tests of faults share: the command line in this process, which starts no interpreter."""

import signal
import subprocess
import sys

import pytest
from small_campaign import HEAVY, SMALL, Sampled, mdbridge_without

from mdbridge import cli


@pytest.fixture
def in_process(monkeypatch, capfd):
    """Run the command line in this process: exit code, what it printed, and its errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mdbridge", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return subprocess.CompletedProcess(arguments, end.value.code, *capfd.readouterr())

    before = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def bare_sample(tmp_path_factory):
    """The small campaign, sampled where none of the heavy packages is there; not to be changed."""
    folder = tmp_path_factory.mktemp("sampled")
    path, out = folder / "small.toml", folder / "out"
    path.write_text(SMALL)
    return Sampled(path, out, mdbridge_without(HEAVY, "sample", path, "--out", out))
