"""Every command in the README and in docs is parsed with its input; what takes seconds is run."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from sample_blocks import PAGES, ROOT, TUTORIALS, blocks_of, name_of, reader, run, split

from mdbridge import cli
from mdbridge.campaigns.peridynamics.export import FORMATS
from mdbridge.campaigns.peridynamics.problem_input import Problem
from mdbridge.campaigns.starters import STARTERS, model_of
from mdbridge.core.config import load, read_toml
from mdbridge.core.errors import InputError

# a small crystal under few loads, and a model of five coefficients
SMALL = (
    "--set md.cells=[21,12] --set md.disc_radius_A=60 --set md.disc_inner_A=12 --set loads.waves=2 "
    "--set loads.two_sided=false --set dynamics.duration_ps=0.02 --set learn.degrees=[4] --set learn.starts=1"
)
FEW_FRAMES = "--set md.steps=200 --set observe.frames=2 --set md.variables.nx=5"
PLAIN = "--set output.figures=false --set output.vtk=false"
FEW_STEPS = f"{PLAIN} --set md.steps=400"
QUICK = "--set learn.replicates=0 --set learn.starts=1 --set learn.folds=2 --set learn.degrees=[4]"
# the body of the page has nodes 4 mm apart, the data of the example 5 mm
ON_BOTH = f"{QUICK} --set learn.also_on=[4.0]"
BRIEF = "--set ego.initial=6 --set ego.explore=1 --set ego.evaluations=10 --set output.figures=false"

STAND_FOR = {
    "docs/own_problem.md": {
        "INPUT.toml": "inputs/examples/own_fields.toml",
        "PROBLEM.toml": "problem.toml",
        "DIR": "out",
    }
}
"""Page -> words of its commands that stand for a reader's own, and what they are here."""

RUN = {
    "README.md": {
        "mdbridge doctor": "",
        "mdbridge init fields": "",
        "mdbridge run inputs/graphene_0K.toml --set learn.horizons_A=[20,25] --out out/other": SMALL,
        "mdbridge run inputs/examples/aluminium_shear.toml --out out/al": FEW_FRAMES,
        "mdbridge shear inputs/stz_bump.toml --out out/bump": "--set shear.max_strain=0.1",
        "mdbridge calibrate inputs/examples/spring.toml --out out/spring": BRIEF,
    },
    "docs/fields.md": {
        "mdbridge observe inputs/examples/copper_void.toml --out out/void": f"{PLAIN} --set md.steps=200",
        "mpiexec -n 2 mdbridge observe inputs/examples/crack.toml --out out/crack": FEW_STEPS,
    },
    "docs/index.md": {
        "mdbridge init fields": "",
        "mdbridge run fields.toml --out out": f"{PLAIN} --set md.steps=200",
    },
    "docs/own_data.md": {
        "python own_fields.py": "",
        "mdbridge learn own_fields.toml --out out": QUICK,
    },
    "docs/own_problem.md": {
        "mdbridge learn INPUT.toml --out DIR": ON_BOTH,
        "mdbridge solve INPUT.toml --problem inputs/examples/plate_with_hole.toml --out DIR": ON_BOTH,
        "mpiexec -n 2 mdbridge solve INPUT.toml --problem PROBLEM.toml --out DIR": ON_BOTH,
        "mdbridge export DIR/model.json --to table": "",
        "mdbridge export DIR/model.json --to json-schema": "",
        "mdbridge export DIR/model.json --to peridynamics.jl": "",
        "python inputs/examples/read_table.py DIR/model_table.txt": "",
    },
    "docs/results.md": {
        "mdbridge status out/graphene": "",
        "mdbridge clean out/graphene": "",
        "mdbridge run inputs/graphene_0K.toml --dry-run": f"{SMALL} --set learn.horizons_A=[20]",
    },
}
"""Page -> commands that are run here -> what is added, so that they take seconds."""

BEFORE = {
    "docs/own_problem.md": ["python inputs/examples/own_fields.py && mv own_fields.npz inputs/examples"],
    "docs/results.md": ["mdbridge shear inputs/stz_bump.toml --out out/graphene --set shear.max_strain=0.05"],
}
"""Page -> what its reader has done elsewhere."""

_SETS_UP = "sets a machine up, or starts this very test"
_AUTHORS = "needs data of the paper's authors"
_CRYSTAL = "minutes; shorter by test_crystals_campaign.py"
_GLASS = "many minutes; small glasses are run by tests/unit/test_recorded.py"
_TWICE = "the same is run for another page"
_OTHER_KEYS = "the same is run with another key"

