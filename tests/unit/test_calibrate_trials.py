"""The record: durable, checked, recovered."""

import contextlib
import datetime
import json
import os

import numpy as np
import pytest

from mdbridge.calibrate.trials import Trial, TrialLog, read
from mdbridge.core.errors import FileError, InputError

CONFIGURATION = {"model": "m:f", "ego": {"seed": 1, "evaluations": 10}, "objective": [{"weight": 0.5}]}


def trial(index):
    return Trial(
        index,
        "ego",
        [0.1, 1 / 3],
        {"a": 0.1, "b": 1 / 3},
        "ok",
        0.7 + index,
        [0.7],
        np.array([np.pi, -1e-300]),
        state=[1 / 7],
    )


def filled(path, count=3):
    record = TrialLog(path, CONFIGURATION, resume=False)
    for index in range(count):
        record.append(trial(index))
    record.close()
    return path


def test_what_is_written_is_read_to_the_last_bit(tmp_path):
    path = filled(tmp_path / "trials.jsonl")
    assert all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())
    configuration, trials = read(path)
    assert configuration == CONFIGURATION and len(trials) == 3
    for read_back, expected in zip(trials, map(trial, range(3)), strict=True):
        assert np.array_equal(read_back.residual, expected.residual)
        assert read_back.unit == expected.unit and read_back.state == expected.state
        assert read_back.distance == expected.distance and read_back.parameters == expected.parameters


def test_a_trial_is_on_the_disk_when_append_returns(tmp_path, monkeypatch):
    """A power cut loses what no fsync has seen: each must see the whole file, the new line included."""
    record, seen, sync = TrialLog(tmp_path / "r", CONFIGURATION, resume=False), [], os.fsync

    def watch(handle):
        sync(handle)
        seen.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", watch)
    for index in range(3):
        record.append(trial(index))
        file = (tmp_path / "r").stat()
        assert seen[-1] == (file.st_ino, file.st_size)
        assert len(seen) == index + 1
        assert len(read(tmp_path / "r")[1]) == index + 1
    record.close()


def test_a_failed_trial_has_nulls_and_an_infinite_value(tmp_path):
    record = TrialLog(tmp_path / "r", CONFIGURATION, resume=False)
    record.append(Trial(0, "initial", [0.5], {"a": 1.0}, "timeout"))
    record.close()
    assert read(tmp_path / "r")[1][0].value == np.inf
    assert "NaN" not in (tmp_path / "r").read_text()


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path, cut):
    path = filled(tmp_path / "r")
    path.write_bytes(path.read_bytes()[:-cut])
    record = TrialLog(path, CONFIGURATION, resume=True)
    assert sorted(record.trials) == ([0, 1, 2] if cut == 1 else [0, 1])
    assert record.damaged == (0 if cut == 1 else 1)
    record.append(trial(3))
    record.close()
    assert [stored.index for stored in read(path)[1]] == sorted(record.trials)


def test_a_flipped_byte_costs_its_line_alone(tmp_path):
    path = filled(tmp_path / "r")
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("0.333", "0.334")
    path.write_text("".join(lines))
    record = TrialLog(path, CONFIGURATION, resume=True)
    record.close()
    assert record.damaged == 1 and sorted(record.trials) == [0, 2]
    again = TrialLog(path, CONFIGURATION, resume=True)
    again.close()
    assert again.damaged == 0


def test_a_lost_header_is_made_again(tmp_path):
    path = filled(tmp_path / "r")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    lines = path.read_text()
    path.write_text("garbage\n" + lines)
    record = TrialLog(path, CONFIGURATION, resume=True)
    record.close()
    assert record.damaged == 1 and len(read(path)[1]) == 3
    path.write_text("garbage\n" + lines)
    with pytest.raises(InputError, match="another configuration"):
        TrialLog(path, {**CONFIGURATION, "model": "m:g"}, resume=True)
    path.write_text("garbage\n")
    with pytest.raises(FileError, match="nothing in it can be recovered"):
        TrialLog(path, CONFIGURATION, resume=True)


