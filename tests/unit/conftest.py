"""What the tests of figures share: every figure that was written, to look at what is in it."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch):
    """Figures by the name of their file, as they were saved; drawn coarsely, for that is quick."""
    figures, save = {}, Figure.savefig

    def keep(self, target, **options):
        # a file that is being written is called .NAME.XXXX.part
        figures[str(getattr(target, "name", target)).lstrip(".").split(".")[0]] = self
        save(self, target, **options | {"dpi": 20})

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures
