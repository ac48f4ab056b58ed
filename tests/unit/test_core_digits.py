"""Values with their errors, as people read them."""

import pytest

from mdbridge.core.digits import alike, with_error


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (3281.358, 17.6, "3281 ± 18"),
        (1487.95, 38.7, "1488 ± 39"),
        (0.385920, 0.005949, "0.3859 ± 0.0059"),
        (70.0, 2.6e-5, "70.000000 ± 0.000026"),
        (-0.1581, 0.0021, "-0.1581 ± 0.0021"),
        (123456.0, 4321.0, "123500 ± 4300"),
        (0.0, 0.5, "0.00 ± 0.50"),
        (3.2e-9, 1.7e-11, "3.200e-09 ± 1.7e-11"),
        (5.0, 300.0, "0 ± 300"),
        (2.5e9, 1.0e7, "2.500e+09 ± 1.0e+07"),
    ],
)
def test_both_end_at_the_same_place(value, error, expected):
    assert with_error(value, error) == expected


def test_without_an_error_there_are_six_digits():
    assert alike(1.23456789, 0.0) == ("1.23457", "0")
    assert alike(1.0, float("nan")) == ("1", "nan")
