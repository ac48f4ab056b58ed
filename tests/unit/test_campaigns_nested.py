"""Tables of tables of a summary, as rows."""

import pytest

from mdbridge.campaigns import nested

PAIR = {"r": 0.45678, "error": 0.0321, "p": 0.01234, "n": 8}


def only(summary):
    """The table of a summary that has a single section."""
    (table,) = nested.tables(summary)
    return table


def test_predictors_have_a_row_for_each_field_and_strain_with_p_beside_r():
    at = {
        "correlation": PAIR,
        "band_rank": {"mean": 0.123456, "p": 2e-5},
        "log_likelihood_gain": -0.0123456,
        "log_likelihood_gain_error": 0.0045,
    }
    table = only({"predictors": {"energy_mean_composition": {"0.1": at, "0.2": at}, "density": {"0.1": at}}})
    assert table.columns == [
        "field", "γ", "correlation with the strain ± standard error", "p", "rank of the band", "p",
        "gain of log-likelihood a cell ± standard error",
    ]  # fmt: skip
    numbers = ["0.457 ± 0.032", "0.012", "0.1235", "2e−05", "−0.0123 ± 0.0045"]
    assert table.rows == [
        ["energy at mean composition", "0.1", *numbers],
        ["energy at mean composition", "0.2", *numbers],
        ["density", "0.1", *numbers],
    ]


def test_of_a_single_sample_there_are_no_errors_and_no_gains():
    pair = {"r": 0.45678, "error": None, "p": 0.5, "n": 1}
    none = {"log_likelihood_gain": None, "log_likelihood_gain_error": None}
    at = {"correlation": pair, "band_rank": {"mean": 0.25, "p": 0.25}} | none
    table = only({"predictors": {"energy": {"0.1": at, "0.2": at | {"correlation": None}}}})
    assert table.columns[2:] == ["correlation with the strain", "p", "rank of the band", "p"]
    assert table.rows == [
        ["energy", "0.1", "0.4568", "0.5", "0.25", "0.25"],
        ["energy", "0.2", "", "", "0.25", "0.25"],
    ]


def test_correlations_of_strain_fields_stand_in_a_single_table():
    less = {"mean": 0.123456, "error": 0.021, "n": 8}
    table = only(
        {
            "strain_field_correlation": {"0.1": PAIR},
            "strain_field_correlation_of_rest": {"0.1": PAIR | {"error": 0.0}},
            "strain_field_correlation_less_that_of_rest": {"0.1": less},
            "strain_field_correlation_left_out": {"0.1": PAIR},
        }
    )
    assert table.columns == ["", "γ", "correlation ± standard error", "p", "samples"]
    assert table.rows == [
        ["calibrated model", "0.1", "0.457 ± 0.032", "0.012", "8"],
        ["field at rest, averaged along x", "0.1", "0.4568", "0.012", "8"],
        ["model less field at rest", "0.1", "0.123 ± 0.021", "", "8"],
        ["model with the other samples' parameters", "0.1", "0.457 ± 0.032", "0.012", "8"],
    ]
    single = only(
        {
            "strain_field_correlation": {"0.1": 0.45678, "0.2": None},
            "strain_field_correlation_p": {"0.1": 0.012, "0.2": None},
        }
    )
    assert single.columns == ["", "γ", "correlation", "p"]
    assert single.rows == [
        ["calibrated model", "0.1", "0.4568", "0.012"],
        ["calibrated model", "0.2", "", ""],
    ]


def test_differences_stand_beside_those_of_what_one_would_take_instead():
    off = {"mean": 0.5, "error": 0.02, "n": 3}
    table = only({"strain_difference": {"0.1": {"model": off, "uniform_shear": off}, "0.4": {"rest": off}}})
    assert table.columns == ["", "γ", "mean ± standard error", "samples"]
    assert [row[:3] for row in table.rows] == [
        ["calibrated model", "0.1", "0.500 ± 0.020"],
        ["uniform shear", "0.1", "0.500 ± 0.020"],
        ["field at rest, averaged along x", "0.4", "0.500 ± 0.020"],
    ]


def test_means_are_called_by_words_with_their_units():
    average = {"mean": 1.2345, "error": 0.056, "n": 3}
    table = only({"means": {"peak_stress": average, "mu_GPa": average}, "stress_unit": "GPa"})
    assert table.columns == ["", "mean ± standard error", "samples"]
    assert table.rows == [["peak stress (GPa)", "1.234 ± 0.056", "3"], ["μ (GPa)", "1.234 ± 0.056", "3"]]
    # of a single sample that is left
    table = only({"means": {"overshoot": {"mean": 0.25, "error": None, "n": 1}}})
    assert table.columns == ["", "mean", "samples"] and table.rows == [["overshoot", "0.25", "1"]]


def test_fields_have_a_row_for_each_component():
    told = {
        "stress": {
            "units": "GPa",
            "empty_nodes_last": 0.0,
            "last": {
                "xx": {"min": -1.23456, "mean": 0.0, "max": 2.5},
                "xy": {"min": 0.0, "mean": 1.0, "max": 2.0},
            },
        },
        "number_density": {
            "units": "angstrom^-3",
            "last": {"number_density": {"min": 1.0, "mean": 2.0, "max": 3.0}},
        },
        "strain": {"units": "1", "empty_nodes_last": 1.0, "last": {}},
    }  # fmt: skip
    table = only({"fields": told})
    assert table.columns == ["", "component", "least", "mean", "largest", "part of the nodes without atoms"]
    assert table.rows == [
        ["stress (GPa)", "xx", "−1.235", "0", "2.5", "0"],
        ["stress (GPa)", "xy", "0", "1", "2", "0"],
        ["number density (Å^-3)", "", "1", "2", "3", ""],
        ["strain", "", "", "", "", "1"],
    ]


def test_seeds_have_a_row_for_each_parameter():
    spread = {"least": 1.0, "mean": 1.5, "largest": 2.0}
    known = {"interval": [0.5, 2.5], "truth": 1.6, "largest_error": 0.6}
    distance = {"least": 0.25, "mean": 0.5, "largest": 0.75}
    told = {"distance": distance, "parameters": {"error": spread | known}, "runs": []}
    table = only({"schemes": {"ego": told}})
    assert table.columns == [
        "scheme", "", "least", "mean", "largest", "95 % interval of a further seed", "truth",
        "off the truth at most",
    ]  # fmt: skip
    assert table.rows == [
        ["ego", "distance", "0.25", "0.5", "0.75", "", "", ""],
        ["ego", "error", "1", "1.5", "2", "0.5 … 2.5", "1.6", "0.6"],
    ]


@pytest.mark.parametrize("value", [None, 3, [], {}, {"a": 1}, {"a": {"b": 2}}, "text"])
def test_what_has_another_form_is_no_reason_to_fail(value):
    for key in ("means", "predictors", "strain_difference", "fields", "schemes"):
        list(nested.tables({key: value}))
