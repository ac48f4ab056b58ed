"""The command line's own words: help, version, and which campaign belongs to which command."""

import importlib
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from launch import launch
from thread_ranks import together

import mdbridge
from mdbridge import cli
from mdbridge.campaigns import MODULES, webpage
from mdbridge.campaigns.calibrate import seeds
from mdbridge.core import console
from mdbridge.core.errors import InputError

COMMANDS = (
    *(
        "init",
        "run",
        "sample",
        "learn",
        "solve",
        "export",
        "wave",
        "holdout",
        "report",
        "observe",
        "study",
        "shear",
        "calibrate",
    ),
    "trials",
    *("status", "clean", "doctor", "version"),
)


@pytest.fixture
def called(monkeypatch, capfd):
    """Exit code, standard output and error of the command line in this process."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mdbridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_version_is_printed_alone(called, arguments):
    assert called(*arguments) == (0, f"{mdbridge.__version__}\n", "")


def test_every_command_is_listed_with_a_whole_sentence(called):
    code, out, _ = called("--help")
    assert code == 0
    lines = [line.strip() for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines), "a sentence is cut off"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(called, command):
    code, out, error = called(command, "-h")
    assert (code, error) == (0, "")
    assert "Usage:" in out


def test_brackets_in_help_are_text(called):
    _, out, _ = called("learn", "--help")
    assert "section [sweep]" in " ".join(out.split())


@pytest.mark.parametrize(
    ("command", "campaign", "hint"),
    [
        ("run", '"graphen"', "did you mean 'graphene'?"),
        ("run", '"glas"', "did you mean 'glass'?"),
        ("learn", '"glass"', "'mdbridge run' runs this one"),
        ("observe", '"shear"', "'mdbridge run' runs this one"),
        ("sample", '"calibrat"', "did you mean 'calibrate'? 'mdbridge run' runs it"),
        ("shear", '"sheer"', "did you mean 'shear'?"),
    ],
)
def test_another_campaign_is_told_where_it_belongs(called, tmp_path, command, campaign, hint):
    path = tmp_path / "a.toml"
    path.write_text(f"campaign = {campaign}\n")
    code, _, error = called(command, path)
    assert code == 2
    assert f"'campaign' = {campaign.replace(chr(34), chr(39))}: this command takes" in error
    assert error.rstrip().endswith(hint)


def test_a_body_to_solve_is_to_be_named_with_data_of_ones_own(called, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('campaign = "peridynamics"\n')
    code, _, error = called("solve", path)
    assert code == 2 and "name a body to be solved with --problem FILE" in error


def test_the_input_is_read_by_one_rank(tmp_path):
    """On a node without the file the others had ended, and left the first one waiting for them."""
    path = tmp_path / "a.toml"
    path.write_text('campaign = "shear"\n')

    def work(comm):
        mine = path if comm.rank == 0 else tmp_path / "only on the first node"
        ranks[threading.get_ident()] = comm
        return cli._campaign(mine, "shear").__name__

    ranks = {}
    with mock.patch.object(cli, "_world", lambda: ranks[threading.get_ident()]):
        assert together(2, work) == 2 * ["mdbridge.campaigns.shear.stages"]


def test_no_hint_where_there_is_none(called, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('campaign = "unlike anything"\n')
    _, _, error = called("sample", path)
    assert error.rstrip().endswith("takes 'glass', 'graphene'")
    path.write_text("[md]\n")
    _, _, error = called("run", path)
    assert "key 'campaign' is missing: this command takes" in error


@pytest.mark.mpi
def test_help_and_version_are_printed_once(tmp_path):
    script = tmp_path / "start.py"
    script.write_text("from mdbridge.cli import main\nmain()\n")
    job = launch(script, 2, "--help", timeout=60)
    assert (job.returncode, job.stdout.count("Usage:"), job.stderr) == (0, 1, "")
    job = launch(script, 2, "--version", timeout=60)
    assert (job.returncode, job.stdout.split()) == (0, [mdbridge.__version__])


def test_an_input_to_begin_with(called, tmp_path):
    code, out, _ = called("init", "shear", tmp_path / "new.toml")
    assert (code, out) == (0, f"wrote {tmp_path / 'new.toml'}\n")
    code, _, error = called("init", "shear", tmp_path / "new.toml")
    assert code == 2 and "is there already" in error
    code, _, error = called("init", "calibration", tmp_path / "other.toml")
    assert code == 2 and "did you mean 'calibrate'?" in error


def test_a_report_of_a_folder_that_is_none(called, tmp_path):
    code, _, error = called("report", tmp_path)
    assert code == 2 and "is no folder of mdbridge's results" in error
    assert list(tmp_path.iterdir()) == []


def test_a_calibration_is_reported_of_by_its_folder(called, tmp_path):
    (tmp_path / "in.toml").write_text('campaign = "calibrate"\n')
    code, _, error = called("report", tmp_path / "in.toml", "--out", tmp_path / "my out")
    assert code == 2 and f"'mdbridge report '{tmp_path / 'my out'}''" in error.replace("\n", "")


@pytest.mark.parametrize(("flag", "volume"), [("-q", -1), ("--quiet", -1), ("-v", 1), ("--verbose", 1)])
def test_flags_set_how_much_is_told(called, tmp_path, monkeypatch, flag, volume):
    asked = []
    monkeypatch.setattr(console, "set_volume", asked.append)
    called("run", tmp_path / "nowhere.toml", flag)
    assert asked == [volume]


class Workflow:
    """A campaign of any kind, which keeps what it was asked for, and nothing else."""

    def __init__(self, name, asked):
        self.name, self.asked = name, asked

    def __getattr__(self, stage):
        if stage == "run_or_resume" and "calibrate" not in self.name:
            raise AttributeError
        return lambda _, *arguments, **options: self.asked.append((self.name, stage, *arguments, *options))


class Learning(Workflow):
    """One that learns from files of one's own."""

    def learn(self, _, source, out, overrides, sweep, data_files=()):
        self.asked.append((self.name, "learn", source, out, overrides, sweep, data_files))


