"""What commands leave behind, in few numbers: of every file, table and figure, to compare with what was kept.

A number that is kept says nothing of whether it was right; that is for the tests that know a closed form
or LAMMPS's own value.  It says that nothing has changed it since, on its whole way to a report.
"""

import base64
import contextlib
import functools
import html
import io
import itertools
import json
import math
import re
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mdbridge import cli

NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.\d+|\d+|\.\d+)(?:e[-+−]?\d+)?", re.I)
KEY = re.compile(r"(?<=[-/])[0-9a-f]{12}\b|(?<![\w.])[0-9a-f]{16,}\b")
"""What a piece of work was made from, in the name of its file, and other digests."""
OF_THE_DAY = re.compile(
    r"\bseconds|wall|versions?\b|checksum|digest|\bkeys?\b|made_|created|\bsource|\bdate|\bsha\d|python"
    r"|machine|mdbridge|model_s|^residual$|^trace$|^iterations$|\(s\)|\bcheck\b|line \(",
    re.I,
)
"""Names of what differs from run to run, or from one set of libraries to the next."""
LATER = ("__pycache__", "records", ".lock", "mdbridge.log", "mdbridge.json", "lammps.log", "input.toml")
TIMES = re.compile(
    r"\b\d+(\.\d+)? (s|min|h|MB|GB)\b|\b\d\d:\d\d(:\d\d)?\b|\d{4}-\d\d-\d\d|, about [^,]* left"
)
PROGRESS = re.compile(r"^[^\n]*: +\d+ %(, about [^\n]* left)?  [^\n]*\n", re.M)
"""Lines of progress: how many there are depends on how long things take."""
MEMORY = re.compile(r"memory: about .*|an evaluation takes [^;]*")
"""What differs from run to run even by a clock that does not."""

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""The smallest picture."""

Kept = dict[str, Any]


def run(folder: Path, *commands: str, watch: Callable[[], float] | None = None) -> str:
    """Run commands in a folder, each to its end; what they printed. ``watch`` in place of the machine's."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, figures_told(folder / "drawn"):
        patch.chdir(folder)
        if watch is not None:
            patch.setattr(time, "perf_counter", watch)
        for command in commands:
            patch.setattr(sys, "argv", ["mdbridge", *command.split()])
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                pytest.raises(SystemExit) as end,
            ):
                cli.main()
            assert not end.value.code, (command, printed.getvalue())
    # when progress is told depends on the time
    return re.sub(r"^\w+: \d+ %.*\n", "", printed.getvalue(), flags=re.M)


def watch() -> Callable[[], float]:
    """What a clock says that moves by itself: by 0.5 s, then 1.5 s, …, each time that it is looked at."""
    looks = itertools.count()
    return lambda: sum(0.5 + k for k in range(next(looks)))


def digest(folder: Path) -> Kept:
    """All that is in a folder, by file and place in it."""
    kept: Kept = {}
    for path in sorted(folder.rglob("*")):
        name = KEY.sub("KEY", str(path.relative_to(folder)))
        if path.is_file() and not any(part in name for part in LATER):
            kept[name] = _contents(path)
    return kept


def _contents(path: Path) -> Any:
    match path.suffix:
        case ".json":
            return _plain(json.loads(path.read_text()))
        case ".jsonl":
            return [_plain(json.loads(line)) for line in path.read_text().splitlines()]
        case ".h5":
            with h5py.File(path) as file:
                return _stored(file)
        case ".vtu" | ".vts":
            return [_piece(array) for array in xml.parse(path).iter("DataArray")]
        case ".html":
            return words(visible(path.read_text()))
        case ".gif":
            with Image.open(path) as animation:
                return [animation.n_frames, *animation.size]
        case ".txt" | ".md" | ".csv" | ".pvd" | ".jl":
            return words(path.read_text())
    return "there"  # pieces, of which other files are made, and what is drawn


def _plain(value: Any) -> Any:
    """Without what differs from run to run; long lists of numbers in few."""
    if isinstance(value, dict):
        return {KEY.sub("KEY", k): _plain(v) for k, v in value.items() if not OF_THE_DAY.search(k)}
    if isinstance(value, list):
        numbers = np.array(value, dtype=object).ravel()
        if len(numbers) > 6 and all(isinstance(number, int | float) for number in numbers):
            return told(np.array(value, dtype=float))
        return [_plain(item) for item in value]
    return words(value) if isinstance(value, str) else value


def _stored(file: h5py.File) -> Kept:
    kept: Kept = {}

    def visit(name: str, item: Any) -> None:
        kept[name] = {
            attribute: told(value)
            for attribute, value in item.attrs.items()
            if attribute not in ("REFERENCE_LIST", "DIMENSION_LIST") and not OF_THE_DAY.search(attribute)
        }
        if isinstance(item, h5py.Dataset):
            kept[name]["values"] = told(item[()])

    visit("/", file)
    file.visititems(visit)
    return kept


def _piece(array: xml.Element) -> Any:
    """A binary array of VTK's XML: eight bytes of its length first."""
    kinds = {"Float64": "f8", "Float32": "f4", "Int64": "i8", "Int32": "i4", "UInt8": "u1"}
    values = np.frombuffer(base64.b64decode((array.text or "").strip())[8:], kinds[array.attrib["type"]])
    return [array.attrib.get("Name", ""), told(values)]


