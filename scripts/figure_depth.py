"""Draw how glasses of different depth shear, and print what is read off them.

    python scripts/figure_depth.py FIGURE.png "1e13 K/s=out_a/samples/*" "sgcmc=out_b/samples/*"

Each LABEL=PATTERN stands for folders of finished glasses (with glass.h5) that were prepared alike; all must
have been sheared as far.  Left are their strains at the end, over their mean γ/2, on one scale, right the
stress–strain curves and their means.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mdbridge.campaigns.glass.analysis import stress_strain, summarise
from mdbridge.campaigns.glass.formats import GLASS
from mdbridge.core import plots, store

TOLD = (
    "energy_per_atom_at_rest",
    "overshoot",
    "flow_stress",
    "strain_variation",
    "band_width",
    "band_width_share",
)
COLOURS = (plots.BLUE, plots.RED, plots.GREEN, plots.ORANGE)
LARGE = 3.0
"""End of the colours: strain over its mean."""


def numbers(groups: Mapping[str, Sequence[Path]]) -> None:
    """Print means and their standard errors over the samples of each group."""
    for label, folders in groups.items():
        summaries = [summarise(folder / "glass.h5") for folder in folders]
        print(f"{label}: {len(folders)} samples to γ = {summaries[0]['strain_reached']:.2f}")
        for name in TOLD:
            values = np.array([summary[name] for summary in summaries], dtype=float)
            error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.2g}" if len(values) > 1 else ""
            print(f"  {name}: {values.mean():.5g}{error}  ({', '.join(f'{value:.5g}' for value in values)})")


def draw(groups: Mapping[str, Sequence[Path]], path: Path) -> None:
    """Strains at the end of all samples, and the mean curve of each group."""
    count = sum(len(folders) for folders in groups.values())
    ratios = {"width_ratios": [*[1.0] * count, 3.2]}
    with plots.figure(path, 0.85 * count + 3.6, 3.3, ncols=count + 1, squeeze=False, gridspec_kw=ratios) as (
        fig,
        axes,
    ):
        *maps, right = axes[0]
        panels = iter(maps)
        image = None
        for (label, folders), colour in zip(groups.items(), COLOURS, strict=False):
            curves = []
            for k, folder in enumerate(folders):
                with store.reading(folder / "glass.h5", GLASS) as file:
                    exy, box, gamma = file.get("Exy", at=-1), file.get("box"), file.get("gamma")[-1]
                    curves.append(stress_strain(file))
                panel = next(panels)
                extent = (0, box[0], 0, box[1])
                image = panel.imshow(
                    exy / (0.5 * gamma),
                    vmin=0,
                    vmax=LARGE,
                    cmap=plots.SEQUENTIAL,
                    origin="lower",
                    extent=extent,
                )
                plots.bare(panel)
                panel.set_title(f"{label}\n" if k == 0 else "\n", loc="left", color=colour)
                panel.set_xlabel("X (Å)")
                if panel is maps[0]:
                    panel.set_ylabel("Y (Å)")
                else:
                    panel.set_yticklabels([])
            for curve in curves:
                right.plot(curve.gamma, curve.stress, color=colour, linewidth=0.4, alpha=0.5)
            mean = np.mean([curve.stress for curve in curves], axis=0)
            right.plot(curves[0].gamma, mean, color=colour, label=label)
        assert image is not None
        fig.colorbar(image, ax=maps, label="$E_{xy}/(\\gamma/2)$", extend="max", pad=0.01)
        right.set_xlabel("net shear strain $\\gamma$")
        right.set_ylabel("shear stress $\\sigma_{xy}$ (GPa)")
        right.set_ylim(0)
        plots.legend_above(fig, right)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figure", type=Path)
    parser.add_argument("groups", nargs="+", metavar="LABEL=PATTERN")
    given = parser.parse_args()
    groups: dict[str, list[Path]] = {}
    if len(given.groups) > len(COLOURS):
        parser.error(f"at most {len(COLOURS)} groups can be told apart")
    for text in given.groups:
        label, separator, pattern = text.partition("=")
        if not separator or label in groups:
            parser.error(f"{text!r}: expected LABEL=PATTERN, each label once")
        # a pattern may begin at the root, which Path.glob refuses
        root = Path(pattern).anchor
        matches = sorted(Path(root).glob(str(Path(pattern).relative_to(root))))
        groups[label] = [path for path in matches if (path / "glass.h5").exists()]
        if not groups[label]:
            parser.error(f"{label}: there is no folder {pattern} with a glass.h5")
    numbers(groups)
    draw(groups, given.figure)


if __name__ == "__main__":
    main()
