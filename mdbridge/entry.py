"""The console command: what it cannot begin without is told in one line."""

import sys

from .core.errors import MissingPackageError
from .core.requires import requires


def main() -> None:
    """Entry point; ``pip install --no-deps`` leaves even the command line's own package out."""
    try:
        with requires("typer", "the command line"):
            import typer  # noqa: F401 - the whole of cli needs it
    except MissingPackageError as error:
        sys.stderr.write(f"mdbridge: error: {error}\n")
        sys.exit(error.exit_code)
    from .cli import main as run

    run()
