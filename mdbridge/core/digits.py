"""Numbers for people: a value with as many digits as its error allows."""

import math


def with_error(value: float, error: float) -> str:
    """``value ± error``: the error with two digits, the value down to the same place."""
    shown, bar = alike(value, error)
    return f"{shown} ± {bar}"


def alike(value: float, error: float) -> tuple[str, str]:
    """A value and its error, the error with two digits and both down to the same place."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.6g}", f"{error:.2g}"
    places = 1 - math.floor(math.log10(error))
    # far from 1 powers of ten are read more easily than zeros
    largest = max(abs(value), error)
    if not 1e-4 <= largest < 1e7 or places > 9:
        digits = max(0, math.floor(math.log10(largest)) + places)
        return f"{value:.{digits}e}", f"{error:.1e}"
    rounded = round(value, places), round(error, places)
    shown, bar = (f"{number:.{max(0, places)}f}" for number in rounded)
    return shown, bar
