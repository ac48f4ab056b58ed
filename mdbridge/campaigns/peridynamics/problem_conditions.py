"""What a problem's file says of a body's boundary and its loads, on the body's nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from ...core import arrays
from ...core.errors import InputError
from ...lps import elements, geometry
from ...lps.geometry import Body
from .problem_input import FREE, PLACE, SIDE, Boundary, Problem, formula

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Traction = Callable[[Floats, Floats], Floats]

# of the body's size: what lies on its left, right, lower or upper side
_ON_SIDE = 1e-6


@dataclass(frozen=True)
class Conditions:
    """A problem on the nodes of its body; all arrays ``n x 2``, displacements NaN where they are free.

    Attributes:
        body_load: force per area and thickness.
        facet_load: forces.
        held_by: number of the entry, from 1, that gives a displacement; 0 where it is free.
        labels: of all entries.
    """

    displacement: Floats
    body_load: Floats
    facet_load: Floats
    held_by: Ints
    labels: Sequence[str]


def make_conditions(problem: Problem, body: Body, folder: Path) -> Conditions:
    """Loads and given displacements on the body's nodes.

    Raises:
        InputError: a boundary names nothing, or contradicts another; a formula has no finite value.
    """
    # NaN is free: zero is a displacement like any other
    displacement = np.full(body.points.shape, np.nan)
    facet_load = np.zeros(body.points.shape)
    # 0: no entry, as they are numbered from 1
    loaded = np.zeros(len(body.facets), dtype=int)
    held_by = np.zeros(body.points.shape, dtype=np.int64)
    pulled: list[tuple[str, Ints, Any]] = []
    labels = [f"boundary {n} ({entry.edge or entry.where})" for n, entry in enumerate(problem.boundary, 1)]
    for number, (label, entry) in enumerate(zip(labels, problem.boundary, strict=True), 1):
        if entry.displacement is not None:
            _give(displacement, entry, body, label)
            # a corner that two of them hold is counted once, for the first
            held_by[np.isfinite(displacement) & (held_by == 0)] = number
            continue
        facets = _facets(entry, body, label)
        twice = loaded[facets] > 0
        if twice.any():
            raise InputError(
                f"{label}: boundary {loaded[facets][twice][0]} gives a traction on the same edge"
            )
        # known by the entry's number, which a second one is told
        loaded[facets] = number
        traction = entry.traction
        assert traction is not None
        # of the outward normal, too: so a pressure needs no knowledge of the edge's shape
        parts = [formula(value, SIDE, f"{label}: traction") for value in traction]

        def at(places: Floats, normals: Floats, parts: Sequence[Any] = parts) -> Floats:
            values = dict(zip(SIDE, (*places.T, *normals.T), strict=True))
            return np.stack([part(values) for part in parts], axis=1)

        facet_load += elements.facet_loads(body, facets, at)
        pulled.append((label, facets, at))
    for label, facets, at in pulled:
        _require_free(body, displacement, facets, at, label)
    return Conditions(displacement, _body_load(problem, body, folder), facet_load, held_by, labels)


def _require_free(body: Body, displacement: Floats, facets: Ints, traction: Traction, label: str) -> None:
    """Refuse a traction along a component whose displacement is given on all of an edge's piece."""
    ends = body.points[body.facets[facets]]
    step = ends[:, 1] - ends[:, 0]
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1) / np.hypot(*step.T)[:, None]
    given = np.isfinite(displacement[body.facets[facets]]).all(axis=1)
    both = given & (traction(ends.mean(axis=1), normal) != 0)
    if both.any():
        piece, axis = (int(i) for i in np.argwhere(both)[0])
        x, y = ends[piece].mean(axis=0)
        raise InputError(
            f"{label}: gives a traction along {PLACE[axis]} at ({x:g}, {y:g}), where another boundary gives "
            f"the displacement along {PLACE[axis]}: only one of them can be given"
        )


