"""From the arrays of a file to checked samples in Å and TPa/Å, in the order of their grid.

Nothing is guessed: what may be meant in two ways is refused, with what to do; what is mended or left out
is told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.units import LENGTHS_IN_A, MODULI_IN_TPA
from ...fields import lattice
from ...fields.fieldset import FieldSet, without_rigid_motion
from .data_files import RawData, units_of
from .data_input import Data

Array = NDArray[np.float64]

# what other programs write where there is no value: far beyond any displacement or load
_FILLED = 1e15
_LARGEST = 1e100
# of a sample's displacement: the rest after its rigid motion, that is round-off
_RIGID = 1e-7
# of the cosine of two samples: what differs by a millionth is another sample
_ALIKE = 1e-12
# of the loads' sizes, that sums over cells of scattered points may be off
_SCATTERED = 0.05


@dataclass(frozen=True)
class OwnData:
    """Samples, and what was done to them.

    Attributes:
        fields: by ``train`` and ``val``, of further files ``train-2`` and so on.
        length_unit, modulus_unit: the data's own.
        thickness: of the sheet, in length_unit.
        notes: what a person should know, a sentence each.
    """

    fields: dict[str, FieldSet]
    length_unit: str
    modulus_unit: str
    thickness: float | None
    notes: list[str]

    @property
    def length(self) -> float:
        """The length unit in Å."""
        return LENGTHS_IN_A[self.length_unit]

    @property
    def modulus(self) -> float:
        """The modulus unit in TPa."""
        return MODULI_IN_TPA[self.modulus_unit]

    @property
    def training(self) -> dict[str, FieldSet]:
        """The sets that a model is learned from."""
        return {name: fields for name, fields in self.fields.items() if name.startswith("train")}

    @property
    def validation(self) -> dict[str, FieldSet]:
        """The sets that it is validated with; none where that is by folds of the training sets."""
        return {name: fields for name, fields in self.fields.items() if name.startswith("val")}


def prepare(files: Sequence[RawData], settings: Data) -> OwnData:
    """Check the data of one or more files, and bring them into one form.

    Raises:
        FileError, InputError: what is wrong, where, and what to do about it.
    """
    length_unit, modulus_unit = settings.length_unit, settings.modulus_unit
    for raw in files:
        length_unit, modulus_unit = units_of(raw, length_unit, modulus_unit, settings.load_per)
    given = {"length_unit": length_unit, "modulus_unit": modulus_unit}
    length_unit, modulus_unit = length_unit or "angstrom", modulus_unit or "TPa"
    fields: dict[str, FieldSet] = {}
    sources: dict[str, Path] = {}
    notes = [
        f"data.{key} was not given: numbers are taken to be in {assumed}"
        for (key, known), assumed in zip(given.items(), (length_unit, modulus_unit), strict=True)
        if known is None
    ]
    notes += _taken_over(files, settings, (length_unit, modulus_unit))
    length = LENGTHS_IN_A[length_unit]
    load = MODULI_IN_TPA[modulus_unit] / length
    # as what a shell or a membrane is given
    if settings.load_per == "area" and settings.thickness is not None:
        load /= settings.thickness
    for number, raw in enumerate(files, 1):
        # a single file keeps the names that a crystal's dataset has
        suffix = f"-{number}" if number > 1 else ""
        notes += raw.notes
        for name, field_set in _sets(raw, settings, length_unit, notes).items():
            converted = {
                label: getattr(field_set, label) * length for label in ("nodes", "u", "box", "spacing")
            }
            fields[name + suffix] = replace(field_set, b=field_set.b * load, **converted)
            sources[name + suffix] = raw.path
    fields = _without_repeats(fields, sources, notes)
    if len(files) > 1:
        # tables and figures call them by these names
        for path in dict.fromkeys(sources[name] for name in fields):
            called = (f"'{name}' ({len(f.u)} samples)" for name, f in fields.items() if sources[name] == path)
            notes.append(f"{path.name} is {' and '.join(called)}")
    return OwnData(fields, length_unit, modulus_unit, settings.thickness, notes)


def _taken_over(files: Sequence[RawData], settings: Data, units: tuple[str, str]) -> list[str]:
    """What there is to say of files without units, where another one's first line has them."""
    said = [units_of(raw, None, None, settings.load_per) for raw in files]
    notes = []
    for raw, own in zip(files, said, strict=True):
        taken = [
            unit
            for place, (unit, given) in enumerate(
                zip(units, (settings.length_unit, settings.modulus_unit), strict=True)
            )
            if given is None and own[place] is None and any(other[place] for other in said)
        ]
        if taken:
            notes.append(
                f"{raw.path.name}: says no units: its numbers are taken to be in {' and '.join(taken)}, as "
                "another file's; say data.length_unit and data.modulus_unit"
            )
    return notes