@pytest.fixture
def asked(monkeypatch):
    """What the workflows of a command line were asked for, and the folders that were presented after it."""
    calls, presented = [], []
    monkeypatch.setattr(cli, "_campaign", lambda path, *allowed, **_: Learning("/".join(allowed), calls))
    monkeypatch.setattr(
        cli, "_foretold", lambda path, out, overrides, *allowed: calls.append(("foretold", *allowed))
    )
    monkeypatch.setattr(webpage, "present", presented.append)
    monkeypatch.setattr(importlib, "import_module", lambda name: Workflow(name.split(".")[-1], calls))
    monkeypatch.setattr(seeds, "run", lambda _, *arguments: calls.append(("seeds", *arguments)))
    return SimpleNamespace(calls=calls, presented=presented)


SOURCE, FOLDER, NO, SAID = Path("in.toml"), Path("out"), (), ("a=1", "b=2")
EVERY = "fields/peridynamics/graphene/glass/shear/calibrate/graphene-study"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sample in.toml", ("graphene/glass", "sample", SOURCE, FOLDER, NO)),
        ("sample in.toml --set a=1 --set b=2 -o o", ("graphene/glass", "sample", SOURCE, Path("o"), SAID)),
        ("sample in.toml --dry-run", ("foretold", "graphene", "glass")),
        ("learn in.toml", ("graphene/peridynamics", "learn", SOURCE, FOLDER, NO, False, ())),
        ("learn in.toml --sweep", ("graphene/peridynamics", "learn", SOURCE, FOLDER, NO, True, ())),
        (
            "learn in.toml -d a.csv -d b.csv",
            ("graphene/peridynamics", "learn", SOURCE, FOLDER, NO, False, [Path("a.csv"), Path("b.csv")]),
        ),
        ("learn in.toml --dry-run", ("foretold", "graphene", "peridynamics")),
        ("solve in.toml", ("graphene/peridynamics", "solve", SOURCE, FOLDER, NO)),
        ("wave in.toml", ("wave", "wave", SOURCE, FOLDER, NO)),
        ("holdout in.toml", ("holdout", "holdout", SOURCE, FOLDER, NO, 1)),
        ("holdout in.toml --seed 7", ("holdout", "holdout", SOURCE, FOLDER, NO, 7)),
        ("report in.toml", ("/".join(MODULES), "report", SOURCE, FOLDER, NO)),
        ("observe in.toml", ("fields", "observe", SOURCE, FOLDER, NO)),
        ("observe in.toml --dry-run", ("foretold", "fields")),
        ("study in.toml", ("graphene-study", "run", SOURCE, FOLDER, NO)),
        ("study in.toml --dry-run", ("foretold", "graphene-study")),
        ("shear in.toml", ("shear", "run", SOURCE, FOLDER, NO)),
        ("shear in.toml --dry-run", ("foretold", "shear")),
        ("calibrate in.toml", ("calibrate", "run", SOURCE, FOLDER, NO, False, False, None)),
        ("calibrate in.toml --dry-run", ("foretold", "calibrate")),
        (
            "calibrate in.toml --resume --accept-changes --max-walltime 2m",
            ("calibrate", "run", SOURCE, FOLDER, NO, True, True, 120.0),
        ),
        ("calibrate in.toml --seeds 3 --resume", ("seeds", SOURCE, FOLDER, NO, 3, True, False)),
    ],
)
def test_a_command_asks_its_workflow_for_what_was_said(called, asked, line, expected):
    assert called(*line.split())[0] == 0
    (call,) = asked.calls
    assert tuple(tuple(v) if v in (list(NO), list(SAID)) else v for v in call) == expected
    # a dry run leaves nothing behind
    assert asked.presented == ([] if call[0] == "foretold" else [call[3 if call[0] != "seeds" else 2]])


