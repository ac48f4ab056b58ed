"""The fields of a run of ``mdbridge shear`` as an animation, from its run.h5 alone."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...core.files import replacing
from . import results
from .figures import LABELS, field, image, limits


def animate(store: Path, path: Path) -> None:
    """Write the fields of all kept frames as an animated GIF."""
    run = results.read(store)
    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    images = []
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("chi", "Exy"), strict=True):
        images.append(image(axes, run, name, 0, limits(field(run, name))))
        figure.colorbar(images[-1], ax=axes, label=LABELS[name])

    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not at every frame

    def show(k: int) -> list[Any]:
        for picture, name in zip(images, ("chi", "Exy"), strict=True):
            picture.set_data(field(run, name)[k])
        figure.suptitle(f"$\\gamma$ = {run.strains[k]:.3f}")
        return images

    animation = FuncAnimation(figure, show, frames=len(run.strains), blit=False)
    with replacing(path) as temporary, TemporaryDirectory() as folder:
        made = Path(folder) / "run.gif"  # the writer takes the format from the name
        animation.save(made, writer=PillowWriter(fps=12))
        shutil.copyfile(made, temporary)