def test_another_configuration_is_refused_with_the_key(tmp_path):
    path = filled(tmp_path / "r")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"recorded with ego\.seed = 1, now it is 2"):
        TrialLog(path, {**CONFIGURATION, "ego": {"seed": 2, "evaluations": 10}}, resume=True)
    with pytest.raises(InputError, match=r"objective\.0\.weight = 0\.5, now it is 0\.6"):
        TrialLog(path, {**CONFIGURATION, "objective": [{"weight": 0.6}]}, resume=True)
    with pytest.raises(InputError, match="--resume"):
        TrialLog(path, CONFIGURATION, resume=False)
    assert path.read_bytes() == before
    TrialLog(path, {**CONFIGURATION, "ego": {"seed": 1, "evaluations": 99}}, resume=True).close()


def test_a_record_in_use_is_left_alone(tmp_path):
    path = filled(tmp_path / "r")
    first = TrialLog(path, CONFIGURATION, resume=True)
    with pytest.raises(FileError, match="another run is writing to it"):
        TrialLog(path, CONFIGURATION, resume=True)
    first.append(trial(3))
    first.close()
    TrialLog(path, CONFIGURATION, resume=True).close()
    assert len(read(path)[1]) == 4


HASHED = {**CONFIGURATION, "sources": {"m.py": "aa"}, "contents": {"options.mesh_file": "bb"}}


def hashed(path, **changes):
    record = TrialLog(path, HASHED, resume=False)
    record.append(trial(0))
    record.close()
    return {**HASHED, **changes}


def test_a_changed_file_is_refused_by_name_and_accepted_on_request(tmp_path):
    path = tmp_path / "r"
    now = hashed(path, sources={"m.py": "changed"}, contents={"options.mesh_file": "changed"})
    before, origins = path.read_bytes(), {"contents.options.mesh_file": "/far/away.msh"}
    message = r"options\.mesh_file \(/far/away\.msh\) has changed .*m\.py, of which .*--accept-changes"
    with pytest.raises(InputError, match=message):
        TrialLog(path, now, resume=True, origins=origins)
    assert path.read_bytes() == before
    record = TrialLog(path, now, resume=True, accept=True)
    assert len(record.accepted) == 2 and sorted(record.trials) == [0]
    record.append(trial(1))
    record.close()
    again = TrialLog(path, now, resume=True)  # it is the record's now
    assert again.accepted == [] and sorted(again.trials) == [0, 1]
    again.close()
    with pytest.raises(InputError, match=r"m\.py, of which the model is made, has changed"):
        TrialLog(path, HASHED, resume=True)
    with pytest.raises(InputError, match=r"ego\.seed = 1, now it is 2"):  # no file: not to be accepted
        TrialLog(path, {**now, "ego": {"seed": 2}}, resume=True, accept=True)


def test_another_reference_is_not_to_be_accepted(tmp_path):
    """Half of the distances would be from the one, half from the other."""
    path, given = tmp_path / "r", {**HASHED, "reference": {"y": "(3,) aa", "s": "(3,) bb"}}
    with contextlib.closing(TrialLog(path, given, resume=False)) as record:
        record.append(trial(0))
    before = path.read_bytes()
    now = {**given, "reference": {"y": "(2,) cc", "s": "(3,) bb"}, "sources": {"m.py": "changed"}}
    message = r"reference\.y \(d\.csv\) has changed.*; restore that, or choose another --out: the distances"
    for accept in (False, True):
        with pytest.raises(InputError, match=message):
            TrialLog(path, now, resume=True, origins={"reference.y": "d.csv"}, accept=accept)
    assert path.read_bytes() == before


def test_a_file_more_or_less_is_a_change(tmp_path):
    now = hashed(tmp_path / "r", sources={"m.py": "aa", "n.py": "cc"}, contents={})
    message = r"mesh_file is not there any more; n\.py, .*, is not in the record"
    with pytest.raises(InputError, match=message):
        TrialLog(tmp_path / "r", now, resume=True)


def test_a_key_of_a_later_release_at_its_default_disowns_nothing(tmp_path):
    path = filled(tmp_path / "r")
    later = {**CONFIGURATION, "ego": {**CONFIGURATION["ego"], "novel": 3}}
    record = TrialLog(path, CONFIGURATION, resume=True, complete=later)
    record.append(trial(3))
    record.close()
    with pytest.raises(InputError, match=r"ego\.novel = None, now it is 4"):
        TrialLog(path, {**CONFIGURATION, "ego": {**CONFIGURATION["ego"], "novel": 4}}, resume=True)


