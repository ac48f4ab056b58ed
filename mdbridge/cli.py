"""The command line: one subcommand per workflow, nothing but parsing and calling."""

import importlib
import inspect
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from mpi4py import MPI

from . import __version__
from .core import config, parallel
from .core.errors import InputError

# One BLAS thread a rank unless the user says otherwise: the threads of several ranks, or of other
# jobs, fight over the cores (ten times slower, measured).  Read when numpy is first imported, below.
os.environ.setdefault("OMP_NUM_THREADS", "1")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Carry what atoms do up to models that engineers can afford. "
    "Every command runs alone or under 'mpiexec -n P'.",
)

Input = Annotated[Path, typer.Argument(help="the campaign's TOML file", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="folder for the results; made if absent")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="override a key of the TOML; repeatable"),
]


def _campaign(path: Path, allowed: dict[str, str]) -> Any:
    """Import the module of stages that the file's ``campaign`` key names."""
    name = config.read_toml(path).get("campaign")
    if not isinstance(name, str) or name not in allowed:
        raise InputError(
            f"{path}: 'campaign' = {name!r}: this command takes {', '.join(map(repr, sorted(allowed)))}"
        )
    return importlib.import_module(f"mdbridge.campaigns.{allowed[name]}")


INTERRUPTED = 130
GRAPHENE = {"graphene": "peridynamics.stages"}
SAMPLED = GRAPHENE | {"glass": "glass.stages"}


@app.command()
def run(input: Input, out: Out = Path("out"), set: Overrides = None) -> None:
    """Run a whole campaign: every stage that is not done yet, then the report."""
    _campaign(input, SAMPLED).run(MPI.COMM_WORLD, input, out, set or ())


@app.command()
def sample(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only print steps, memory and time, from a short timed run")
    ] = False,
    paper_format: Annotated[
        bool,
        typer.Option("--paper-format", help="also write pe.MD.n, Exy.MD.n and the stress file, as published"),
    ] = False,
) -> None:
    """Run the MD with the observers attached and write dataset.h5, or glass.h5."""
    workflow = _campaign(input, SAMPLED)
    options = {"dry_run": dry_run, "paper_format": paper_format}
    chosen = {name: True for name, value in options.items() if value}
    for name in chosen:
        if name not in inspect.signature(workflow.sample).parameters:
            raise InputError(f"{input}: --{name.replace('_', '-')} is for glass campaigns")
    workflow.sample(MPI.COMM_WORLD, input, out, set or (), **chosen)


@app.command()
def learn(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="try all pairs (δ, M) of the section [sweep]; write sweep.json")
    ] = False,
) -> None:
    """Learn the peridynamic model from dataset.h5 and write model.json."""
    _campaign(input, GRAPHENE).learn(MPI.COMM_WORLD, input, out, set or (), sweep)


@app.command()
def solve(input: Input, out: Out = Path("out"), set: Overrides = None) -> None:
    """Solve the peridynamic problems of all samples with model.json; write solutions.h5."""
    _campaign(input, GRAPHENE).solve(MPI.COMM_WORLD, input, out, set or ())


@app.command()
def report(input: Input, out: Out = Path("out"), set: Overrides = None) -> None:
    """Draw the figures and write summary.json from the stored results alone."""
    _campaign(input, SAMPLED).report(MPI.COMM_WORLD, input, out, set or ())


@app.command()
def study(input: Input, out: Out = Path("out"), set: Overrides = None) -> None:
    """Sample two campaigns and regenerate the paper's tables and figures; write study.md."""
    _campaign(input, {"graphene-study": "graphene_study.stages"}).run(MPI.COMM_WORLD, input, out, set or ())


@app.command()
def shear(input: Input, out: Out = Path("out"), set: Overrides = None) -> None:
    """Shear a metallic glass with the STZ model; write run.h5, figures and summary.json."""
    _campaign(input, {"shear": "shear.stages"}).run(MPI.COMM_WORLD, input, out, set or ())


@app.command()
def calibrate(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the record in --out")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="repeat with this many seeds, each in a folder of its own, and compare"),
    ] = None,
) -> None:
    """Calibrate a model to a reference; write trials.jsonl, summary.json and figures."""
    if seeds is None:
        _campaign(input, {"calibrate": "calibrate.stages"}).run(MPI.COMM_WORLD, input, out, set or (), resume)
    else:
        study = _campaign(input, {"calibrate": "calibrate.seeds"})
        study.run(MPI.COMM_WORLD, input, out, set or (), seeds, resume)


@app.command()
def doctor() -> None:
    """Check that LAMMPS, mpi4py, PETSc and torch are there and share one MPI."""
    from . import doctor as checks

    raise typer.Exit(checks.run(MPI.COMM_WORLD))


@app.command()
def version() -> None:
    """Print the version."""
    if MPI.COMM_WORLD.rank == 0:
        typer.echo(__version__)


def main() -> None:
    """Entry point of the console command."""
    comm = MPI.COMM_WORLD
    if comm.rank != 0:  # help and results are printed once
        sys.stdout = io.StringIO()

    def parse_and_call() -> int:
        try:
            code = app(standalone_mode=False) or 0
        except Exception as error:
            # the parser's own errors show themselves; typer does not export their class
            if not hasattr(error, "show"):
                raise
            if comm.rank == 0:
                error.show()
            return getattr(error, "exit_code", 2)
        if code == INTERRUPTED:  # what the parser makes of Ctrl-C
            raise KeyboardInterrupt
        return code

    parallel.run_main(comm, parse_and_call)
