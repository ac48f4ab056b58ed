"""Draw what the energies published with [Kontolati2021] say, what their MD does, and what a model does.

    python scripts/figure_bands.py FOLDER FIGURE.png [NAME=VALUE …]

FOLDER holds the published pe.MD.0, pe.MD.100 and Exy.MD.100 (docs/calibration.md, Use); NAME=VALUE are c0,
s_y (GPa), beta (1/eV) and E0 (eV) of the model, those of docs/calibration.md, seed 1, where not given.
Printed is what the energies say of the place of the band.
"""

import argparse
from pathlib import Path

import numpy as np

from mdbridge import stz
from mdbridge.campaigns.glass.analysis import at_centres
from mdbridge.campaigns.glass.chain_figures import MODEL, bands
from mdbridge.campaigns.glass.predictors import band_rank
from mdbridge.fields import shifts
from mdbridge.stz.energies import read_energy

CALIBRATED = {"c0": 0.0830, "s_y": 0.8698, "beta": 3.810, "E0": -3.3761}
STRAIN = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    given = parser.parse_args()
    changed = {name: float(value) for name, value in (text.split("=") for text in given.parameters)}
    first, last = (str(given.folder / name) for name in ("pe.MD.0", "pe.MD.100"))
    values = CALIBRATED | changed
    model = stz.forward(
        c0=values["c0"],
        s_y=values["s_y"],
        beta=values["beta"],
        E0=values["E0"],
        energy_file=first,
        final_energy_file=last,
        strains=[STRAIN],
    )
    md = stz.published(str(given.folder), strains=[STRAIN])
    strains = {"MD": md["Exy"][0], MODEL: model["Exy"][0]}
    energy, box = read_energy(Path(first)), np.array([400.0, 400.0])
    sheared = at_centres(strains["MD"])
    told, rank = shifts.correlation(energy, sheared), band_rank([energy], [sheared])
    if told is not None:
        print(f"energy at rest and strain of the MD: r = {told.r:.2f}, p = {told.p:.2g}")
    print(f"rows that stand as high as that of the band: {rank['mean']:.2g}, p = {rank['p']:.2g}")
    bands(given.figure, box, energy, strains, STRAIN)


if __name__ == "__main__":
    main()
