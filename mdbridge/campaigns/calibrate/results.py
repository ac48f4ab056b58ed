"""best.h5 of ``mdbridge calibrate``: the reference and the calibrated response side by side."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import store
from ...core.errors import InputError

Array = NDArray[np.float64]

BEST = store.Format("mdbridge-best", 2, "mdbridge calibrate")
UNSAID = "as the model's"
"""Units of what a model gives no units for."""

_STRAIN = "net strain"
_ABSCISSA = "abscissa"


@dataclass(frozen=True)
class Pair:
    """A field or a curve of both.

    Attributes:
        reference, calibrated: arrays of one shape.
        label: what figures call it, with its unit.
        along: coordinates of the first axis, net strains where ``strained``.
        over: what figures call these, with its unit; empty where they are numbers of points.
    """

    reference: Array
    calibrated: Array
    label: str
    along: Array
    strained: bool
    over: str = ""


def write(
    path: Path,
    responses: Mapping[str, Mapping[str, ArrayLike]],
    parameters: Mapping[str, float],
    distance: float,
    options: Mapping[str, Any],
    labels: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    key: str = "",
    abscissae: Mapping[str, tuple[str, Array]] | None = None,
) -> str:
    """Write a calibration's best result; returns the SHA-256 of the file.

    Args:
        responses: ``reference`` and ``calibrated``, each name -> array.
        options: of the model: ``strains`` are those of the snapshots of fields, curves end at ``max_strain``.
        labels, units: by the name of the array.
        key: hash of the input.
        abscissae: of curves, by their names: what each is over, and where, ``(n,)``.

    Raises:
        InputError: an array of the model's cannot be stored.
        FileError: the file cannot be written.
    """
    with store.writing(path, BEST, key) as file:
        file.attributes(**{f"parameter_{name}": value for name, value in parameters.items()})
        file.attributes(distance=distance)
        for source, response in responses.items():
            group = file.group(source)
            for name, values in response.items():
                label = labels.get(name, name.replace("_", " "))
                try:
                    array = np.asarray(values, dtype=np.float64)
                    over = (abscissae or {}).get(name)
                    if over is not None and over[1].shape == array.shape:
                        unit = (units or {}).get(over[0]) or UNSAID
                        dims = [f"{name}_{_ABSCISSA}"]
                        group.dimension(
                            dims[0], over[1], unit, labels.get(over[0], over[0].replace("_", " "))
                        )
                    else:
                        dims = _put_dimensions(group, name, array.shape, options, response)
                    group.put(name, array, dims, (units or {}).get(name) or UNSAID, label)
                except (TypeError, ValueError) as error:
                    raise InputError(f"{source}: {name!r} cannot be stored: {error}") from error
    return file.sha256


def _put_dimensions(
    group: store.Group, name: str, shape: Sequence[int], options: Mapping[str, Any], taken: Container[str]
) -> list[str]:
    """Name the axes of an array, for it alone: the first is the strain where the options say it."""

    def free(dim: str) -> str:
        # a model may call a field of its own so
        return dim if dim not in taken else free(f"{dim}_")

    strains, end = options.get("strains"), options.get("max_strain")
    dims = []
    for axis, length in enumerate(shape):
        dims.append(free(f"{name}_{axis}"))
        # only where the number fits: options of this name may mean something else to another model
        if axis == 0 and len(shape) == 3 and strains is not None and len(strains) == length:
            dims[0] = free(f"{name}_strain")
            group.dimension(dims[0], np.asarray(strains, dtype=np.float64), "1", _STRAIN)
        elif axis == 0 and len(shape) == 1 and end is not None:
            dims[0] = free(f"{name}_strain")
            group.dimension(dims[0], end * np.arange(1, length + 1) / length, "1", _STRAIN)
        else:
            group.numbered(dims[axis], length, f"index along axis {axis} of '{name}'")
    return dims


def read(path: Path) -> dict[str, Pair]:
    """Every field and curve that the reference and the model have in one shape.

    Raises:
        FileError: the file is not there, not of this kind, or damaged.
    """
    pairs = {}
    with store.reading(path, BEST) as file:
        reference, calibrated = file.group("reference"), file.group("calibrated")
        for name in calibrated.variables():
            if name not in reference:
                continue
            both = reference.get(name), calibrated.get(name)
            # nothing to draw side by side
            if both[0].shape != both[1].shape or not both[0].ndim:
                continue
            first = calibrated.dimensions(name)[0]
            strained = calibrated.describe(first)["long_name"] == _STRAIN
            label = _labelled(calibrated, name)
            over = _labelled(calibrated, first) if first == f"{name}_{_ABSCISSA}" else ""
            pairs[name] = Pair(*both, label, calibrated.get(first), strained, over)
    return pairs


def _labelled(group: store.Reader, name: str) -> str:
    """What figures call an array, with its unit."""
    label, unit = str(group.describe(name)["long_name"]), group.units(name)
    # no unit is better than one that nobody gave
    return label if unit in ("", "1", UNSAID) else f"{label} ({unit})"
