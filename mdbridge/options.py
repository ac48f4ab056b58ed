"""Arguments and options that commands have in common, and what those do that act as soon as they are read."""

from pathlib import Path
from typing import Annotated

import typer

Input = Annotated[Path, typer.Argument(help="the campaign's TOML file", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="folder for the results; made if absent")
]
Folder = Annotated[Path, typer.Argument(help="a folder of results (--out)", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="override a key of the TOML; repeatable"),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="only try a part, and print the tasks, time, memory and disk that all would take"
    ),
]


def _set_volume(volume: int) -> None:
    # not before: rich costs help and version a tenth of a second
    from .core.console import set_volume

    set_volume(volume)


def _quieter(on: bool) -> None:
    if on:
        _set_volume(-1)


def _louder(on: bool) -> None:
    if on:
        _set_volume(1)


# acted on where they are read, by every command alike
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_quieter, help="say nothing but what went wrong")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_louder, help="say also how things are done")
]


def _agreed_to(on: bool) -> None:
    if on:
        from .core.demand import accept

        accept()


Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", callback=_agreed_to, help="do also what looks too large for this machine"),
]


def _limited(text: str | None) -> None:
    if text is not None:
        from .core.interrupts import stop_after
        from .core.walltime import seconds

        stop_after(seconds(text))


MaxWalltime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        callback=_limited,
        help="stop then (3h30m, seconds, or [DAYS-]HH:MM:SS) with exit code 75; the same command goes on",
    ),
]
