"""Whether a calibration is finished, told without a call of the model."""

import pytest

from mdbridge.calibrate.trials import Trial, TrialLog
from mdbridge.campaigns.calibrate import finished, problem
from mdbridge.core.files import write_json

TOML = """
campaign = "calibrate"
model = "own_simple:respond"
[options]
table_file = "table.txt"
[parameters.a]
low = 0.0
high = 1.0
[reference]
file = "data.csv"
[[objective]]
term = "l2"
curve = "y"
"""
SOURCE = "import own_helper\ndef respond(a, table_file): raise SystemExit('called')\n"
FILES = {"own_simple.py": SOURCE, "own_helper.py": "x = 1\n", "data.csv": "y\n1\n2\n", "table.txt": "1\n"}


@pytest.fixture
def toml(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "in.toml").write_text(TOML)
    return tmp_path / "in.toml"


def inputs(toml, *overrides):
    settings, folder = problem.load(toml, overrides)
    with problem.worker_for(settings, folder) as worker:
        return finished.inputs(settings, folder, worker)


def test_code_files_and_values_count_and_the_model_is_not_called(toml, tmp_path):
    before = inputs(toml)
    assert inputs(toml) == before
    for name, text in FILES.items():
        (tmp_path / name).write_text(f"{text}# more\n")
        assert inputs(toml) != before, name
        (tmp_path / name).write_text(text)
    assert inputs(toml, "parameters.a.high=2.0") != before != inputs(toml, "parameters.a.truth=0.5")
    assert inputs(toml) == before


def test_an_empty_folder_holds_nothing_that_is_finished(toml, tmp_path):
    settings, folder = problem.load(toml, ())
    assert not finished.stands(tmp_path / "out", settings, folder, worker=None)


def test_results_stand_with_the_inputs_and_the_trials_that_they_were_made_from(toml, tmp_path, monkeypatch):
    monkeypatch.setattr(finished.Workspace, "owner", lambda *_: object())
    monkeypatch.setattr(finished.Workspace, "damage", lambda *_: "")
    out = tmp_path / "out"
    out.mkdir()
    record = TrialLog(out / "trials.jsonl", {}, resume=False)
    record.append(Trial(0, "initial", [0.1], {"a": 0.1}, "ok", 2.0, [2.0], seconds=1.0))
    write_json(out / "summary.json", {"made_from": finished.stamp(out / "trials.jsonl", inputs(toml))})

    def stands(*overrides):
        settings, folder = problem.load(toml, overrides)
        with problem.worker_for(settings, folder) as worker:
            return finished.stands(out, settings, folder, worker)

    assert stands()
    assert not stands("parameters.a.high=2.0")
    record.append(Trial(1, "initial", [0.2], {"a": 0.2}, "ok", 1.0, [1.0], seconds=1.0))
    record.close()
    assert not stands()
