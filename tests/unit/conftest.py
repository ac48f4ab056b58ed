"""What tests share: every figure that was written, and the tables that were printed, to look at them."""

import functools
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Figures = dict[str, Figure]


# of a module, not of the session: tests of other folders, in the same process, look at whole figures
@pytest.fixture(scope="module", autouse=True)
def sketched() -> Iterator[None]:
    """Figures are drawn coarsely and once, for that is quick; ``savefig.__wrapped__`` is Matplotlib's own."""
    save = Figure.savefig

    @functools.wraps(save)
    def sketch(self, target, **options):
        if not isinstance(target, Path):  # a frame of an animation
            save(self, target, **options)
        elif options.get("format") == "svg":  # the same figure has just been drawn
            target.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        else:
            # not savefig, which draws twice: the first time to lay out what nobody looks at here
            self.set_layout_engine("none")
            self.dpi = 20
            FigureCanvasAgg(self).print_png(target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", sketch)
        yield


@contextmanager
def keeping() -> Iterator[Figures]:
    """Figures by the name of their file, as they were saved."""
    figures, save = {}, Figure.savefig

    @functools.wraps(save)
    def keep(self, target, **options):
        # a file that is being written is called .NAME.XXXX.part
        figures[str(getattr(target, "name", target)).lstrip(".").split(".")[0]] = self
        save(self, target, **options)

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


@pytest.fixture(scope="session")
def pyvista():
    """A reader of VTK files that is not ours; what its import says of other packages is no matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pyvista")
