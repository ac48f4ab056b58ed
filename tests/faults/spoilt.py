"""Files as strangers have them: valid ones with some of their words, lines, arrays or bytes changed."""

import io

import numpy as np
from hypothesis import strategies as some

WORDS = [
    "", "0", "-1", "1e308", "-1e400", "1e-320", "nan", "inf", "9" * 40, "9" * 5000, "1,5", "0x10", "1_0", "x",
    "ITEM:", "{", "}", "{slope", "#", '"', "'", ";", "\t", "\0", "\ufeff", "²", "1d3", "true", "[", "--",
]  # fmt: skip
"""What may stand where a number or a name is meant."""


@some.composite
def texts(draw, valid):
    """A text with some of its words changed, lines lost, doubled or exchanged, or its end cut off."""
    lines = [line.split(" ") for line in draw(some.sampled_from(valid)).splitlines()]
    for _ in range(draw(some.integers(1, 3))):
        if not lines:
            break
        row = draw(some.integers(0, len(lines) - 1))
        match draw(
            some.sampled_from(["word", "word", "word", "add", "lose", "line", "twice", "swap", "cut"])
        ):
            case "word":
                lines[row][draw(some.integers(0, len(lines[row]) - 1))] = draw(some.sampled_from(WORDS))
            case "add":
                lines[row].append(draw(some.sampled_from(WORDS)))
            case "lose" if len(lines[row]) > 1:
                del lines[row][draw(some.integers(0, len(lines[row]) - 1))]
            case "line":
                del lines[row]
            case "twice":
                lines.insert(row, list(lines[row]))
            case "swap":
                other = draw(some.integers(0, len(lines) - 1))
                lines[row], lines[other] = lines[other], lines[row]
            case "cut":
                del lines[row + 1 :]
    text = "\n".join(" ".join(line) for line in lines)
    return text[: draw(some.integers(0, len(text)))] if draw(some.booleans()) and len(text) < 400 else text


@some.composite
def contents(draw, valid):
    """The bytes of a file, some of them changed, or its end cut off."""
    data = bytearray(valid)
    for _ in range(draw(some.integers(1, 4))):
        place = draw(some.integers(0, max(0, len(data) - 1)))
        match draw(some.sampled_from(["bit", "zeros", "cut", "random"])):
            case "bit" if data:
                data[place] ^= 1 << draw(some.integers(0, 7))
            case "zeros":
                data[place : place + 64] = bytes(len(data[place : place + 64]))
            case "cut":
                del data[place:]
            case "random":
                data[place : place + 4] = draw(some.binary(min_size=4, max_size=4))
    return bytes(data)


@some.composite
def values(draw, array):
    """An array in place of ``array``: of another shape, type or size, or with numbers that are none."""
    array = np.array(array)
    match draw(some.sampled_from(["value", "value", "shape", "type", "axis", "constant", "empty", "scale"])):
        case "value":
            flat = array.reshape(-1)
            place = draw(some.integers(0, flat.size - 1))
            number = draw(some.sampled_from([np.nan, np.inf, 1e300, -1e300, 1e20, 0.0, 5e-324]))
            # an array that has become one of half precision by then holds an infinity in its place
            with np.errstate(over="ignore"):
                flat[place] = number
        case "shape":
            array = array[: draw(some.integers(0, len(array)))]
        case "type":
            kind = draw(some.sampled_from(["f4", "i2", "u1", "?", "c16", "f2", "S8", "U4", ">f8"]))
            with np.errstate(all="ignore"):
                array = array.astype(kind)
        case "axis":
            array = draw(some.sampled_from([array.T, array[None], array[..., None], array.reshape(-1)]))
        case "constant":
            with np.errstate(over="ignore"):  # of half precision
                array = np.full_like(array, draw(some.sampled_from([0.0, 1.0, 1e200])))
        case "empty":
            array = array[:0]
        case "scale":
            with np.errstate(all="ignore"):
                array = array * draw(some.sampled_from([1e-200, -1.0, 1e150, 1e-9]))
    return array


@some.composite
def datasets(draw, arrays):
    """Arrays by name, some of them changed, gone, or under another name."""
    given = dict(arrays)
    for _ in range(draw(some.integers(1, 3))):
        name = draw(some.sampled_from(sorted(given)))
        match draw(some.sampled_from(["value", "value", "value", "lose", "name"])):
            case "value" if isinstance(given[name], np.ndarray) and given[name].dtype.kind == "f":
                if given[name].size:
                    given[name] = draw(values(given[name]))
            case "lose" if len(given) > 1:
                del given[name]
            case "name":
                given[draw(some.sampled_from(["displacement", "x", "val_u", "box", "a/b", "é"]))] = given[
                    name
                ]
    return given


def packed(arrays):
    """The bytes of a .npz."""
    stream = io.BytesIO()
    np.savez(stream, **{name: values for name, values in arrays.items() if name != "file"})
    return stream.getvalue()
