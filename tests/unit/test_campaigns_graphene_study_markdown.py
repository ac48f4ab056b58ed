"""Pieces of Markdown: tables, shares, figures, failures."""

import pytest

from mdbridge.campaigns.graphene_study import markdown


def test_a_table_has_a_line_of_dashes_under_its_heads():
    assert markdown.table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_a_share_is_in_percent_beside_the_paper_s_and_what_is_not_there_a_dash():
    assert markdown.percent(0.01234) == "1.23 %"
    assert markdown.percent(0.5, 0.25) == "50.00 % (25.00)"
    assert markdown.percent(None) == "–"


def test_a_figure_that_nobody_draws_has_no_link():
    assert markdown.figure("study_sweeps.png", "x") == "![x](figures/study_sweeps.png)\n\n*x*\n"
    with pytest.raises(AssertionError):
        markdown.figure("nobody.png", "x")


def test_a_failure_says_why():
    assert markdown.failure({"failure": "no luck"}) == "failed: no luck"
    assert markdown.failure({"failure": ""}) == ""