CHECKED_ALONE = {
    "./scripts/demo": _SETS_UP,
    "./scripts/test": _SETS_UP,
    "./scripts/setup": _SETS_UP,
    "source .venv/bin/activate": _SETS_UP,
    "cd inputs/examples": "followed in both tests",
    "mpiexec -n 2 mdbridge run inputs/cuzr_chain.toml --out out/glass": _GLASS,
    "mpiexec -n 2 mdbridge run inputs/cuzr_chain.toml --out out_glass": _GLASS,
    "mdbridge sample inputs/cuzr_paper.toml --dry-run": _GLASS,
    "mdbridge export out/glass.h5 --to vtk": _GLASS,
    "mdbridge run inputs/examples/aluminium_shear.toml --out out_aluminium": _TWICE,
    "mpiexec -n 2 mdbridge run inputs/graphene_0K.toml --out out/graphene": _OTHER_KEYS,
    "mdbridge calibrate inputs/calibrate_validation.toml --out out/validation": _AUTHORS,
    "mdbridge calibrate inputs/calibrate_validation.toml --out out/validation --resume": _AUTHORS,
    "mpiexec -n 2 mdbridge calibrate inputs/calibrate_validation.toml --seeds 9 --out out/study": _AUTHORS,
    "mdbridge calibrate inputs/calibrate_solver.toml --out out/solver": _AUTHORS,
    "mdbridge calibrate inputs/calibrate_cuzr.toml --out out/cuzr": _AUTHORS,
    "mdbridge run inputs/hbn_0K.toml --out out/hbn": _CRYSTAL,
    "mdbridge run inputs/graphene_airebo_0K.toml --out out/airebo": _CRYSTAL,
}
"""Commands that are parsed, with their inputs, and not run; and why."""

WITH_COMMANDS = [page for page in PAGES if page not in TUTORIALS and any(blocks_of(page, "sh"))]


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each command of a block, without remarks."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while "&&" in words:
            yield words[: words.index("&&")]
            words = words[words.index("&&") + 1 :]
        if words:
            yield words


def commands_of(page: Path) -> list[list[str]]:
    """All commands in the blocks of a page."""
    return [words for block in blocks_of(page, "sh") for words in commands_in(block.text)]


def replaced(page: Path, words: list[str]) -> list[str]:
    """A command with a reader's own names in it."""
    text = shlex.join(words)
    for word, own in STAND_FOR.get(name_of(page), {}).items():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", own, text)
    return shlex.split(text)


RESULTS = {
    words[words.index("--out") + 1]
    for page in PAGES
    for block in blocks_of(page, "sh")
    if "<<" not in block.text
    for words in commands_in(block.text)
    if "--out" in words
} | {"out"}
"""Folders that commands of some page write."""


class Reached(InputError):
    """A command has understood its line, and would begin to work."""


def without_launcher(words: list[str]) -> list[str]:
    """A command without mpiexec or srun before it."""
    if words[:2] == ["mpiexec", "-n"]:
        assert words[2].isdigit(), f"{words[2]!r} is no number of ranks"
        return words[3:]
    return words[1:] if words[0] == "srun" else words


def parse(words: list[str]) -> None:
    """Take a command line of mdbridge as far as it goes without working.

    Its options must be there, its input must be of a kind that the command takes, and be right with the keys
    that it sets.  'init' writes its files.
    """
    group = typer.main.get_command(cli.app)
    assert words[0] in group.commands, f"there is no 'mdbridge {words[0]}'"
    command = group.commands[words[0]]
    for option in command.params:
        option.callback = None  # they act as soon as they are read
    context = command.make_context(words[0], list(words[1:]))
    given = context.params
    if words[0] == "init":
        command.invoke(context)
    if "input" in given and not Path(given["input"]).is_dir():
        with pytest.raises(Reached):
            command.invoke(context)
        model = model_of(read_toml(Path(given["input"]))["campaign"])
        load(Path(given["input"]), model, given["set"] or ())
    if given.get("problem"):
        load(Path(given["problem"]), Problem)
    for file in given.get("data") or ():
        assert Path(file).is_file(), f"{file} is not there"
    if words[0] in ("status", "clean", "trials"):
        assert str(given["folder"]) in RESULTS, f"no command of these pages writes {given['folder']}"
    if words[0] == "export":
        assert given["to"] in {*FORMATS, "vtk"} and str(Path(given["file"]).parent) in RESULTS


