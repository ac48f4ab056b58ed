"""What a model returns becomes real numbers, or is refused by name."""

import numpy as np
import pytest

from mdbridge.calibrate.response import InvalidResponse, numbers, real


def test_numbers_of_any_kind_become_real_ones():
    arrays = numbers({"whole": [1, 2], "one": np.float32(0.5), 3: np.array([True, False])})
    assert sorted(arrays) == ["3", "one", "whole"]
    assert all(values.dtype == np.float64 for values in arrays.values())
    assert arrays["whole"].tolist() == [1.0, 2.0] and arrays["3"].tolist() == [1.0, 0.0]


def test_what_is_masked_is_missing():
    """Whatever lies under the mask must not be compared."""
    values = np.ma.array([1, 999, 3], mask=[False, True, False])
    assert np.array_equal(real("y", values), [1.0, np.nan, 3.0], equal_nan=True)
    assert real("y", np.ma.array([1.0, 2.0])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, 2.0 + 0.0j]), "'y' is complex"),
        (np.ma.array([1.0 + 1.0j, 2.0], mask=[False, True]), "'y' is complex"),
        (["a", "b"], "'y' is no array of numbers"),
        ([[1.0], [1.0, 2.0]], "'y' is no array of numbers"),
        ({"a": 1.0}, "'y' is no array of numbers"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused(values, message):
    with pytest.raises(InvalidResponse, match=message):
        real("y", values)
