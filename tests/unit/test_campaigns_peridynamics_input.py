"""The input of a graphene campaign: at the limits, and what must not go together."""

from math import sqrt
from pathlib import Path

import pytest

from mdbridge.campaigns.peridynamics.input import GrapheneInput
from mdbridge.core.config import check, load
from mdbridge.core.errors import InputError

INPUTS = Path(__file__).parents[2] / "inputs"
COLD = {"dynamics": {"enabled": False}}


def made(**sections):
    return check({"campaign": "graphene"} | sections, GrapheneInput, "a.toml")


@pytest.mark.parametrize("name", ["graphene_0K", "graphene_300K"])
def test_the_inputs_that_ship_are_valid(name):
    config = load(INPUTS / f"{name}.toml", GrapheneInput)
    assert (config.thermal is not None) == (name == "graphene_300K")


def test_the_sheet_has_more_nodes_than_twice_the_waves():
    """11 × 5 Å across 21 rectangular cells √3 × 1.46 Å wide, 10 across 20."""
    assert 20 * sqrt(3) * 1.46 < 10.5 * 5 < 21 * sqrt(3) * 1.46
    made(md={"cells": [21, 12]})
    with pytest.raises(InputError, match=r"makes 10 × 11 nodes.*need more than 10; raise md\.cells"):
        made(md={"cells": [20, 12]})
    made(md={"cells": [20, 12]}, coarse={"spacing_A": 4.0})


def test_the_collar_holds_two_horizons():
    """Averaged atoms reach radius_A beyond the disc: (100 + 10 − 50)/2 = 30 Å."""
    made(learn={"horizons_A": [30.0]})
    with pytest.raises(InputError, match=r"horizons_A has 30\.1, .* only up to 30;"):
        made(learn={"horizons_A": [12.5, 30.1]})
    made(learn={"horizons_A": [30.1]}, coarse={"radius_A": 11.0})


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"md": {"disc_inner_A": 100.0}}, r"md\.disc_inner_A = 100 must be below md\.disc_radius_A = 100"),
        (
            {"coarse": {"kernel": "cone", "deviations": 5.0}},
            r"deviations = 5 is of the Gaussian alone; coarse\.kernel = 'cone' has none",
        ),
        (
            {"coarse": {"radius_A": 4.9, "spacing_A": 5.0}},
            r"radius_A = 4\.9 must be at least .*spacing_A = 5",
        ),
        ({"md": {"max_bond_strain": 0.02}}, r"'md\.max_bond_strain' = 0\.02: must be less than 0\.02"),
        ({"thermal": {}}, r"dynamics\.enabled = true with a section \[thermal\]"),
        (COLD | {"thermal": {}, "parallel": {"ranks_per_sample": 2}}, r"ranks_per_sample = 2 .* must be 1"),
        (COLD | {"thermal": {"load_factors": [0.5]}}, r"load_factors = \[0\.5\]: must begin with 1\.0"),
        (COLD | {"thermal": {"load_factors": [1.0, 0.5, 0.5]}}, r"each given once"),
        (COLD | {"thermal": {"filter": 1.5}}, r"'thermal\.filter' = 1\.5: must be less than or equal to 1"),
        ({"learn": {"own_dilatation": True, "strict_inf_sup": True}}, r"own_dilatation = true: goes with"),
        ({"learn": {"own_dilatation": True, "method": "algorithm-1"}}, r"own_dilatation = true: goes with"),
        (
            {"learn": {"kernel": "wavelets"}},
            r"'learn\.kernel' = 'wavelets': .*must be one of 'bernstein', 'b-spline'",
        ),
        (
            {"learn": {"quadrature": "simpson"}},
            r"'learn\.quadrature' = 'simpson': .*'published', 'near-cell'",
        ),
        ({"learn": {"degrees": [61]}}, r"'learn\.degrees\.0' = 61"),
        ({"sweep": {"horizons_A": []}}, r"'sweep\.horizons_A' = \[\]"),
        ({"solve": {"relative_tolerance": 0.01}}, r"'solve\.relative_tolerance' = 0\.01"),
    ],
)
def test_what_does_not_go_together_is_refused(sections, words):
    with pytest.raises(InputError, match=words):
        made(**sections)


@pytest.mark.parametrize(
    "sections",
    [
        COLD | {"thermal": {"load_factors": [1.0, 0.1, 0.25], "filter": 1.0}},
        {"coarse": {"radius_A": 5.0, "spacing_A": 5.0}, "learn": {"horizons_A": [27.5]}},
        {"learn": {"own_dilatation": True}},
        {"learn": {"method": "algorithm-1", "strict_inf_sup": True}},
        {"parallel": {"ranks_per_sample": 2}},
    ],
)
def test_what_goes_together_is_taken(sections):
    made(**sections)