def test_a_run_is_of_any_campaign_and_a_calibration_goes_on_with_its_record(called, asked):
    assert called("run", "in.toml")[0] == 0
    ((campaigns, stage, *rest),) = asked.calls
    assert (sorted(campaigns.split("/")), stage) == (sorted(EVERY.split("/")), "run_or_resume")
    assert [*rest[:2], tuple(rest[2])] == [SOURCE, FOLDER, NO]
    assert called("run", "in.toml", "--dry-run")[0] == 0
    assert sorted(asked.calls[1][1:]) == sorted(EVERY.split("/"))


@pytest.mark.parametrize(("more", "grid"), [([], None), (["--spacing", "2", "3.5"], [2.0, 3.5])])
def test_a_table_is_of_the_grid_that_is_asked_for(called, monkeypatch, more, grid):
    given = []
    own = SimpleNamespace(export=lambda *arguments: given.append(arguments) or "written")
    monkeypatch.setattr(importlib, "import_module", lambda name: own)
    assert called("export", "m.json", "--to", "table", *more) == (0, "written\n", "")
    assert given == [(Path("m.json"), "table", None, grid)]


@pytest.mark.parametrize(("more", "folder"), [([], None), (["--out", "there"], Path("there"))])
def test_fields_go_to_files_for_paraview(called, monkeypatch, more, folder):
    given = []
    made = [Path("a.pvd"), Path("b.pvd")]
    own = SimpleNamespace(export=lambda *arguments: given.append(arguments) or made)
    monkeypatch.setattr(importlib, "import_module", lambda name: own)
    assert called("export", "glass.h5", "--to", "vtk", *more) == (0, "a.pvd\nb.pvd\n", "")
    assert given == [(Path("glass.h5"), folder)]
    code, _, err = called("export", "glass.h5", "--to", "vtk", "--spacing", "1", "1")
    assert code == 2 and "--spacing is for --to table" in " ".join(err.split()) and len(given) == 1


@pytest.mark.parametrize(("more", "loud"), [([], (Path("b.toml"),)), (["-o", "o"], (Path("b.toml"),))])
def test_a_body_of_one_s_own_is_solved_with_the_model(called, asked, more, loud):
    assert called("solve", "in.toml", "-p", "b.toml", *more)[0] == 0
    ((name, stage, workflow, source, body, out, _),) = asked.calls
    assert (name, stage, workflow.name) == ("problem", "solve", "graphene/peridynamics")
    assert (source, body, out) == (SOURCE, *loud, Path("o") if more else FOLDER)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("calibrate in.toml --seeds 3 --max-walltime 2m", "is for a single calibration"),
        ("init solid", "init solid: there are"),
        ("init glas", "did you mean 'glass'?"),
    ],
)
def test_what_does_not_go_together_is_refused(called, asked, line, words):
    code, _, err = called(*line.split())
    assert code == 2 and words in " ".join(err.split()) and not asked.calls


def test_options_of_some_campaigns_are_refused_by_others(called, asked, monkeypatch):
    other = SimpleNamespace(sample=lambda comm, source, out, overrides: None, learn=lambda *_: None)
    monkeypatch.setattr(cli, "_campaign", lambda *_, **__: other)
    for line, words in (
        ("sample in.toml --paper-format", "--paper-format is for glass campaigns"),
        ("learn in.toml --data a.csv", "--data is for campaign = 'peridynamics'"),
    ):
        code, _, err = called(*line.split())
        assert code == 2 and words in " ".join(err.split())
    glass = SimpleNamespace(
        sample=lambda comm, source, out, overrides, paper_format=False: asked.calls.append(paper_format)
    )
    monkeypatch.setattr(cli, "_campaign", lambda *_, **__: glass)
    assert called("sample", "in.toml", "--paper-format")[0] == called("sample", "in.toml")[0] == 0
    assert asked.calls == [True, False]


@pytest.mark.parametrize(
    ("error", "presented"), [(None, True), (ArithmeticError("on the way"), True), (InputError("no"), False)]
)
def test_a_folder_is_presented_when_work_was_done_in_it(asked, error, presented):
    with nullcontext() if error is None else pytest.raises(type(error)), cli._presented(FOLDER):
        if error is not None:
            raise error
    assert asked.presented == ([FOLDER] if presented else [])
