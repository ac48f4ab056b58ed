"""The tables of [You2022], to stand beside ours.  Errors are fractions, moduli in TPa, lengths in Å.

E_res_test is absolute; the paper does not give its unit.

They stand beside our results only where those are of the same system: see :func:`beside`.
"""

from pathlib import Path

import numpy as np

from ...md.crystals import planar_crystal
from .input import GrapheneInput

_CARBON = (3, 1, 0, 38049, 4.3484, -0.57058, 0.72751, 1.5724e-7, 2.2119, 346.7, 1.95, 0.15, 3.4879, 1393.6)
# m, γ, λ3, c, d, cos θ0, n, β, λ2, B, R, D, λ1, A of carbon, J. Tersoff, Phys. Rev. B 39, 5566 (1989)
_LABELS = {0.0: "0K", 300.0: "300K"}

_TABLE_3_KEYS = ("M", "delta_A", "E_res_train", "E_u_train", "E_res_val", "E_u_val", "AvgE")


def _rows(*rows: tuple[float, ...]) -> list[dict[str, float]]:
    return [dict(zip(_TABLE_3_KEYS, row, strict=True)) for row in rows]


TABLE_3 = {
    "0K": _rows(
        (0, 12.5, 0.1391, 0.1754, 0.1631, 0.1449, 1.0),
        (5, 12.5, 0.1042, 0.1219, 0.1302, 0.0769, 0.6933),
        (10, 20.0, 0.0981, 0.1172, 0.1328, 0.0716, 0.6704),
        (15, 22.5, 0.0980, 0.1161, 0.1350, 0.0722, 0.6731),
        (20, 25.0, 0.0975, 0.1189, 0.1353, 0.0700, 0.6729),
    ),
    "300K": _rows(
        (0, 12.5, 0.1346, 0.3133, 0.2015, 0.1486, 1.0),
        (5, 12.5, 0.1050, 0.1380, 0.1783, 0.0966, 0.6784),
        (10, 20.0, 0.0979, 0.1332, 0.1811, 0.0908, 0.6549),
        (15, 20.0, 0.0982, 0.1316, 0.1808, 0.0888, 0.6505),
        (20, 25.0, 0.0981, 0.1336, 0.1834, 0.0923, 0.6609),
    ),
}

_TABLE_4_KEYS = (
    *("delta_A", "M", "alpha", "lambda_TPa", "mu_TPa", "E_TPa", "nu"),
    *("E_res_train", "E_u_train", "E_res_val", "E_u_val", "E_u_test", "E_res_test"),
)
_TABLE_4_ROWS = {
    "0K": (20, 10, 2.8335, -0.4796, 0.7978, 0.91, -0.4297, 0.0981, 0.1172, 0.1328, 0.0716, 0.0675, 0.203),
    "300K": (20, 15, 2.5946, -0.4583, 0.7753, 0.9, -0.4196, 0.0982, 0.1316, 0.1808, 0.0888, 0.0921, 0.208),
}
TABLE_4 = {label: dict(zip(_TABLE_4_KEYS, row, strict=True)) for label, row in _TABLE_4_ROWS.items()}

_TABLE_5_KEYS = ("snr", *_TABLE_4_KEYS[2:])
TABLE_5 = [
    dict(zip(_TABLE_5_KEYS, row, strict=True))
    for row in (
        (0.1556, 2.5946, -0.4583, 0.7753, 0.90, -0.4196, 0.0982, 0.1316, 0.1808, 0.0888, 0.0921, 0.208),
        (0.0543, 2.5197, -0.4782, 0.7798, 0.87, -0.4422, 0.1452, 0.2827, 0.1834, 0.0982, 0.0928, 0.211),
        (0.0224, 1.9365, -0.3266, 0.6890, 0.95, -0.3106, 0.2764, 0.4886, 0.2373, 0.1754, 0.0795, 0.184),
    )
]

TABLE_6 = {
    "fine": {"E_res_val": 0.1619, "E_u_val": 0.0801, "E_u_test": 0.0844, "E_res_test": 2.95},
    "coarse": {"E_res_val": 0.1324, "E_u_val": 0.0929, "E_u_test": 0.0780, "E_res_test": 0.197},
}


def label(config: GrapheneInput) -> str | None:
    """``"0K"`` or ``"300K"`` if the atoms are the paper's and so is their temperature, else None.

    Raises:
        InputError: the potential's file is nowhere to be found.
    """
    planar = config.md.planar
    # not by its name: any key of [md] may have changed what it is
    if planar.describe() != planar_crystal("graphene").describe():
        return None
    if not any(_is_tersoffs_carbon(path) for path in planar.files().values()):
        return None
    return _LABELS.get(0.0 if config.thermal is None else config.thermal.temperature_K)


def beside(config: GrapheneInput) -> dict[str, float] | None:
    """The row of Table 4 for the results of a campaign, if the paper ran its system, else None.

    The errors depend on the size of the sheet and of the disc, which set the wavelengths, on the
    averaging, and at finite temperature on the size of the loads, so these must be the paper's as well.
    """
    md, coarse = config.md, config.coarse
    mine = (
        tuple(md.cells),
        md.disc_radius_A,
        md.disc_inner_A,
        coarse.kernel,
        coarse.radius_A,
        coarse.spacing_A,
    )
    known, variant = label(config), config.learn.variant
    # reduced loads are Table 5's
    if variant and "-x1-" not in variant:
        return None
    if known is None or mine != ((39, 23), 100.0, 50.0, "cone", 10.0, 5.0):
        return None
    return TABLE_4[known]


def _is_tersoffs_carbon(path: Path) -> bool:
    """Whether a potential's file has these parameters for carbon."""
    text = path.read_text(encoding="utf-8", errors="replace")
    words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
    # three elements and fourteen parameters; LAMMPS lets them run over lines
    entries = [words[at : at + 17] for at in range(0, len(words), 17)]
    carbon = next((entry[3:] for entry in entries if entry[:3] == ["C", "C", "C"]), [])
    try:
        # some files round B to four digits
        return len(carbon) == 14 and np.allclose(np.array(carbon, dtype=float), _CARBON, rtol=2e-4, atol=0)
    except ValueError:
        return False
