"""Every block of every tutorial is run as it stands, one after another in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def blocks(path):
    """Language, text and line of each block that is to be run."""
    text = path.read_text()
    for block in re.finditer(r"^```(sh|python)\n(.*?)^```", text, flags=re.M | re.S):
        yield block[1], block[2], text[: block.start()].count("\n") + 1


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_does_what_it_says(tutorial, tmp_path):
    # the command as a person has it, whatever tree it comes from
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "mdbridge"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mdbridge "$@"\n')
    command.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    search = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": search, "PYTHONPATH": str(ROOT)}
    (tmp_path / "work").mkdir()
    for language, text, line in blocks(tutorial):
        words = ["sh", "-e", "-c", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            words, cwd=tmp_path / "work", env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{tutorial.name}, line {line}:\n{done.stdout}\n{done.stderr}"