def _sets(raw: RawData, settings: Data, unit: str, notes: list[str]) -> dict[str, FieldSet]:
    """The training and the validation samples of a file, in the file's units."""
    path = raw.path
    nodes = _checked(path, "nodes", raw.arrays["nodes"])
    if nodes.ndim != 2 or nodes.shape[1] != 2:
        hint = (
            "transpose it"
            if nodes.ndim == 2 and nodes.shape[0] == 2
            else "give x and y of each node; models are those of plane problems"
        )
        raise InputError(f"{path}: nodes has the shape {nodes.shape}, expected (n, 2): {hint}")
    pairs = {"train": ("u", "b")}
    if ("val_u" in raw.arrays) != ("val_b" in raw.arrays):
        raise InputError(f"{path}: has one of val_u and val_b: validation needs both, or give none")
    if "val_u" in raw.arrays:
        pairs["val"] = ("val_u", "val_b")
    samples = {name: _samples(path, raw.arrays, labels, len(nodes)) for name, labels in pairs.items()}
    box = _box(path, raw, settings)
    # before the grid is looked for: it would hold too many nodes
    keep = _without_seam(path, nodes, box, samples, notes)
    try:
        grid = lattice.arrange(nodes[keep], box)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    order = keep[grid.order]
    if grid.deviation > 1e-5:
        notes.append(
            f"{path.name}: nodes are up to {grid.deviation:.1g} spacings off a grid of "
            f"{grid.spacing[0]:.6g} × {grid.spacing[1]:.6g} {unit} and were put on it"
        )
    if box is None and not grid.scattered:
        cells = np.rint(np.ptp(grid.nodes, axis=0) / grid.spacing).astype(int) + 1
        if cells.prod() == len(order):
            width, height = cells * grid.spacing
            notes.append(
                f"{path.name}: the nodes fill a rectangle without a box, so it has edges; if it repeats, "
                f"say data.box = [{width:.6g}, {height:.6g}]"
            )
    sets = {}
    for name, (u, b) in samples.items():
        # numbers: a sample is told by its place in the file, whatever was left out before it
        u, b, numbers = _useful(path, pairs[name][0], nodes[order], box, u[:, order], b[:, order], notes)
        if box is not None:
            areas = lattice.areas(grid.nodes, box) if grid.scattered else np.ones(len(order))
            b = _balanced(path, pairs[name][1], b, numbers, settings.imbalance, areas)
        sets[name] = FieldSet(
            nodes=grid.nodes,
            u=u,
            b=b,
            load=np.zeros((len(u), 0)),
            columns=[],
            names=[f"{name}-{number}" for number in numbers],
            box=np.ptp(grid.nodes, axis=0) + grid.spacing if box is None else box,
            spacing=grid.spacing,
            shape=grid.shape,
            scattered=grid.scattered,
            wraps=box is not None,
        )
    return sets


def _samples(
    path: Path, given: Mapping[str, Array], labels: tuple[str, str], count: int
) -> tuple[Array, Array]:
    """u and b as ``(s, n, 2)``."""
    fields = []
    for label in labels:
        values = _checked(path, label, given[label])
        if values.shape == (count, 2):
            values = values[None]
        if values.ndim != 3 or values.shape[1:] != (count, 2):
            hint = ""
            if values.ndim == 3 and values.shape[1:] == (2, count):
                hint = ": exchange the last two axes"
            elif values.ndim == 3 and values.shape[2] == 2:
                hint = f": there are {count} nodes, but values of {values.shape[1]}"
            raise InputError(
                f"{path}: {label} has the shape {values.shape}, expected (samples, {count}, 2){hint}"
            )
        fields.append(values)
    u, b = fields
    # to pair what there is would pair loads with displacements that they do not hold
    if len(u) != len(b):
        raise InputError(
            f"{path}: {len(u)} samples of {labels[0]}, but {len(b)} of {labels[1]}: each displacement needs "
            "the load that holds it"
        )
    if not len(u):
        raise InputError(f"{path}: {labels[0]} holds no sample")
    return u, b


