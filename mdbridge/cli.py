"""The command line: one subcommand per workflow, nothing but parsing and calling."""

import contextlib
import difflib
import importlib
import inspect
import io
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .campaigns import ESTIMATES, MODULES
from .core.errors import FileError, InputError, MdbridgeError, MissingPackageError
from .core.mpi import mpi
from .options import DryRun, Folder, Input, MaxWalltime, Out, Overrides, Quiet, Verbose, Yes

if TYPE_CHECKING:
    from mpi4py import MPI

# One BLAS thread a rank unless the user says otherwise: the threads of several ranks, or of other
# jobs, fight over the cores (ten times slower, measured).  Read when numpy is first imported, which
# nothing above does and every campaign will.
os.environ.setdefault("OMP_NUM_THREADS", "1")


app = typer.Typer(
    no_args_is_help=True,
    # --install-completion and --show-completion, for the person's own shell
    add_completion=True,
    pretty_exceptions_enable=False,
    # plain text: rich takes the [sections] of a TOML file for its own markup, and costs a tenth of a second
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Carry what atoms do up to models that engineers can afford. "
    "Every command runs alone or under 'mpiexec -n P'.",
)

INTERRUPTED = 130

SAMPLED = ("graphene", "glass")
"""Campaigns that sample first, and have the stages as commands of their own."""


def _world() -> "MPI.Comm":
    """All ranks of the job; MPI starts when this is first called."""
    return mpi().COMM_WORLD


def _campaign(path: Path, *allowed: str, modules: Mapping[str, str] = MODULES) -> Any:
    """Import the module, by default that of stages, of the file's ``campaign``, one of those allowed."""
    comm = _world()  # says what is missing, before the campaign's own imports would
    from .core import config, parallel

    # The raw table: only the campaign that it names knows which keys are allowed.  One rank reads: on
    # nodes without the file the others would end, and leave those that have it waiting.
    name = parallel.on_root(comm, lambda: config.read_toml(path).get("campaign"))
    if isinstance(name, str) and name in allowed:
        module = f"mdbridge.campaigns.{modules[name]}"
        return parallel.agreed(comm, lambda: importlib.import_module(module))
    given = "key 'campaign' is missing" if name is None else f"'campaign' = {name!r}"
    raise InputError(
        f"{path}: {given}: this command takes {', '.join(map(repr, sorted(allowed)))}{_hint(name, allowed)}"
    )


def _foretold(path: Path, out: Path, overrides: Sequence[str] | None, *allowed: str) -> None:
    """Print what a run would take, and leave nothing behind."""
    # no folder is claimed or written to, so that one may ask while a run is going on in it
    estimate = _campaign(path, *allowed, modules=ESTIMATES)
    from .core.console import console

    # LAMMPS may take long to set a system up, and the first loops to be compiled
    console(_world()).print("timing a small part of the work, which is not kept", style="dim")
    estimate.dry_run(_world(), path, out, overrides or ())


@contextlib.contextmanager
def _presented(out: Path) -> Iterator[None]:
    """Write README.txt and the report when the work in a folder is over, also where it failed."""
    try:
        yield
    except (InputError, FileError):
        raise  # nothing was done, or the folder is somebody else's
    except Exception:
        _present(out)
        raise
    _present(out)


def _present(out: Path) -> None:
    if _world().rank == 0:
        from .campaigns import webpage

        webpage.present(out)


def _hint(name: object, allowed: Sequence[str]) -> str:
    """What to do with a campaign that a command does not take, or which name was meant."""
    if not isinstance(name, str):
        return ""
    if name in MODULES:
        return "; 'mdbridge run' runs this one"
    near = difflib.get_close_matches(name, allowed, n=1) or difflib.get_close_matches(name, MODULES, n=1)
    if not near:
        return ""
    return f"; did you mean {near[0]!r}?" + ("" if near[0] in allowed else " 'mdbridge run' runs it")