def understand(words: list[str]) -> None:
    """Fail where a reader's shell, or a command of ours, would refuse a line."""
    words = without_launcher(words)
    match words[0]:
        case "mdbridge":
            parse(words[1:])
        case "cd":
            os.chdir(words[1])
        case "python":
            assert Path(words[1]).is_file(), f"{words[1]} is not there"
        case "source":
            assert words[1:] == [".venv/bin/activate"]
        case script if script.startswith("./scripts/"):
            assert os.access(script, os.X_OK), f"{script} is no script of ours"
        case other:
            pytest.fail(f"'{other}' is no command of these pages")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A folder with inputs and scripts as the repository has them, which commands may write to."""
    for name in ("inputs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / "work" / name)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def own_problem(page: Path, folder: Path) -> None:
    """Write the problem that a page shows, for its commands to solve."""
    if name_of(page) == "docs/own_problem.md":
        (block,) = blocks_of(page, "toml")
        (folder / "problem.toml").write_text(block.text)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_are_understood(page, copied, monkeypatch):
    def campaign(path, *allowed, **_):
        name = read_toml(path)["campaign"]
        assert name in allowed, f"this command takes no {name!r}"
        raise Reached(name)

    monkeypatch.setattr(cli, "_campaign", campaign)
    own_problem(page, copied)
    for words in commands_of(page):
        understand(replaced(page, words))


def test_every_command_is_run_or_there_is_a_reason():
    told = {shlex.join(words) for page in WITH_COMMANDS for words in commands_of(page)}
    known = {command for commands in RUN.values() for command in commands} | set(CHECKED_ALONE)
    assert {plain(command) for command in known} == told


def plain(command: str) -> str:
    """A command in the one way of writing that the shell's own quotes leave."""
    return shlex.join(shlex.split(command))


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if name_of(page) in RUN], ids=name_of)
def test_commands_that_take_seconds_are_run(page, copied, tmp_path):
    environment = reader(tmp_path)
    own_problem(page, copied)
    shorter = {plain(command): more for command, more in RUN[name_of(page)].items()}
    folder = copied
    for line in BEFORE.get(name_of(page), ()):
        run(["sh", "-e", "-c", line], folder, environment)
    for words in commands_of(page):
        if words[0] == "cd":
            folder /= words[1]
        elif shlex.join(words) in shorter:
            more = shlex.split(shorter.pop(shlex.join(words)))
            run([*replaced(page, words), *more], folder, environment)
    assert not shorter, "commands that this page has no more"


# --- in the text ----------------------------------------------------------------------------

NOT_OURS = {"--signal=USR1@300": "of Slurm", "--no-deps": "of pip"}
"""Options in the text that are of other programs."""

INPUTS = sorted((ROOT / "inputs").rglob("*.toml"))


def options_of(command: str | None) -> set[str]:
    """Names of the options of a command, or of all."""
    commands = typer.main.get_command(cli.app).commands
    chosen = commands.values() if command is None else [commands[command]]
    options = [option for each in chosen for option in each.params]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def sets_of(words: list[str]) -> list[str]:
    """What is behind each --set, but for words that stand for any key."""
    return [value for flag, value in pairwise(words) if flag == "--set" and not value.isupper()]


def fits(path: Path, overrides: list[str]) -> bool:
    """Whether an input is right with these keys."""
    given = read_toml(path)
    if given.get("campaign") not in {starter["campaign"] for starter in STARTERS.values()}:
        return False
    try:
        load(path, model_of(given["campaign"]), overrides)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_the_text_gives_to_type_is_there(page):
    """Commands in a line may leave out what is plain; what they name must be there."""
    _, prose = split(page)
    for code in re.findall(r"`([^`]+)`", prose):
        words, known = re.sub(r"^(mpiexec -n \w+|srun)\s+(?=mdbridge)", "", code).split(), None
        if words[0] == "mdbridge" and len(words) > 1:
            assert words[1] in typer.main.get_command(cli.app).commands, code
            known = options_of(words[1])
        elif words[0].startswith("--"):
            known = options_of(None)
        for word in words:
            if known is not None and word.startswith("--") and word not in NOT_OURS:
                assert word in known, f"{code}: {word} is no option"
            if re.match(r"(\./)?(inputs|scripts|examples)/", word):
                assert (ROOT / word).exists(), f"{code}: {word} is not there"
        if sets := sets_of(words):
            inputs = [ROOT / word for word in words if word.endswith(".toml") and (ROOT / word).is_file()]
            assert any(fits(path, sets) for path in inputs or INPUTS), f"{code}: no input takes these"