def _checked(path: Path, label: str, values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64)
    if not values.size:
        raise InputError(f"{path}: {label} is empty")
    wrong = ~np.isfinite(values)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{path}: {label} has {int(wrong.sum())} values that are NaN or infinite, the first at "
            f"{list(place)}: leave out the sample, or the node in all samples"
        )
    size = np.abs(values)
    # of what is not zero: point loads are zero nearly everywhere
    typical = np.median(size[size > 0]) if size.any() else 1.0
    largest = float(size.max())
    # products of a few of them must be numbers, too
    if largest and not 1 / _LARGEST < largest < _LARGEST:
        raise InputError(
            f"{path}: {label} has values up to {largest:g}, expected {1 / _LARGEST:g} to {_LARGEST:g}"
        )
    if largest > _FILLED * typical:
        place = tuple(int(i) for i in np.unravel_index(size.argmax(), size.shape))
        raise InputError(
            f"{path}: {label} is {values[place]:g} at {list(place)}, and {typical:.3g} elsewhere: a missing "
            "or masked value? Leave out the sample, or the node in all samples"
        )
    return values


def _box(path: Path, raw: RawData, settings: Data) -> Array | None:
    """The edges of the periodic box, or None."""
    given = raw.arrays.get("box")
    if given is None:
        return None if settings.box is None else _checked(path, "data.box", np.array(settings.box))
    box = _checked(path, "box", given)
    # a cell matrix or three edges may mean several things in a plane
    if box.shape != (2,) or not (box > 0).all():
        raise InputError(
            f"{path}: box is {box.tolist()}, expected the two edges of the periodic box along x and y, both "
            "positive; leave it out where nothing is periodic"
        )
    if settings.box is not None and not np.allclose(box, settings.box, rtol=1e-6):
        raise InputError(f"{path}: box is {box.tolist()}, but data.box = {settings.box}: correct one of them")
    return box


def _without_seam(
    path: Path, nodes: Array, box: Array | None, samples: Mapping[str, tuple[Array, Array]], notes: list[str]
) -> NDArray[np.int64]:
    """The nodes without those that are others again, at the periodic seam.

    Raises:
        InputError: two nodes are the same place and differ, or are one place without a periodic box.
    """
    area = np.ptp(nodes, axis=0).prod() if box is None else box.prod()
    near = lattice.NEAR * float(np.sqrt(area / len(nodes)))
    pairs = lattice.coincident(nodes, box, near)
    if not len(pairs):
        return np.arange(len(nodes))
    first, second = (int(i) for i in pairs[0])
    places = f"nodes {first} and {second}, both at ({nodes[first, 0]:g}, {nodes[first, 1]:g})"
    if box is not None and np.hypot(*(nodes[first] - nodes[second])) > near:
        places = (
            f"nodes {first} and {second}, at ({nodes[first, 0]:g}, {nodes[first, 1]:g}) and "
            f"({nodes[second, 0]:g}, {nodes[second, 1]:g}), one place in the periodic box"
        )
    elif box is None:
        raise InputError(f"{path}: {places}, coincide; leave one of them out")
    for u, b in samples.values():
        for values in (u, b):
            differ = np.abs(values[:, pairs[:, 0]] - values[:, pairs[:, 1]]).max()
            # float32, or digits of a table
            if differ > 1e-5 * np.abs(values).max():
                raise InputError(
                    f"{path}: {places}, have different values: the box of {box[0]:g} × {box[1]:g} is not the "
                    "period of the fields, or a node is there twice"
                )
    again = np.unique(pairs[:, 1])
    notes.append(f"{path.name}: {len(again)} nodes are others again at the seam of the box and were left out")
    return np.setdiff1d(np.arange(len(nodes)), again)


def _useful(
    path: Path, label: str, nodes: Array, box: Array | None, u: Array, b: Array, notes: list[str]
) -> tuple[Array, Array, list[int]]:
    """The samples that hold a deformation, and their numbers in the file.

    Raises:
        InputError: none does.
    """
    deformed = without_rigid_motion(nodes, u, turns=box is None)
    # compared with its own size: a sample may be as small as it likes
    size = np.abs(u).max(axis=(1, 2))
    rest = np.abs(deformed).max(axis=(1, 2))
    loaded = np.abs(b - b.mean(axis=1, keepdims=True)).max(axis=(1, 2)) > 0
    zero, rigid = size == 0, (size > 0) & (rest <= _RIGID * size)
    # without a periodic box the edges may carry all of the load
    unloaded = ~loaded & ~zero & ~rigid if box is not None else np.zeros(len(u), dtype=bool)
    repeated = _repeated(deformed, b, ~(zero | rigid | unloaded))
    for mask, words in (
        (zero, "zero everywhere"),
        (rigid, "a rigid motion"),
        (unloaded, "without a load that varies"),
        (repeated, "earlier ones again, times a number"),
    ):
        if mask.any():
            notes.append(_left_out(path.name, label, words, np.flatnonzero(mask)))
    keep = ~(zero | rigid | unloaded | repeated)
    if not keep.any():
        raise InputError(
            f"{path}: all {len(u)} samples of {label} are zero, rigid motions or unloaded: they determine "
            "neither λ nor μ, E or ν; give samples that deform the material"
        )
    return u[keep], b[keep], [int(n) for n in np.flatnonzero(keep)]


