"""Inputs to begin with: they are what the models take, and say of every key what it is."""

import math
import re
import subprocess
import sys

import pytest

from mdbridge.campaigns import MODULES, starters
from mdbridge.core import config
from mdbridge.core.errors import InputError
from mdbridge.core.keys import tables

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_every_campaign_has_a_model():
    assert set(starters.MODELS) == set(MODULES) == {kind["campaign"] for kind in starters.STARTERS.values()}


@pytest.mark.parametrize("campaign", MODULES)
def test_every_key_says_what_it_means(campaign):
    missing = [
        f"{table.header} {key.name}"
        for table in tables(starters.model_of(campaign))
        for key in table.keys
        if not key.meaning
    ]
    assert missing == []


@pytest.mark.parametrize("kind", starters.STARTERS)
def test_a_starter_is_a_valid_input(kind):
    model = starters.model_of(starters.STARTERS[kind]["campaign"])
    read = config.check(tomllib.loads(starters.text(kind, "my.toml")), model, "my.toml")
    assert read == config.check(starters.STARTERS[kind], model, "starter")


@pytest.mark.parametrize("kind", starters.STARTERS)
def test_the_comments_show_the_defaults(kind):
    text = starters.text(kind, "my.toml")
    # of optional sections nothing: to name one is to have it
    shown = re.sub(r"^#\[.*?(?=^\S*\[|\Z)", "", text, flags=re.M | re.S)
    opened = re.sub(r"^#(\w+ = .*)$", r"\1", shown, flags=re.M)
    assert opened != shown
    model = starters.model_of(starters.STARTERS[kind]["campaign"])
    # a condition of the model may refuse a default that is written out beside what excludes it
    tabled = tomllib.loads(opened)
    for section, key in {("objective", "weight"), ("parameters", "mean")}:
        for entry in tabled.get(section, []) if isinstance(tabled.get(section), list) else []:
            entry.pop(key, None)
    for key in ("anneal_K", "anneal_steps", "anneal_strain"):
        tabled.get("glass", {}).pop(key, None)
    assert config.check(tabled, model, "opened") == config.check(tomllib.loads(text), model, "as it is")


def test_files_are_written_beside_and_nothing_is_replaced(tmp_path):
    (tmp_path / "my_model.py").write_text("mine = 1\n")
    written = starters.write("calibrate", tmp_path / "mine.toml")
    assert sorted(path.name for path in written) == ["mine.toml", "my_data.csv"]
    assert (tmp_path / "my_model.py").read_text() == "mine = 1\n"
    with pytest.raises(InputError, match=r"mine\.toml: is there already"):
        starters.write("calibrate", tmp_path / "mine.toml")


def test_a_program_is_one_that_runs(tmp_path):
    starters.write("program", tmp_path / "mine.toml")
    done = subprocess.run(
        [sys.executable, "my_program.py", "given.json", "result.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "FileNotFoundError" in done.stderr
    filled = (tmp_path / "my_program.json.template").read_text()
    (tmp_path / "given.json").write_text(filled.replace("{amplitude}", "2").replace("{time}", "4"))
    subprocess.run([sys.executable, "my_program.py", "given.json", "result.csv"], cwd=tmp_path, check=True)
    rows = (tmp_path / "result.csv").read_text().splitlines()
    assert rows[0] == "time,signal" and len(rows) == 102
    assert float(rows[-1].split(",")[1]) == pytest.approx(2 * math.exp(-10 / 4))


def test_what_a_study_compares_is_written_with_it(tmp_path):
    starters.write("graphene-study", tmp_path / "study.toml")
    study = config.check(starters.STARTERS["graphene-study"], starters.model_of("graphene-study"), "study")
    for name, warm in ((study.campaigns.zero, False), (study.campaigns.warm, True)):
        data = tomllib.loads((tmp_path / name).read_text())
        assert (config.check(data, starters.model_of("graphene"), name).thermal is not None) is warm
