"""The command line's own words: help, version, and which campaign belongs to which command."""

import signal
import sys
import threading
from unittest import mock

import pytest
from launch import launch
from thread_ranks import together

import mdbridge
from mdbridge import cli
from mdbridge.core import console

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


@pytest.mark.parametrize(("flag", "volume"), [("-q", -1), ("--quiet", -1), ("-v", 1), ("--verbose", 1)])
def test_flags_set_how_much_is_told(called, tmp_path, monkeypatch, flag, volume):
    asked = []
    monkeypatch.setattr(console, "set_volume", asked.append)
    called("run", tmp_path / "nowhere.toml", flag)
    assert asked == [volume]
