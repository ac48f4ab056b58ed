"""What a model is made of: its module and what that imports from the same place."""

import hashlib
import sys

import numpy as np
import pytest

from mdbridge.calibrate.modelfiles import sources

SOURCE = "import numpy, random\nfrom helpers import tables\n\ndef plain(a, b): return {}\n"
HELPERS = ["constants_of_mine.py", "helpers/__init__.py", "helpers/tables.py"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_solver.py").write_text(SOURCE)
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("from . import tables\n")
    (tmp_path / "helpers" / "tables.py").write_text("def late():\n    import constants_of_mine\n")
    (tmp_path / "constants_of_mine.py").write_text("G = 1\n")
    for other in ("unrelated", "random"):  # Python's own random is imported, not the file beside
        (tmp_path / f"{other}.py").write_text("x = 1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def test_a_model_is_made_of_what_it_imports_from_the_same_place(folder):
    hashes = sources("own_solver:plain", str(folder))
    assert sorted(hashes) == [
        "constants_of_mine.py",
        "helpers/__init__.py",
        "helpers/tables.py",
        "own_solver.py",
    ]
    assert hashes["own_solver.py"] == hashlib.sha256(SOURCE.encode()).hexdigest()
    (folder / "constants_of_mine.py").write_text("G = 2\n")
    changed = sources("own_solver:plain", str(folder))
    assert [name for name in hashes if hashes[name] != changed[name]] == ["constants_of_mine.py"]
    assert sources("unrelated:x", str(folder)).keys() == {"unrelated.py"}


def test_a_module_of_a_package_runs_those_above_it(folder):
    assert list(sources("helpers.tables:late")) == [
        "constants_of_mine.py",
        "helpers/__init__.py",
        "helpers/tables.py",
    ]


def test_installed_models_count_by_their_version():
    assert sources("math:sqrt") == sources("statistics:mean") == {}
    assert sources("numpy.linalg:norm") == {"numpy": f"version {np.__version__}"}
    assert sources("mdbridge.stz:forward", version="3") == {"mdbridge.stz:forward": "version 3"}