def _left_out(source: str, label: str, reason: str, numbers: Sequence[int] | NDArray[np.int64]) -> str:
    which = ", ".join(map(str, numbers[:10])) + (" …" if len(numbers) > 10 else "")
    return f"{source}: left out of {label}, as {reason}: sample {which} (counted from 0)"


def _without_repeats(
    fields: Mapping[str, FieldSet], sources: Mapping[str, Path], notes: list[str]
) -> dict[str, FieldSet]:
    """The sets without samples that another one trains with: they would validate themselves.

    Args:
        sources: the files that the sets are from.
    """
    kept: dict[str, FieldSet] = {}
    # training first, whatever the order of the files
    for name in sorted(fields, key=lambda name: name.startswith("val")):
        given = fields[name]
        new = ~_known(given, [other for key, other in kept.items() if key.startswith("train")])
        if not new.all():
            label, source = "val_u" if name.startswith("val") else "u", sources[name].name
            numbers = [int(each.rpartition("-")[2]) for each in np.array(given.names)[~new]]
            notes.append(_left_out(source, label, "training samples again, times a number", numbers))
            if not new.any():
                notes.append(f"{source}: no sample of {label} is left")
                continue
        names = [each for each, taken in zip(given.names, new, strict=True) if taken]
        kept[name] = replace(given, u=given.u[new], b=given.b[new], load=given.load[new], names=names)
    return {name: kept[name] for name in fields if name in kept}


def _known(given: FieldSet, others: Sequence[FieldSet]) -> NDArray[np.bool_]:
    """Samples ``(s,)`` that are multiples of those of other sets on the same nodes."""
    near = 1e-6 * float(given.spacing.max())
    sets = [
        other for other in others if other.nodes.shape == given.nodes.shape and other.wraps == given.wraps
    ]
    sets = [other for other in sets if np.abs(other.nodes - given.nodes).max() < near]
    if not sets:
        return np.zeros(len(given.u), dtype=bool)
    u, b = (
        np.concatenate(parts)
        for parts in zip(*((each.deformation, each.b) for each in [*sets, given]), strict=True)
    )
    again = _repeated(u, b, np.ones(len(u), dtype=bool))
    return again[len(u) - len(given.u) :]


def _repeated(u: Array, b: Array, useful: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Samples ``(s,)`` that are multiples of earlier ones: nothing new, and they validate themselves."""
    which = np.flatnonzero(useful)
    if not len(which):
        return np.zeros(len(u), dtype=bool)
    size = np.linalg.norm(u[which].reshape(len(which), -1), axis=1)[:, None]
    # loads by the same factor as displacements: else they are of another solid
    parts = [field[which].reshape(len(which), -1) / size for field in (u, b)]
    vectors = np.concatenate(
        [part / max(float(np.abs(part).max(initial=0.0)), 1e-300) for part in parts], axis=1
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = np.abs(vectors @ vectors.T) > 1 - _ALIKE
    again = np.zeros(len(u), dtype=bool)
    again[which] = np.tril(alike, -1).any(axis=1)
    return again


def _balanced(path: Path, label: str, b: Array, numbers: list[int], allowed: float, areas: Array) -> Array:
    """Loads without their resultant, which must be small.

    Raises:
        InputError: it is not; names the sample.
    """
    if np.ptp(areas) > 0:
        # sums over scattered cells are integrals up to some per cent alone
        allowed = max(allowed, _SCATTERED)
    weights = areas / areas.sum()
    mean = np.einsum("sni,n->si", b, weights)
    share = np.hypot(*mean.T) / (np.hypot(b[..., 0], b[..., 1]) @ weights)
    worst = int(share.argmax())
    if share[worst] > allowed:
        raise InputError(
            f"{path}: the loads of sample {numbers[worst]} of {label} are not in equilibrium: their "
            f"resultant is {share[worst]:.2g} of the sum of their sizes, at most {allowed:g} is allowed "
            "(data.imbalance), and nothing holds a periodic box; subtract their mean, or leave 'box' out if "
            "something holds it"
        )
    # what is left is rounding, which the periodic operator cannot hold
    return b if np.ptp(areas) > 0 else b - mean[:, None]


def tell(data: OwnData, say: Callable[[str], None]) -> None:
    """Report what was done to the data."""
    for note in data.notes:
        say(f"note: {note}")
