"""Every block of every tutorial, and every notebook, is run as it stands in an empty folder."""

import json
import subprocess
import sys

import pytest
from sample_blocks import ROOT, TUTORIALS, blocks_of, reader

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture
def environment(tmp_path):
    """Variables of a reader's process; its folder is ``work``."""
    (tmp_path / "work").mkdir()
    return reader(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_does_what_it_says(tutorial, tmp_path, environment):
    for block in blocks_of(tutorial, "sh", "python"):
        shell = block.language == "sh"
        words = ["sh", "-e", "-c", block.text] if shell else [sys.executable, "-c", block.text]
        done = subprocess.run(
            words, cwd=tmp_path / "work", env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{block}:\n{done.stdout}\n{done.stderr}"


def test_notebooks_are_kept_without_what_a_run_has_put_into_them():
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text())["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells), path.name


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(path, tmp_path, environment):
    """In a process of its own: a kernel's sockets and threads are nothing for the others."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = (
        "import sys, nbformat, nbclient\n"
        "book = nbformat.read(sys.argv[1], 4)\n"
        "nbclient.NotebookClient(book, timeout=120).execute()\n"
        "said = [out for cell in book.cells for out in cell.get('outputs', ())]\n"
        "print(sum('image/png' in out.get('data', {}) for out in said))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=tmp_path / "work", env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    # each shows at least a picture
    assert int(done.stdout.split()[-1]) >= 1
