"""Figure and animation of waves in time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample

from ...core.plots import BLUE, DIVERGING, GREY, ORANGE, bare, figure, pyplot
from ...core.plots import animate as write_animation

Array = NDArray[np.float64]

_COLOURS = {"md": GREY, "learned": BLUE, "classical": ORANGE}
_LABELS = {"md": "MD", "learned": "learned", "classical": "classical elasticity"}
_SHOWN = ("md", "learned", "classical")
_FINER = 8


def draw(record: Mapping[str, Any], frames: Mapping[str, Array], box: Array, path: Path) -> None:
    """Packets when they arrive, and the pulse at its end."""
    with figure(path, 9.0, 6.6, nrows=2, ncols=6) as (fig, axes):
        grid = axes[0, 0].get_gridspec()
        for ax in axes.ravel():
            ax.remove()
        for number, (branch, packet) in enumerate(record["packets"].items()):
            _profile(fig.add_subplot(grid[0, 3 * number : 3 * number + 3]), branch, packet)
        maps = [fig.add_subplot(grid[1, 2 * number : 2 * number + 2]) for number in range(3)]
        limit = float(np.abs(frames["md"][-1]).max())
        images = [
            _map(ax, _shown(frames, name, -1), limit, box) for ax, name in zip(maps, _SHOWN, strict=True)
        ]
        for ax, name in zip(maps, _SHOWN, strict=True):
            ax.set_title(_title(name, record["pulse"]["times_ps"][-1]))
        bar = fig.colorbar(images[-1], ax=maps, label="$u_1$ over its largest in the MD", shrink=0.8)
        bar.set_ticks([-limit, 0, limit], labels=["−1", "0", "1"])


def _shown(frames: Mapping[str, Array], name: str, frame: int) -> Array:
    """u₁ of the MD ``(nx, ny)``, or ten times what a model is off it."""
    md = frames["md"][frame, :, :, 0]
    return np.asarray(md if name == "md" else 10 * (frames[name][frame, :, :, 0] - md))


def _title(name: str, time: float) -> str:
    return f"MD at {time:.2f} ps" if name == "md" else f"10 × ({_LABELS[name]} − MD)"


def _profile(ax: Any, branch: str, packet: Mapping[str, Any]) -> None:
    profiles = packet["profiles"]
    x = np.array(profiles["x_A"])
    # a periodic profile is known between its nodes, too
    fine = x[0] + (x[1] - x[0]) * np.arange(_FINER * len(x)) / _FINER
    largest = float(np.abs(profiles["md"]).max())
    for name in _SHOWN:
        label = f"{_LABELS[name]}, {packet[name]['speed_A_per_ps']:.1f} Å/ps"
        style = {"lw": 3.0, "alpha": 0.5} if name == "md" else {"lw": 1.0}
        values = resample(np.array(profiles[name]), len(fine)) / largest
        ax.plot(fine, values, color=_COLOURS[name], label=label, **style)
    # what is beyond three widths of the packet is zero
    middle = x[np.argmax(np.abs(profiles["md"]))]
    ax.set_xlim(middle - 60, middle + 75)
    ax.set_xlabel("x (Å)")
    ax.set_ylabel("displacement over its largest in the MD")
    ax.set_title(f"{branch} packet of {packet['wavelength_A']:.1f} Å after {profiles['time_ps']:.2f} ps")
    ax.legend(loc="upper right")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.35 * (high - low))


def _map(ax: Any, values: Array, limit: float, box: Array) -> Any:
    half = 0.5 * box
    image = ax.imshow(
        values.T,
        origin="lower",
        extent=(-half[0], half[0], -half[1], half[1]),
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
    )
    bare(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    return image


def animate(frames: Mapping[str, Array], times: Array, box: Array, path: Path) -> None:
    """The pulse in the MD, and ten times what both models are off it, as an animated GIF."""
    plt = pyplot()
    fig, axes = plt.subplots(1, 3, figsize=(9.0, 3.4), layout="constrained")
    try:
        # the first bump is high and narrow: later frames set the scale
        limit = float(np.quantile(np.abs(frames["md"][len(times) // 3][..., 0]), 0.999))
        images = [
            _map(ax, _shown(frames, name, 0), limit, box) for ax, name in zip(axes, _SHOWN, strict=True)
        ]
        for ax, name in zip(axes, _SHOWN, strict=True):
            ax.set_title(_title(name, 0.0), fontsize=9)
        fig.draw_without_rendering()
        # laid out once, not at every frame
        fig.set_layout_engine("none")

        def show(frame: int) -> list[Any]:
            for image, name in zip(images, _SHOWN, strict=True):
                image.set_data(_shown(frames, name, frame).T)
            axes[0].set_title(_title("md", times[frame]), fontsize=9)
            return images

        write_animation(fig, show, len(times), path, rate=10)
    finally:
        plt.close(fig)
