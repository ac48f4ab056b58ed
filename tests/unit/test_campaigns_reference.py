"""The page of all keys."""

import pytest

from mdbridge.campaigns import MODULES, reference
from mdbridge.campaigns.peridynamics.problem_input import Problem
from mdbridge.campaigns.starters import model_of
from mdbridge.core.keys import tables


@pytest.fixture(scope="module")
def page():
    return reference.page()


def test_the_page_has_every_section_of_every_input(page):
    heads = [line for line in page.splitlines() if line.startswith("## ")]
    assert sorted(heads[:-1]) == sorted(f'## campaign = "{campaign}"' for campaign in MODULES)
    for model in [*map(model_of, MODULES), Problem]:
        for table in tables(model):
            if table.name and [key for key in table.keys if key.name != "campaign"]:
                assert f"### `{table.header}`" in page


def test_a_row_has_value_unit_default_and_meaning(page):
    rows = [line for line in page.splitlines() if line.startswith("| `rate_per_s` |")]
    assert rows == ["| `rate_per_s` | number > 0 | 1/s | `100000000.0` | Shear rate. |"]


def test_a_number_without_a_unit_is_one_of_those_that_have_no_dimension():
    """A new key whose name has no unit states one, or is added here."""
    keys = [
        key for model in [*map(model_of, MODULES), Problem] for table in tables(model) for key in table.keys
    ]
    assert {key.name for key in keys if key.unit == "1"} == {
        "amplitude", "anneal_strain", "c0", "centre", "chi", "chi_inf", "consistency_weight", "cutoff",
        "deviations", "eps0", "filter", "filter_weight", "height", "imbalance", "load_factors",
        "long_wave_weight", "max_bond_strain", "max_nonlinearity", "max_strain", "modulus_strain",
        "perturbations", "published_filter", "relative_tolerance", "s_y_of_flow", "solution_weight",
        "strain_weight", "strains", "stress_weight", "time_filter", "tolerance", "weight",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "unit"),
    [
        ("`region`", "length of the script"),
        ("`quench_rate_K_per_s`", "K/s"),
        ("`force_tolerance`", "eV/Å"),
        ("`thickness`", "length_unit"),
        ("`steps` | whole number > 0", ""),
        ("`sigma`", "of what is compared"),
    ],
)
def test_a_row_has_the_unit(page, row, unit):
    rows = [line for line in page.splitlines() if line.startswith(f"| {row}")]
    assert rows and all(line.split(" | ")[2] == unit for line in rows)


def test_nothing_ends_a_cell_before_its_end(page):
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}
