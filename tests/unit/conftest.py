"""What tests share: every figure that was written, and the tables that were printed, to look at them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from matplotlib.figure import Figure

Figures = dict[str, Figure]


@contextmanager
def keeping() -> Iterator[Figures]:
    """Figures by the name of their file, as they were saved; drawn coarsely, for that is quick."""
    figures, save = {}, Figure.savefig

    def keep(self, target, **options):
        # a file that is being written is called .NAME.XXXX.part
        figures[str(getattr(target, "name", target)).lstrip(".").split(".")[0]] = self
        save(self, target, **options | {"dpi": 20})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", keep)
        yield figures


@pytest.fixture
def drawn() -> Iterator[Figures]:
    """The figures that one test draws."""
    with keeping() as figures:
        yield figures


@pytest.fixture(scope="module")
def drawn_once() -> Iterator[Figures]:
    """The figures that a module draws for all its tests."""
    with keeping() as figures:
        yield figures


@pytest.fixture
def table_told(monkeypatch, capfd) -> Callable[[], tuple[dict[str, list[str]], str]]:
    """Gives, of what was printed since the last time, a table's cells by the first of a row and all words."""
    monkeypatch.setenv("COLUMNS", "120")

    def read() -> tuple[dict[str, list[str]], str]:
        text, rows = capfd.readouterr().err, {}
        for line in text.splitlines():
            cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
            if cells:
                rows[cells[0]] = cells[1:]
        return rows, " ".join(text.split())

    return read
