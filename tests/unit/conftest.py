"""What the tests of figures share: every figure that was written, to look at what is in it."""

from collections.abc import Iterator
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
