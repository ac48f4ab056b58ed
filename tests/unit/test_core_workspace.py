"""Whose folder it is: locks, kinds, versions, and what a former release left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mpi4py import MPI

import mdbridge
from mdbridge.core import workspace
from mdbridge.core.errors import FileError, InputError
from mdbridge.core.identity import Identity
from mdbridge.core.locks import in_use
from mdbridge.core.records import Record
from mdbridge.core.workspace import MANIFEST, Workspace, claim, read_manifest

COMM = MPI.COMM_SELF


def own(root, kind="test"):
    return claim(COMM, root, kind, root / "in.toml", ["a.b=1"], "a = 1\n")


def test_a_folder_says_what_it_is(tmp_path):
    with own(tmp_path / "out"):
        pass
    manifest = read_manifest(tmp_path / "out")
    assert (manifest["campaign"], manifest["overrides"]) == ("test", ["a.b=1"])
    assert (tmp_path / "out/input.toml").read_text().endswith("\na = 1\n")


def test_a_second_process_is_refused_at_once(tmp_path):
    root = tmp_path / "out"
    with own(root):
        assert in_use(root)
        code = (
            "from mpi4py import MPI; from pathlib import Path; from mdbridge.core.workspace import claim\n"
            f"with claim(MPI.COMM_SELF, Path({str(root)!r}), 'test', Path('a')): pass"
        )
        job = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(Path(mdbridge.__file__).parents[1])},
        )
        assert "another process is working in it" in job.stderr
    assert not in_use(root)
    with own(root):
        pass


def test_another_campaign_s_folder_is_refused(tmp_path):
    with own(tmp_path / "out"):
        pass
    with (
        pytest.raises(InputError, match=r"'test', as its mdbridge\.json says, this is a campaign 'other'"),
        own(tmp_path / "out", "other"),
    ):
        pass
    assert not in_use(tmp_path / "out")


@pytest.mark.parametrize("name", ["dataset.h5", "glass.h5", "run.h5", "trials.jsonl"])
def test_what_release_0_1_left_is_refused_and_not_touched(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(InputError, match=r"mdbridge 0\.1.*choose another"), own(tmp_path):
        pass
    assert (tmp_path / name).read_bytes() == b"old"
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize("what", ["manifest", "record"])
def test_a_newer_version_is_named_with_both_versions(tmp_path, what):
    root = tmp_path / "out"
    with own(root) as owned:
        owned.keep(Record("stage", "task", Identity("t")))
    path = root / MANIFEST if what == "manifest" else next((root / "records").glob("*/*.json"))
    data = json.loads(path.read_text()) | {"version": 99, "mdbridge": "9.9"}
    path.write_text(json.dumps(data))
    with (
        pytest.raises(InputError, match=r"version 99.* mdbridge 9\.9.*up to version 1.*choose another --out"),
        own(root) as owned,
    ):
        list(owned.records())


def test_a_manifest_that_is_damaged_can_be_moved_away_as_we_advise(tmp_path):
    root = tmp_path / "out"
    with own(root) as owned:
        (root / "run.h5").write_bytes(b"a run")
        owned.keep(Record("stage", "task", Identity("t")))
    (root / MANIFEST).write_text("{")
    with pytest.raises(FileError, match="move it away to have it made again"), own(root):
        pass
    (root / MANIFEST).unlink()
    with own(root) as owned:
        assert owned.record("stage", "task", Identity("t").key) is not None
    assert read_manifest(root)["campaign"] == "test"


@pytest.mark.parametrize("name", ["campaign", "version", "source", "overrides"])
@pytest.mark.parametrize("change", ["gone", "another kind"])
def test_a_manifest_that_lacks_what_it_should_say_is_damaged(tmp_path, name, change):
    """As one bit makes it: a capital letter in the name of a key, a true in place of a number."""
    root = tmp_path / "out"
    with own(root):
        pass
    path = root / MANIFEST
    said = json.loads(path.read_text())
    value = said.pop(name)
    said |= {name.title(): value} if change == "gone" else {name: True}
    path.write_text(json.dumps(said))
    with pytest.raises(FileError, match=f"{MANIFEST}: is damaged: its '{name}'.*move it away"), own(root):
        pass
    path.unlink()
    with own(root):
        pass


@pytest.mark.parametrize("place", ["beside", "the input itself"])
def test_an_input_toml_of_somebody_else_s_is_never_replaced(tmp_path, place):
    """'mdbridge run input.toml --out .' would put the input as it is used over the user's own."""
    theirs = tmp_path / "input.toml"
    theirs.write_text("# my own words\na = 1\n")
    source = theirs if place == "the input itself" else tmp_path / "other.toml"
    with (
        pytest.raises(InputError, match=r"input\.toml: is there already, and mdbridge did not write it"),
        claim(COMM, tmp_path, "test", source, (), "a = 1\n"),
    ):
        pass
    assert theirs.read_text() == "# my own words\na = 1\n"
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="cannot be written"), own(tmp_path / "out"):
        pass


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(FileError, match="out: is a file, not a folder"), own(tmp_path / "out"):
        pass


def test_half_made_results_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    root = tmp_path / "out"
    (root / f"{workspace.STAGING}x-1").mkdir(parents=True)
    (root / "notes").mkdir()
    with own(root):
        assert sorted(path.name for path in root.iterdir()) == [
            ".lock",
            "input.toml",
            MANIFEST,
            "mdbridge.log",
            "notes",
        ]


def test_an_intact_file_is_one_with_the_bytes_that_were_written(tmp_path):
    owned = Workspace(tmp_path, "test")
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    record = Record("s", "t", Identity("t"), owned.described(path))
    owned.keep(record)
    assert owned.record("s", "t", record.key) is not None
    for changed in (b"abd", b"ab"):
        path.write_bytes(changed)
        assert owned.record("s", "t", record.key) is None
    path.unlink()
    assert owned.damage(record) == ["x"]


def test_a_product_whose_record_is_damaged_is_set_aside_and_not_taken_for_somebody_else_s(tmp_path):
    folder = Workspace(tmp_path, "test")
    for number in (1, 2):
        record = Record("learn", "learn", Identity("learn", 1, {"a": number}))
        staged = folder.staging("learn", record.key)
        (staged / "model.json").write_text(f"{number}")
        if number == 2:
            folder.refuse_foreign(["model.json"])
        kept = folder.publish(record, staged)
        if number == 1:
            path = tmp_path / kept.path
            path.write_bytes(path.read_bytes()[:-20])
    assert (tmp_path / "model.json").read_text() == "2"
    assert [path.read_text() for path in tmp_path.glob("superseded/*/model.json")] == ["1"]


def test_a_file_that_a_damaged_record_does_not_name_is_refused_with_that_record(tmp_path):
    (tmp_path / "model.json").write_text("mine")
    (tmp_path / "records" / "learn").mkdir(parents=True)
    (tmp_path / "records" / "learn" / "learn-1.json").write_text("damaged")
    with pytest.raises(InputError, match=r"model\.json: .*its record was .*learn-1\.json, which is damaged"):
        Workspace(tmp_path, "test").refuse_foreign(["model.json"])