@app.command()
def init(
    kind: Annotated[
        str,
        typer.Argument(
            help="fields, peridynamics, graphene, glass, shear, calibrate, program or graphene-study",
            show_default=False,
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(help="TOML file to write; KIND.toml if absent", show_default=False)
    ] = None,
) -> None:
    """Write an input with all keys, their defaults and meanings."""
    from .campaigns import starters
    from .core import parallel

    # before any rank writes: the name is the command's own, the file's errors are those of the file
    if kind not in starters.STARTERS:
        near = difflib.get_close_matches(kind, starters.STARTERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"init {kind}: there are {', '.join(starters.STARTERS)}{hint}")
    for written in parallel.on_root(_world(), lambda: starters.write(kind, file or Path(f"{kind}.toml"))):
        typer.echo(f"wrote {written}")


@app.command()
def run(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Run a whole campaign of any kind: all that is not done yet."""
    if dry_run:
        return _foretold(input, out, set, *MODULES)
    workflow = _campaign(input, *MODULES)
    # a calibration asks before it goes on with a record; here that is what is meant
    whole = workflow.run_or_resume if hasattr(workflow, "run_or_resume") else workflow.run
    with _presented(out):
        whole(_world(), input, out, set or ())


@app.command()
def sample(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    paper_format: Annotated[
        bool,
        typer.Option("--paper-format", help="also write pe.MD.n, Exy.MD.n and the stress file, as published"),
    ] = False,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Run the MD with its observers; write dataset.h5, or glass.h5."""
    if dry_run:
        return _foretold(input, out, set, *SAMPLED)
    workflow = _campaign(input, *SAMPLED)
    chosen = {"paper_format": True} if paper_format else {}
    # asked of the campaign itself, so that no list of options is kept here too
    if paper_format and "paper_format" not in inspect.signature(workflow.sample).parameters:
        raise InputError(f"{input}: --paper-format is for glass campaigns")
    with _presented(out):
        workflow.sample(_world(), input, out, set or (), **chosen)


@app.command()
def learn(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="try all pairs (δ, M) of the section [sweep]; write sweep.json")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="FILE",
            help="displacements and loads of one's own: .npz, .h5, .csv; repeatable",
        ),
    ] = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Learn a peridynamic model of dataset.h5, or of own data."""
    if dry_run:
        return _foretold(input, out, set, "graphene", "peridynamics")
    workflow = _campaign(input, "graphene", "peridynamics")
    if not data:
        with _presented(out):
            workflow.learn(_world(), input, out, set or (), sweep)
        return
    if "data_files" not in inspect.signature(workflow.learn).parameters:
        raise InputError(f"{input}: --data is for campaign = 'peridynamics'; this one makes its data itself")
    with _presented(out):
        workflow.learn(_world(), input, out, set or (), sweep, data)


@app.command()
def solve(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    problem: Annotated[
        Path | None,
        typer.Option(
            "--problem", "-p", metavar="FILE", help="a TOML file with a body of one's own; write solution.h5"
        ),
    ] = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Solve with the model: all samples, or a body of one's own."""
    workflow = _campaign(input, "graphene", "peridynamics")
    if problem is None:
        # samples of one's own data are solved where they are learned from
        if not hasattr(workflow, "solve"):
            raise InputError(
                f"{input}: 'mdbridge learn' has solved the samples of data of one's own; "
                "name a body to be solved with --problem FILE"
            )
        with _presented(out):
            workflow.solve(_world(), input, out, set or ())
        return
    own = importlib.import_module("mdbridge.campaigns.peridynamics.problem")
    with _presented(out):
        own.solve(_world(), workflow, input, problem, out, set or ())


@app.command()
def export(
    file: Annotated[
        Path,
        typer.Argument(
            help="model.json, of 'mdbridge learn'; or, for vtk, an .h5 file with fields", show_default=False
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="of a model table, json-schema or peridynamics.jl; of fields vtk, for ParaView",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="file to write, for vtk a folder; beside FILE if absent"
        ),
    ] = None,
    spacing: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--spacing",
            metavar="HX HY",
            help="of the table's grid (unit: that of the data, Å for crystals), if not the data's",
        ),
    ] = None,
) -> None:
    """Write a model, or fields, in a form that other programs read."""
    from .core import parallel

    if to == "vtk":
        if spacing is not None:
            raise InputError("--spacing is for --to table: fields have the nodes that they were taken on")
        fields = importlib.import_module("mdbridge.campaigns.paraview")
        for path in parallel.on_root(_world(), lambda: fields.export(file, out)):
            typer.echo(path)
        return
    own = importlib.import_module("mdbridge.campaigns.peridynamics.export")
    grid = None if spacing is None else list(spacing)
    typer.echo(parallel.on_root(_world(), lambda: own.export(file, to, out, grid)))


