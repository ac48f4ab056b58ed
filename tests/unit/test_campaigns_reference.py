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


def test_a_row_has_value_default_and_meaning(page):
    rows = [line for line in page.splitlines() if line.startswith("| `rate_per_s` |")]
    assert rows == ["| `rate_per_s` | number > 0 | `100000000.0` | Shear rate (1/s). |"]


def test_nothing_ends_a_cell_before_its_end(page):
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
