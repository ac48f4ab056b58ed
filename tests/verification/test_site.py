"""The site of docs/ is built without a warning, and has what it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mdbridge

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("")
        assert (site / ("index.html" if name.name == "index" else f"{name}/index.html")).exists()
        # a page that no menu names is found by nobody
        assert str(page.relative_to(ROOT / "docs")) in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.slow
def test_every_public_name_is_described_and_no_role_is_left(site):
    text = (site / "api" / "index.html").read_text()
    assert [name for name in mdbridge.__all__ if f".{name}" not in text] == []
    assert re.findall(r":(?:meth|class|func|attr|mod|data):", text) == []


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        sources = re.findall(r'(?:src|href)="(https?://[^"]+\.(?:js|css|woff2?))"', page.read_text())
        assert sources == [], page


@pytest.mark.slow
def test_formulas_are_drawn_without_a_script(site):
    """Of each page as many as its source has."""
    for name in ("fields", "peridynamics", "plasticity", "calibration"):
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / f"docs/theory/{name}.md").read_text(), flags=re.S)
        shown = len(re.findall(r"^\$\$$", prose, re.M)) // 2
        inline = len(re.findall(r"\$[^$]+\$", re.sub(r"^\$\$$.*?^\$\$$", "", prose, flags=re.M | re.S)))
        page = (site / "theory" / name / "index.html").read_text()
        assert (page.count('<div class="formula">'), page.count("<math")) == (shown, shown + inline)
        assert shown > 10 and "arithmatex" not in page and '<script src="http' not in page
