"""A problem of one's own: every key, its meaning, default and range.

Lengths are in the length unit of the model's data, forces per area of the body in its modulus unit: of a
model
of a crystal, Å and TPa.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ...core.config import Section
from ...core.expressions import Expression
from ...core.keys import in_unit

IN_LENGTHS = in_unit("length of the data")
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Length = Annotated[float, Field(gt=0)]
Spacings = Annotated[list[Length], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Pair], Field(min_length=3)]
Component = float | str

FREE = "free"
PLACE = ("x", "y")
SIDE = (*PLACE, "nx", "ny")
"""What tractions may depend on: the place, and the body's outward normal there."""


class Disc(Section):
    """A circle."""

    centre: Annotated[Pair, IN_LENGTHS]
    """Its x and y."""
    radius: Annotated[Length, IN_LENGTHS]
    """In the length unit of the model's data."""


class Domain(Section):
    """The body: outlines with holes, filled with nodes, or nodes as they are."""

    outline: Annotated[Polygon | list[Polygon], IN_LENGTHS] | None = None
    """A polygon by its corners, or several that do not touch."""
    disc: Disc | None = None
    """A disc instead of polygons."""
    nodes: str | None = None
    """A file with an array ``nodes`` (n × 2): .npz, .h5, .npy or text of two columns; beside this file."""
    holes: Annotated[list[Disc | Polygon], IN_LENGTHS] = Field(default=[])
    """Discs or polygons that are cut out."""
    spacing: Annotated[Length | Spacings, IN_LENGTHS] | None = None
    """Of the nodes, or hx and hy; that of the model's own data if it is not given."""

    @model_validator(mode="after")
    def _single_shape(self) -> "Domain":
        # said here, with the names of the three: which was meant nobody can tell
        given = [name for name in ("outline", "disc", "nodes") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of outline, disc and nodes, not {' and '.join(given) or 'none'}")
        if self.nodes is not None and (self.holes or self.spacing is not None):
            raise ValueError("nodes from a file bring their own holes and spacing: leave these keys out")
        return self

    @property
    def outlines(self) -> list[list[list[float]]]:
        """The polygons of :attr:`outline`."""
        if self.outline is None:
            return []
        # a polygon is a list of pairs, several are a list of such lists
        return self.outline if isinstance(self.outline[0][0], list) else [self.outline]


class Boundary(Section):
    """What is given somewhere; edges that no entry names are free."""

    edge: Literal["left", "right", "top", "bottom", "outline", "hole"] | None = None
    """Pieces of the boundary: the straight sides at the smallest and largest x and y of the body, all of the
    outline, or the edges of all holes."""
    where: str | None = None
    """A condition on x and y: for tractions, pieces of the boundary whose middle fulfils it; for
    displacements all nodes that do, also inside."""
    traction: (
        Annotated[list[Component], Field(min_length=2, max_length=2), in_unit("modulus of the data")] | None
    ) = None
    """Force per length of edge and thickness: numbers, or expressions of x, y and the outward normal nx,
    ny."""
    displacement: Annotated[list[Component], Field(min_length=2, max_length=2), IN_LENGTHS] | None = None
    """Numbers, expressions of x and y, or "free"."""

    @model_validator(mode="after")
    def _complete(self) -> "Boundary":
        if (self.edge is None) == (self.where is None):
            raise ValueError("give either edge or where")
        if (self.traction is None) == (self.displacement is None):
            raise ValueError("give either traction or displacement")
        if self.traction is not None and FREE in self.traction:
            raise ValueError('a component without traction is 0; "free" is for displacements')
        if self.displacement is not None and self.displacement == [FREE, FREE]:
            raise ValueError("both components are free: leave the entry out")
        return self


class Load(Section):
    """Forces on the inside."""

    body: Annotated[
        Annotated[list[Component], Field(min_length=2, max_length=2)] | str, in_unit("modulus over length")
    ] = Field(default_factory=lambda: list[Component]([0.0, 0.0]))
    """Force per area and thickness: numbers or expressions of x and y; or a file with ``b`` (n × 2), and
    ``nodes`` (n × 2) where these are not the body's own: then it is interpolated between them."""


class Solver(Section):
    """When the iteration ends."""

    relative_tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-10
    """Residual at which the iteration ends, over that of its start."""
    max_iterations: Annotated[int, Field(ge=1)] = 500
    """Iterations after which the solve counts as failed."""


class Output(Section):
    """Files beside solution.h5."""

    vtk: bool = True
    """A file for ParaView."""
    figures: bool = True
    """solution.png."""


class Problem(Section):
    """A whole file."""

    domain: Domain
    boundary: list[Boundary] = Field(default=[])
    load: Load = Load()
    solve: Solver = Solver()
    output: Output = Output()

    @field_validator("boundary")
    @classmethod
    def _formulas(cls, entries: list[Boundary]) -> list[Boundary]:
        # parsed here, before any work, and again where they are used
        for number, entry in enumerate(entries, 1):
            label = f"boundary {number}"
            if entry.where is not None:
                Expression(entry.where, PLACE, f"{label}: where").require_condition()
            for component in entry.displacement or []:
                if component != FREE:
                    formula(component, PLACE, f"{label}: displacement")
            for component in entry.traction or []:
                formula(component, SIDE, f"{label}: traction")
        return entries


def formula(value: Component, names: tuple[str, ...], where: str) -> Expression:
    """A number or a text as a formula.

    Raises:
        InputError: it is none.
    """
    return Expression(repr(float(value)) if isinstance(value, int | float) else value, names, where)


def spacing_of(domain: Domain, default: list[float]) -> list[float]:
    """hx and hy."""
    if domain.spacing is None:
        return default
    return [float(h) for h in np.broadcast_to(domain.spacing, 2)]