def _give(displacement: Floats, entry: Boundary, body: Body, label: str) -> None:
    assert entry.displacement is not None
    values = dict(zip(PLACE, body.points.T, strict=True))
    if entry.where is None:
        nodes = np.unique(body.facets[_facets(entry, body, label)])
    else:
        nodes = np.flatnonzero(formula(entry.where, PLACE, f"{label}: where").holds(values))
        if not len(nodes):
            raise InputError(f"{label}: no node is there; the body extends over {_extent(body)}")
    for axis, component in enumerate(entry.displacement):
        if component == FREE:
            continue
        given = formula(component, PLACE, f"{label}: displacement")({k: v[nodes] for k, v in values.items()})
        # two edges may share a corner, as long as they agree there
        before = displacement[nodes, axis]
        scale = max(np.abs(given).max(), np.nanmax(np.abs(before), initial=0.0))
        if np.any(np.abs(before - given) > 1e-9 * scale):
            raise InputError(f"{label}: another boundary gives other displacements along {PLACE[axis]} there")
        displacement[nodes, axis] = given


def _facets(entry: Boundary, body: Body, label: str) -> Ints:
    """Pieces of the boundary that an entry is about."""
    ends = body.points[body.facets]
    low, high = body.points.min(axis=0), body.points.max(axis=0)
    near = _ON_SIDE * float((high - low).max())
    sides = {"left": (0, low[0]), "right": (0, high[0]), "bottom": (1, low[1]), "top": (1, high[1])}
    if entry.where is not None:
        middle = ends.mean(axis=1)
        condition = formula(entry.where, PLACE, f"{label}: where")
        chosen = condition.holds(dict(zip(PLACE, middle.T, strict=True)))
    elif entry.edge in sides:
        axis, place = sides[entry.edge]
        chosen = (np.abs(ends[:, :, axis] - place) < near).all(axis=1)
    else:
        chosen = body.facet_kind == entry.edge
    if not chosen.any():
        raise InputError(
            f"{label}: no piece of the boundary is there; the body extends over {_extent(body)}, and has "
            f"{'holes' if (body.facet_kind == geometry.HOLE).any() else 'no holes'}; left, right, top and "
            "bottom are "
            "straight sides: use where for parts of others"
        )
    return np.flatnonzero(chosen)


def _body_load(problem: Problem, body: Body, folder: Path) -> Floats:
    given = problem.load.body
    if isinstance(given, list):
        parts = [formula(part, PLACE, "'load.body'") for part in given]

        def at(places: Floats) -> Floats:
            values = dict(zip(PLACE, places.T, strict=True))
            return np.stack([part(values) for part in parts], axis=1)

        # at the nodes as well: averages around a pole are finite, and mean nothing
        at(body.points)
        # a load may jump between nodes
        return elements.node_means(body, at)
    path = folder / given
    stored = arrays.read(path)
    loads = pairs_of(path, "b", stored)
    if "nodes" not in stored:
        if body.order is None or len(loads) != len(body.points):
            raise InputError(
                f"{path}: {len(loads)} loads without 'nodes' for a body of {len(body.points)} nodes; add "
                "an array "
                "'nodes' (n × 2) with their places"
            )
        # the body has its nodes row by row
        return loads[body.order]
    # between the file's nodes linearly, and nowhere beyond: extrapolated loads would be made up
    nodes = pairs_of(path, "nodes", stored)
    if len(nodes) != len(loads):
        raise InputError(f"{path}: {len(nodes)} nodes, but {len(loads)} loads")
    try:
        between = np.asarray(LinearNDInterpolator(nodes, loads)(body.points))
    except QhullError as error:
        raise InputError(
            f"{path}: its {len(nodes)} nodes span no area to interpolate the loads in"
        ) from error
    if not np.isfinite(between).all():
        x, y = body.points[int(np.flatnonzero(~np.isfinite(between).all(axis=1))[0])]
        raise InputError(f"{path}: its nodes do not surround the body's node at ({x:g}, {y:g})")
    return between


def pairs_of(path: Path, name: str, stored: dict[str, Floats] | None) -> Floats:
    """An array ``(n, 2)`` of a file; the only one where there is no other."""
    stored = arrays.read(path) if stored is None else stored
    values = stored.get(name, next(iter(stored.values())) if len(stored) == 1 else None)
    if values is None or values.ndim != 2 or values.shape[1] != 2:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in stored.items())
        raise InputError(f"{path}: expected an array {name!r} of shape (n, 2); it has {shapes}")
    if not len(values):
        raise InputError(f"{path}: {name!r} is empty")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"{path}: row {row} of {name!r} is not finite")
    return values


def _extent(body: Body) -> str:
    (x1, y1), (x2, y2) = body.points.min(axis=0), body.points.max(axis=0)
    return f"x = {x1:g} … {x2:g}, y = {y1:g} … {y2:g}"
