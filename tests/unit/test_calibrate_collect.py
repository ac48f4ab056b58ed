"""What programs write, in their own ways."""

import json

import numpy as np
import pytest

from mdbridge.calibrate.collect import OtherUnit, asked, outputs
from mdbridge.core.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "table.csv").write_text("time (s),load\n0,1\n1,\n")
    (tmp_path / "row.txt").write_text("1 2 3\n")
    (tmp_path / "column.csv").write_text("1\n2\n3\n")
    content = {"load": [1, None, 3], "energy": 2.5, "field": [[[1, 2], [3, 4]]], "note": "done"}
    (tmp_path / "all.json").write_text(json.dumps(content))
    np.savez(tmp_path / "all.npz", heat=np.ones((2, 3, 4)))
    return tmp_path


def test_files_give_their_arrays_by_their_names(folder):
    arrays = outputs(asked(["table.csv", "all.npz"]), folder)
    np.testing.assert_array_equal(arrays["load"], [1.0, np.nan])
    assert arrays["heat"].shape == (2, 3, 4) and set(arrays) == {"time", "load", "heat"}
    arrays = outputs(asked("all.json"), folder)
    np.testing.assert_array_equal(arrays["load"], [1.0, np.nan, 3.0])
    assert arrays["energy"].tolist() == [2.5] and arrays["field"].shape == (1, 2, 2) and "note" not in arrays


def test_names_choose_among_them(folder):
    given = {"force": "table.csv:load", "load": "table.csv", "y": "row.txt", "z": "column.csv"}
    arrays = outputs(asked(given), folder)
    np.testing.assert_array_equal(arrays["force"], arrays["load"])
    assert arrays["y"].tolist() == arrays["z"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gone.csv", "wrote no 'gone.csv'; in its folder are all.json"),
        ({"force": "table.csv"}, "has no 'force'; it has load, time"),
        ({"force": "table.csv:f"}, "has no 'f'; it has load, time"),
        (["table.csv", "all.json"], "wrote 'load' to two files"),
        ("bad.json", "no JSON: bad.json"),
        ("bad.csv", "line 2: x = 'l' is no finite number"),
        ("list.json", "expected a JSON object"),
    ],
)
def test_what_is_not_there_is_told(folder, given, said):
    (folder / "bad.json").write_text("{")
    (folder / "list.json").write_text("[1, 2]")
    (folder / "bad.csv").write_text("x,y\nl,1\n2,1\n")
    with pytest.raises(RuntimeError, match=said):
        outputs(asked(given), folder)


def test_a_file_is_named_once():
    with pytest.raises(InputError, match="twice"):
        asked(["a.csv", "a.csv"])


def test_what_is_wrong_in_a_table_is_told_by_the_files_own_name(tmp_path):
    (tmp_path / "a.csv").write_text("y\n1\n****\n")
    # the folder is another one in every trial
    with pytest.raises(
        RuntimeError, match=r"cannot be read: a.csv, line 3: y = '\*\*\*\*' is no finite number"
    ):
        outputs(asked("a.csv"), tmp_path)


@pytest.mark.parametrize("given", ["table.csv", {"time": "table.csv:time"}, {"time": "table.csv"}])
def test_a_header_in_another_unit_is_refused(folder, given):
    assert outputs(asked(given), folder, {"time": "s", "load": "kN"})["time"].tolist() == [0.0, 1.0]
    with pytest.raises(OtherUnit, match=r"'table\.csv' has 'time' in s, it is compared with ms"):
        outputs(asked(given), folder, {"time": "ms"})


def test_a_unit_behind_a_name_counts_and_the_number_of_a_specimen_does_not(tmp_path):
    (tmp_path / "a.csv").write_text("stress_GPa,load_1\n1,2\n")
    given = asked({"stress": "a.csv:stress_GPa", "load": "a.csv:load_1"})
    outputs(given, tmp_path, {"stress": "GPa", "load": "%"})
    with pytest.raises(OtherUnit, match=r"'stress' in GPa, .* with MPa"):
        outputs(given, tmp_path, {"stress": "MPa"})