def test_a_record_with_all_defaults_is_continued_with_those_left_out(tmp_path):
    """As releases wrote them that knew no other way."""
    path = filled(tmp_path / "r")
    record = TrialLog(path, {"model": "m:f", "objective": [{"weight": 0.5}]}, True, complete=CONFIGURATION)
    assert len(record.trials) == 3
    record.append(trial(3))
    record.close()
    assert len(read(path)[1]) == 4
    other = {"seed": 2, "evaluations": 10}
    with pytest.raises(InputError, match=r"ego\.seed = 1, now it is 2"):
        TrialLog(path, {"model": "m:f"}, True, complete={**CONFIGURATION, "ego": other})


def test_what_was_left_at_its_default_is_told(tmp_path):
    record = TrialLog(tmp_path / "r", {"model": "m:f"}, False, complete=CONFIGURATION)
    record.append(trial(0))
    record.close()
    with pytest.raises(InputError, match=r"ego\.seed = 1, now it is 2"):
        TrialLog(tmp_path / "r", {"model": "m:f", "ego": {"seed": 2}}, True)


def test_of_two_that_begin_at_once_one_is_refused(tmp_path):
    """Each opens before it looks; the second finds the first one's lock, or its record."""
    for k in range(20):
        path = tmp_path / str(k) / "r"
        first = TrialLog(path, CONFIGURATION, resume=False)
        with pytest.raises((FileError, InputError)):
            TrialLog(path, CONFIGURATION, resume=False)
        first.append(trial(0))
        first.close()
        assert len(read(path)[1]) == 1


def test_an_unknown_format_names_both(tmp_path, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr("mdbridge.calibrate.trials.FORMAT", "mdbridge-trials-9")
        path = filled(tmp_path / "r")
    with pytest.raises(FileError, match=r"trials-9.*reads 'mdbridge-trials-2'.*choose another --out"):
        TrialLog(path, CONFIGURATION, resume=True)


def test_values_that_json_lacks_are_recorded_and_told_apart(tmp_path):
    values = {"options": {"limit": np.inf, "day": datetime.date(2024, 1, 2), "list": [np.nan, -np.inf]}}
    record = TrialLog(tmp_path / "r", values, resume=False)
    record.append(trial(0))
    record.close()
    TrialLog(tmp_path / "r", values, resume=True).close()
    assert read(tmp_path / "r")[0]["options"] == {
        "limit": "inf",
        "day": "2024-01-02",
        "list": ["nan", "-inf"],
    }
    with pytest.raises(InputError, match=r"options\.limit = 'inf', now it is '-inf'"):
        TrialLog(tmp_path / "r", {"options": {**values["options"], "limit": -np.inf}}, resume=True)


def test_trials_are_read_in_the_order_of_proposal_whichever_ended_first(tmp_path):
    """Models that run side by side end in any order; a trial written twice counts as the last says."""
    record = TrialLog(tmp_path / "r", CONFIGURATION, resume=False)
    for index in (2, 0, 3, 1):
        record.append(trial(index))
    record.append(Trial(3, "ego", [0.1, 0.2], {}, "failed"))
    record.close()
    trials = read(tmp_path / "r")[1]
    assert [stored.index for stored in trials] == [0, 1, 2, 3]
    assert [stored.status for stored in trials] == ["ok", "ok", "ok", "failed"]


@pytest.mark.parametrize("resume", [True, False])
def test_a_record_without_trials_is_begun_anew_whatever_it_was_of(tmp_path, resume):
    path = filled(tmp_path / "trials.jsonl", count=0)
    TrialLog(path, CONFIGURATION | {"model": "m:g"}, resume).close()
    assert read(path)[0]["model"] == "m:g" and len(path.read_text().splitlines()) == 1


def test_what_is_no_record_is_not_taken_for_an_empty_one(tmp_path):
    path = tmp_path / "trials.jsonl"
    path.write_text("notes of somebody\n")
    for resume in (True, False):
        with pytest.raises((FileError, InputError)):
            TrialLog(path, CONFIGURATION, resume)
    assert path.read_text() == "notes of somebody\n"
