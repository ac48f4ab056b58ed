"""The warm campaign with other seeds of the MD, the paper's way of sampling, and what is not linear.

Error bars from the loads alone say nothing of the thermal noise that all loads of one campaign
share.  Campaigns that differ in the seed of velocities and random forces do.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..peridynamics.thermal import LONG, PUBLISHED, Variant, standard
from .input import Campaigns

if TYPE_CHECKING:
    from ..peridynamics.stages import Campaign
    from .stages import Data

Array = NDArray[np.float64]
Record = dict[str, Any]

NO_TWIN = "300K-no-twin"
"""The campaign that samples as the paper did: noise of its own for each load, nothing subtracted."""
FILTERS = {"": LONG, "-published": PUBLISHED}
"""What ends a label of data, by the time filter."""
CONSTANTS = ("lambda_TPa", "mu_TPa", "E_TPa", "nu")


def repeated(names: Campaigns) -> Iterator[tuple[str, str, list[str]]]:
    """Folder, file and overrides of each campaign that repeats another, or samples as the paper did."""
    for seed in names.md_seeds:
        # reduced loads are a matter of one seed
        changes = [f"thermal.seed={seed}", "thermal.load_factors=[1.0]"]
        yield f"300K-seed-{seed}", names.warm, [*names.warm_set, *changes]
    if names.no_twin:
        yield NO_TWIN, names.no_twin, names.no_twin_set
        for seed in names.md_seeds:
            yield f"{NO_TWIN}-seed-{seed}", names.no_twin, [*names.no_twin_set, f"thermal.seed={seed}"]


def variant_of(campaign: "Campaign", filtered: str) -> str:
    """The name of a filter's data in a campaign's dataset, as ``learn.variant`` takes it."""
    top = standard(campaign.config)
    chosen = Variant(filtered, 1.0, top.noise)
    return "" if chosen == top else chosen.name


def is_repeat(label: str) -> bool:
    """Whether data of this label are of a campaign of :func:`repeated`."""
    return "-seed-" in label or label.startswith(NO_TWIN)


def results_of(record: Record, label: str) -> list[Record]:
    """What was learned from the data of a label, one result for each seed; failures are left out.

    Args:
        record: of the study.
        label: such as ``"300K-published"``, without a seed.
    """
    suffix = "-published" if label.endswith("-published") else ""
    mine = re.compile(rf"seed-{re.escape(label.removesuffix(suffix))}(-seed-\d+)?{suffix}")
    taken = [record["results"][name] for name in (f"table4-{label}",) if name in record["results"]]
    taken += [result for name, result in record["results"].items() if mine.fullmatch(name)]
    return [result for result in taken if not result["failure"]]


def mean_and_spread(results: list[Record], part: str, key: str) -> tuple[float, float | None]:
    """Mean and standard deviation over seeds; no deviation where there is one seed.

    Args:
        part: ``"errors"`` or ``"constants"`` of each result.
    """
    values = [float(result[part][key]) for result in results]
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def nonlinearity(data: "dict[str, Data]", noise: str) -> dict[str, dict[str, float]]:
    """Shares of the training answers that are not linear in the load: mean and largest over the loads.

    At rest both parts are measured load by load while sampling.  At a temperature the even part is
    that of the answers to b and −b beyond the unloaded run; the odd part comes from reduced loads:
    of u(f)/f for a factor f of the load a cubic answer a f² is left, so that
    ‖u(1) − u(f)/f‖ / (1 − f²) is a.  Both hold the noise that is left, the second that of the
    reduced load over f: they are bounds.

    Args:
        data: of the study, by label.
        noise: how the warm campaign's noise is taken away.
    """
    rows = {}
    for label in ("0K", "300K"):
        train = data[label].fields["train"]
        for part in ("even_part", "odd_part"):
            if part in train.columns:
                rows[f"{label}, {part}"] = _both(train.load[:, train.columns.index(part)])
    for label, chosen in data.items():
        factor = label.removeprefix("300K-x")
        # of one sign the reduced load has another even part, too
        if factor == label or noise != "two-sided":
            continue
        whole, reduced, f = data["300K"].fields["train"].u, chosen.fields["train"].u, float(factor)
        change = np.sqrt(((whole - reduced / f) ** 2).sum(axis=(1, 2)) / (whole**2).sum(axis=(1, 2)))
        rows[f"300K, odd_part from x{factor}"] = _both(change / (1 - f**2))
    return rows


def _both(shares: Array) -> dict[str, float]:
    return {"mean": float(np.mean(shares)), "largest": float(np.max(shares))}
