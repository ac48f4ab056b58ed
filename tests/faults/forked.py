"""The command line in a child of this process, which has all imports behind it: a tenth of a second."""

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from launcher import Outcome

from mdbridge import cli
from mdbridge.campaigns import MODULES, webpage  # noqa: F401 - what every child would import anew

for module in MODULES.values():
    importlib.import_module(f"mdbridge.campaigns.{module}")


def run(arguments: list[object], folder: Path, within: float = 60.0) -> Outcome:
    """Run a command to its end; a crash, or a process that hangs, is the child's alone.

    Only for one rank, and where no MPI call of the parent is under way.
    """
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            _command(arguments, folder, printed.fileno(), said.fileno())
        code, peak = _wait(child, begun + within)
        texts = []
        for stream in (printed, said):
            stream.seek(0)
            texts.append(stream.read())
    return Outcome(code, texts[0], texts[1], time.monotonic() - begun, peak=peak)


def _command(arguments: list[object], folder: Path, printed: int, said: int) -> None:
    """Be the command; does not return."""
    code = 99
    try:
        os.dup2(printed, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os.chdir(folder)
        sys.argv = ["mdbridge", *map(str, arguments)]
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # nothing of the parent's own end


def _wait(child: int, until: float) -> tuple[int, float]:
    """Exit code, and the most bytes that it held."""
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), 1024.0 * used.ru_maxrss
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("it hangs")
        time.sleep(0.005)
