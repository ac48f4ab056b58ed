"""The table and the CSV of trials."""

import csv

import pytest

from mdbridge.calibrate.trials import Trial, TrialLog
from mdbridge.campaigns.calibrate import listing
from mdbridge.core.errors import InputError

SAID = 'no, "never"\nagain ' + "x" * 90
RECORD = [
    Trial(0, "initial", [0.1], {"a": 0.1 + 0.2, "steel": "X5"}, "ok", 2.0, [1.5, 0.5], seconds=0.25),
    Trial(1, "initial", [0.2], {"a": 2.0, "steel": "X6"}, "failed", message=SAID),
    Trial(2, "ego", [0.3], {"a": 3.0, "steel": "X5"}, "ok", -0.0625, [0.25, 0.25]),
]


@pytest.fixture
def folder(tmp_path):
    log = TrialLog(tmp_path / "trials.jsonl", {}, resume=False)
    for trial in RECORD:
        log.append(trial)
    log.close()
    return tmp_path


def test_a_table_for_people(folder):
    lines = listing.show(folder, None).splitlines()
    assert lines[0].split() == ["trial", "phase", "status", "distance", "a", "steel", "seconds", "message"]
    assert lines[1].split()[:6] == ["0", "initial", "ok", "2", "0.3", "X5"]
    assert 'no, "never"' in lines[2] and "again" not in lines[2] and not lines[2].startswith("*")
    assert lines[3].startswith("*  2") and "-0.0625" in lines[3] and len(lines) == 4
    assert listing.show(folder / "trials.jsonl", None).splitlines() == lines


def test_csv_holds_everything(folder, tmp_path):
    assert listing.show(folder, str(tmp_path / "t.csv")) == f"3 trials in {tmp_path / 't.csv'}"
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert [float(row["a"]) for row in rows] == [0.1 + 0.2, 2.0, 3.0]
    assert [row["steel"] for row in rows] == ["X5", "X6", "X5"]
    assert (rows[1]["distance"], rows[1]["term_1"], rows[1]["message"]) == ("", "", RECORD[1].message)
    assert (rows[2]["distance"], rows[0]["term_2"], rows[0]["seconds"]) == ("-0.0625", "0.5", "0.25")
    assert listing.show(folder, "-") == (tmp_path / "t.csv").read_text().rstrip("\n")


def test_a_folder_without_a_record_is_told(folder, tmp_path):
    (tmp_path / "study" / "ego-seed-0").mkdir(parents=True)
    (tmp_path / "study" / "ego-seed-0" / "trials.jsonl").write_bytes((folder / "trials.jsonl").read_bytes())
    with pytest.raises(InputError, match="no record of trials; there is one in each of ego-seed-0"):
        listing.show(tmp_path / "study", None)
    with pytest.raises(InputError, match="no record"):
        listing.show(tmp_path / "nowhere", None)


def test_the_optimum_is_told_with_its_intervals_or_why_there_are_none():
    summary = {
        "best": {"a": 1.5, "steel": "X5", "held": 20},
        "units": {"a": "MPa"},
        "intervals": {"a": [1.25, 1.75], "steel": ["X5", "X6"]},
        "intervals_from": "95 %: a profile",
    }
    lines = listing.optimum(summary)
    assert lines[1].split() == ["a", "1.5", "1.25", "…", "1.75", "MPa"]
    assert "X5, X6" in lines[2] and lines[3].split() == ["held", "20"] and lines[-1] == "95 %: a profile"
    assert listing.optimum(summary | {"intervals": None})[-1] == "no intervals: 95 %: a profile"