def told(values: Any) -> Any:
    """An array in few numbers, of which the last knows where each of its values stands."""
    array = np.asarray(values)
    if array.dtype.kind in "OSUV":
        texts = [item.decode() if isinstance(item, bytes) else str(item) for item in array.ravel()]
        # such as an input that a file was made from
        return [words(text) for text in texts if not OF_THE_DAY.search(text)]
    if array.size == 1:
        return float(np.real(array.item()))
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag])
    flat = array.astype(float).ravel()
    good = np.isfinite(flat)
    places = np.cos(0.7 * np.arange(flat.size) + 0.3)
    flat = np.where(good, flat, 0.0)
    scale = float(np.sqrt((flat**2).mean())) if flat.size else 0.0
    return {
        "shape": list(array.shape),
        "finite": int(good.sum()),
        "size": scale,
        # over the size: of a sum that cancels the rest would be round-off
        "sums": [float(flat.sum() / scale), float((flat * places).sum() / scale)] if scale else [0.0, 0.0],
    }


def words(text: str, times: re.Pattern[str] = TIMES) -> list[Any]:
    """Text with its numbers as numbers, and no times."""
    text = times.sub("TIME", KEY.sub("KEY", PROGRESS.sub("", text)))
    parts: list[Any] = []
    end = 0
    for number in NUMBER.finditer(text):
        parts += [text[end : number.start()], float(number.group().replace("−", "-"))]
        end = number.end()
    return [part for part in [*parts, text[end:]] if part != ""]


def visible(page: str) -> str:
    """What a browser shows of a page, but for the lines that tell versions."""
    body = re.sub(r"<(style|script|svg)\b.*?</\1>", "", page, flags=re.S)
    # packages have other versions elsewhere
    body = re.sub(r'(<section id="made">).*?</table>', r"\1", body, flags=re.S)
    rows = re.sub(r"</(tr|p|h\d|div|li|figcaption)>", "\n", re.sub(r"\s+", " ", body))
    lines = html.unescape(re.sub(r"<[^>]*>", " ", rows)).splitlines()
    return "\n".join(line for line in lines if not OF_THE_DAY.search(line))


@contextlib.contextmanager
def figures_told(folder: Path) -> Iterator[None]:
    """What is in each figure that is saved meanwhile: words, lines, pictures."""
    save = Figure.savefig

    @functools.wraps(save)
    def tell(self: Figure, target: Any, **options: Any) -> None:
        if isinstance(target, Path) and options.get("format") != "svg":
            folder.mkdir(exist_ok=True)
            name = target.name.lstrip(".").split(".")[0]
            (folder / f"{name}.json").write_text(json.dumps([_axes(axes) for axes in self.axes]))
        if isinstance(target, Path):  # nobody looks at it
            target.write_bytes(
                DOT if target.suffix != ".svg" else b"<svg xmlns='http://www.w3.org/2000/svg'/>"
            )
        else:
            save(self, target, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", tell)
        yield


def _axes(axes: Any) -> Kept:
    texts = [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    texts += [text.get_text() for text in axes.texts]
    legend = axes.get_legend()
    if legend is not None:
        texts += [text.get_text() for text in legend.get_texts()]
    coloured = [artist for artist in [*axes.images, *axes.collections] if artist.get_array() is not None]
    arrays = [line.get_xydata() for line in axes.lines]
    arrays += [collection.get_offsets() for collection in axes.collections]
    arrays += [artist.get_array() for artist in coloured]
    return {
        "words": words("\n".join(texts)),
        "scales": [axes.get_xscale(), axes.get_yscale()],
        "limits": [*axes.get_xlim(), *axes.get_ylim()],
        "extents": [list(image.get_extent()) for image in axes.images],
        "colours": [list(artist.get_clim()) for artist in coloured],
        "arrays": [told(np.ma.filled(np.ma.asarray(array, dtype=float), np.nan)) for array in arrays],
        "bars": [
            told(patch.get_patch_transform().transform_path(patch.get_path()).vertices)
            for patch in axes.patches
        ],
    }


def written(kept: Kept) -> str:
    """A digest to be kept: a line for each file or dataset, so that a change of it is seen."""
    lines = []
    for name, content in kept.items():
        inner = content if isinstance(content, dict) else {"": content}
        items = [f"  {json.dumps(key)}: {json.dumps(_rounded(value))}" for key, value in inner.items()]
        whole = (
            "{\n" + ",\n".join(items) + "\n }" if isinstance(content, dict) else items[0].split(": ", 1)[1]
        )
        lines.append(f" {json.dumps(name)}: {whole}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def differences(kept: Any, now: Any, tolerance: float, place: str = "") -> Iterator[str]:
    """Where two digests differ, numbers by more than a part of their size and than a tenth of it in 1."""
    if isinstance(kept, dict) and isinstance(now, dict):
        for name in sorted(kept.keys() | now.keys()):
            if name not in kept or name not in now:
                yield f"{place}/{name}: {'new' if name in now else 'gone'}"
            else:
                yield from differences(kept[name], now[name], tolerance, f"{place}/{name}")
    elif isinstance(kept, list) and isinstance(now, list):
        if len(kept) != len(now):
            yield f"{place}: {len(kept)} items, now {len(now)}"
        for i, (before, after) in enumerate(zip(kept, now, strict=False)):
            yield from differences(before, after, tolerance, f"{place}[{i}]")
    elif not _same(kept, now, tolerance):
        yield f"{place}: {kept!r}, now {now!r}"


def _same(kept: Any, now: Any, tolerance: float) -> bool:
    if isinstance(kept, int | float) and isinstance(now, int | float) and not isinstance(kept, bool):
        close = math.isclose(kept, now, rel_tol=tolerance, abs_tol=max(1e-9, tolerance / 10))
        return close or (math.isnan(kept) and math.isnan(now))
    return bool(kept == now)