@app.command()
def wave(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Waves in time beside LAMMPS; write wave.json and pictures."""
    with _presented(out):
        _campaign(input, "graphene")
        # waves need inertia, which data of one's own do not have
        own = importlib.import_module("mdbridge.campaigns.peridynamics.wave")
        own.wave(_world(), input, out, set or ())


@app.command()
def holdout(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="of the loads")] = 1,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Try the finished model on 48 loads that no choice has seen."""
    with _presented(out):
        _campaign(input, "graphene")
        # what no choice has seen must come from the crystal itself, not from files
        own = importlib.import_module("mdbridge.campaigns.peridynamics.holdout")
        own.holdout(_world(), input, out, set or (), seed)


@app.command()
def report(
    input: Annotated[
        Path,
        typer.Argument(
            help="the TOML file of a campaign with MD or data, or any folder of results", show_default=False
        ),
    ],
    out: Out = Path("out"),
    set: Overrides = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Draw figures from what is stored; of a folder write index.html."""
    if input.is_dir():
        from .campaigns import webpage
        from .core import parallel

        typer.echo(parallel.on_root(_world(), lambda: webpage.write(input)))
        return
    workflow = _campaign(input, *MODULES)
    if not hasattr(workflow, "report"):
        raise InputError(
            f"{input}: its figures are drawn by the run itself; index.html of a folder of results is written "
            f"by 'mdbridge report {shlex.quote(str(out))}'"
        )
    with _presented(out):
        workflow.report(_world(), input, out, set or ())


@app.command()
def observe(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Fields from any LAMMPS script or trajectory; write fields.h5."""
    if dry_run:
        return _foretold(input, out, set, "fields")
    with _presented(out):
        _campaign(input, "fields").observe(_world(), input, out, set or ())


@app.command()
def study(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Regenerate the paper's tables and figures; write study.md."""
    if dry_run:
        return _foretold(input, out, set, "graphene-study")
    with _presented(out):
        _campaign(input, "graphene-study").run(_world(), input, out, set or ())


@app.command()
def shear(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    max_walltime: MaxWalltime = None,
) -> None:
    """Shear a metallic glass with the STZ model; write run.h5."""
    if dry_run:
        return _foretold(input, out, set, "shear")
    with _presented(out):
        _campaign(input, "shear").run(_world(), input, out, set or ())


@app.command()
def calibrate(
    input: Input,
    out: Out = Path("out"),
    set: Overrides = None,
    dry_run: DryRun = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the record in --out")] = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes", help="with --resume, also where the model or its files have changed"
        ),
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="repeat with this many seeds, each in a folder of its own, and compare"
        ),
    ] = None,
    max_walltime: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="stop then (3h30m, seconds, or [DAYS-]HH:MM:SS) with exit code 75; --resume goes on",
        ),
    ] = None,
    yes: Yes = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Calibrate a model to a reference; write trials.jsonl."""
    if dry_run:
        return _foretold(input, out, set, "calibrate")
    workflow = _campaign(input, "calibrate")
    from .core.walltime import seconds

    if seeds is None:
        limit = None if max_walltime is None else seconds(max_walltime)
        with _presented(out):
            workflow.run(_world(), input, out, set or (), resume, accept_changes, limit)
    elif max_walltime is not None:
        raise InputError("--max-walltime: is for a single calibration, not for --seeds")
    else:
        # a module of its own: one calibration has its search over all ranks, a study one rank a seed
        from .campaigns.calibrate import seeds as study

        with _presented(out):
            study.run(_world(), input, out, set or (), seeds, resume, accept_changes)


@app.command()
def trials(
    folder: Folder,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="write them there instead, '-' for the standard output"),
    ] = None,
) -> None:
    """Show the trials of a calibration as a table, or as CSV."""
    from .campaigns.calibrate import listing

    typer.echo(listing.show(folder, csv))


@app.command()
def status(folder: Folder) -> None:
    """Tell what in a folder is done, to do, or of another input."""
    from .campaigns import housekeeping

    housekeeping.status(_world(), folder)


@app.command()
def clean(
    folder: Folder,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="remove what is shown")] = False,
) -> None:
    """Show, or remove, what a folder's last input does not use."""
    from .campaigns import housekeeping

    housekeeping.clean(_world(), folder, yes)


@app.command()
def doctor() -> None:
    """Check that LAMMPS, mpi4py, PETSc and torch share one MPI."""
    from . import doctor as checks

    try:
        comm = _world()
    except MissingPackageError:  # it is for the checks to say so
        comm = None
    raise typer.Exit(checks.run(comm))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options of the command line itself, which are acted on where they are read."""


def _parse_and_call(shown: bool) -> int:
    """Run the command line of this process; its exit code.

    Args:
        shown: whether the parser's complaints are printed here.
    """
    try:
        # standalone, typer would end the process itself, past the agreement of the ranks
        code = app(standalone_mode=False) or 0
    except Exception as error:
        # the parser's own errors show themselves; typer does not export their class
        show = getattr(error, "show", None)
        if show is None:
            raise
        if shown:
            show()
        return int(getattr(error, "exit_code", 2))
    if code == INTERRUPTED:  # what the parser makes of any of the signals
        from .core.interrupts import again

        raise again()
    return int(code)


def _without_mpi() -> int:
    """The command line where there is no MPI, which help, version and doctor do without."""
    try:
        return _parse_and_call(shown=True)
    except MdbridgeError as error:
        typer.echo(f"mdbridge: error: {error}", err=True)
        return error.exit_code


def main() -> None:
    """Entry point of the console command."""
    try:
        comm = _world()
    except MissingPackageError:
        sys.exit(_without_mpi())
    from .core import interrupts, parallel

    if comm.rank != 0:  # help and results are printed once
        sys.stdout = io.StringIO()
    try:
        parallel.run_main(comm, lambda: _parse_and_call(shown=comm.rank == 0))
    finally:
        if interrupts.asked():  # what else comes while Python cleans up
            interrupts.ignore()
