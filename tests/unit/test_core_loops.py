"""The cache of compiled loops costs time at most: no run, and no wrong number."""

import errno
import importlib.util
import itertools
import sys

import pytest

from mdbridge.core import loops

CALLEE = """
from mdbridge.core.loops import compiled

FACTOR = 3

@compiled()
def scaled(x):
    return 2 * x
"""
CALLER = """
from callee import FACTOR, scaled
from mdbridge.core.loops import compiled

@compiled()
def total(x):
    return scaled(x) + FACTOR
"""

_numbers = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two modules of loops, one of which calls the other."""
    (tmp_path / "callee.py").write_text(CALLEE, encoding="utf-8")
    (tmp_path / "caller.py").write_text(CALLER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    # source alone: modules that change within a second would be taken from their bytecode
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(loops, "_told", [])
    return tmp_path


def total(folder):
    """The compiled function as a new process would import it."""
    sys.modules.pop("callee", None)
    spec = importlib.util.spec_from_file_location(f"caller_{next(_numbers)}", folder / "caller.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.total


def taken_from_cache(function):
    return bool(sum(function.stats.cache_hits.values()))


def test_the_next_process_need_not_compile(folder, capsys):
    first, second = total(folder), total(folder)
    assert first(1) == second(1) == 5
    assert taken_from_cache(second) and not taken_from_cache(first)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("change", [("2 * x", "7 * x", 10), ("FACTOR = 3", "FACTOR = 40", 42)])
def test_a_change_in_a_file_that_is_called_is_seen(folder, change):
    """numba alone looks at the caller's own file, and gives what the former release would have."""
    assert total(folder)(1) == 5
    before, after, expected = change
    (folder / "callee.py").write_text(CALLEE.replace(before, after), encoding="utf-8")
    assert total(folder)(1) == expected


def test_where_no_folder_can_be_written_loops_are_compiled_all_the_same(folder, monkeypatch, capsys):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(loops.caching.tempfile, "TemporaryFile", refused)
    assert total(folder)(1) == 5
    words = capsys.readouterr().err
    assert words.count("\n") == 1, "said once, for all functions"
    assert "NUMBA_CACHE_DIR" in words and "callee.py" in words


@pytest.mark.parametrize("part", ["_save_index", "_save_data"])
def test_a_full_disk_costs_the_cache_alone(folder, monkeypatch, capsys, part):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loops.caching.IndexDataCacheFile, part, full)
    assert total(folder)(1) == 5
    words = capsys.readouterr().err
    assert words.count("\n") == 1 and "No space left on device" in words


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_files_of_the_cache_are_made_anew(folder, ending):
    assert total(folder)(1) == 5
    damaged = list((folder / "__pycache__").glob(f"*.{ending}"))
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:20])
    assert total(folder)(1) == 5
    again = total(folder)
    assert again(1) == 5 and taken_from_cache(again)


def test_a_file_of_another_user_is_no_failure(folder, monkeypatch, capsys):
    def unreadable(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(loops.caching.IndexDataCacheFile, "_load_index", unreadable)
    assert total(folder)(1) == 5
    assert "Permission denied" in capsys.readouterr().err
