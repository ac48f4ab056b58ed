"""What a model returns: fields and curves by name, as real numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Response = Mapping[str, Array]
"""What a model returns: fields ``(k, n, m)`` and curves ``(n,)`` by name."""


class InvalidResponse(ValueError):
    """A model returned something that cannot be compared."""


def real(name: str, values: Any) -> Array:
    """What a model or a file gave under a name, as real numbers; masked ones become NaN, a number a point.

    Raises:
        InvalidResponse: it is no array of real numbers.
    """
    try:
        # asarray would drop the mask, and compare what was meant to be left out
        array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if np.iscomplexobj(array):
            raise InvalidResponse(
                f"{name!r} is complex: give real and imaginary parts, or modulus and phase, as two"
            )
        array = array.astype(float)
    except InvalidResponse:
        raise
    except Exception as error:  # words, ragged lists, tensors that carry gradients
        raise InvalidResponse(f"{name!r} is no array of numbers: {error}") from error
    array = np.ma.filled(array, np.nan) if isinstance(array, np.ma.MaskedArray) else array
    # a single result, such as a modulus, is a curve of one point
    return np.atleast_1d(array)


def numbers(response: Mapping[str, Any]) -> dict[str, Array]:
    """A whole response as real numbers.

    Raises:
        InvalidResponse: see :func:`real`.
    """
    return {str(name): real(str(name), values) for name, values in response.items()}
