"""The input of a campaign of fields: every key, its meaning, default and range."""

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ...core.config import Section
from ...core.keys import in_unit
from .layout import RESERVED

Range = Annotated[list[float], Field(min_length=2, max_length=2)]
Name = Literal[
    "displacement", "affine_displacement", "density", "number_density", "composition", "velocity",
    "box_velocity", "temperature", "potential_energy", "heat_flux", "stress", "deformation_gradient",
    "strain", "D2min",
]  # fmt: skip


class MD(Section):
    """``[md]``: a LAMMPS script of one's own, and what to observe after it."""

    script: str | None = None
    """LAMMPS script, relative to the TOML file, that sets everything up; ``steps`` after it are observed."""
    variables: Annotated[dict[str, str | float | int], in_unit("the script's")] = {}
    """LAMMPS variables for the script."""
    steps: PositiveInt | None = None
    """Steps that are run and observed after the script."""
    trajectory: str | None = None
    """In place of ``steps``: a LAMMPS dump, relative to the TOML file, whose frames are observed."""

    @model_validator(mode="after")
    def _one_source(self) -> "MD":
        if self.trajectory is None:
            if self.script is None:
                raise ValueError("give 'script', a LAMMPS input, with 'steps' or 'trajectory'")
            if self.steps is None:
                raise ValueError(
                    "'script' needs 'steps', the number of steps observed after it, or 'trajectory', a dump"
                )
        elif self.steps is not None:
            raise ValueError("'steps' and 'trajectory' exclude each other")
        elif self.script is None and self.variables:
            raise ValueError("'variables' are for 'script'")
        return self


class Grid(Section):
    """``[grid]``: the nodes, in the middle of equal cells; the other directions are averaged over."""

    axes: Literal["x", "y", "z", "xy", "xz", "yz", "xyz"] = "xy"
    """Directions that the grid resolves."""
    cells: Annotated[list[PositiveInt], Field(min_length=1, max_length=3)]
    """Number of cells along each of the axes."""
    region: Annotated[list[Range], in_unit("length of the script")] | None = None
    """(low, high) along each of the axes, fixed in the laboratory, in the script's unit of length; the whole
    box, with which the cells move, stretch and lean, if absent."""

    @model_validator(mode="after")
    def _as_many_as_axes(self) -> "Grid":
        for key, values in (("cells", self.cells), ("region", self.region)):
            if values is not None and len(values) != len(self.axes):
                raise ValueError(
                    f"'{key}' has {len(values)} entries, but axes = '{self.axes}' {len(self.axes)}: give one "
                    "for each"
                )
        # an empty region would divide by its length
        for low, high in self.region or []:
            if not low < high:
                raise ValueError(f"'region': {low:g} is not below {high:g}")
        return self


class Kernel(Section):
    """``[kernel]``: the window around a node, a function of the distance across what is averaged over."""

    shape: Literal["gaussian", "cone", "paraboloid", "top-hat", "quartic"] = "gaussian"
    """exp(−4.5 s²), 1 − s, 1 − s², 1, (1 − s²)² for s = distance / radius below 1, and 0 beyond."""
    radius: Annotated[PositiveFloat, in_unit("length of the script")]
    """In the script's unit of length."""


class Observe(Section):
    """``[observe]``: the fields and when they are taken."""

    fields: Annotated[list[Name], Field(min_length=1)] = [
        "displacement", "velocity", "density", "temperature", "potential_energy", "stress",
    ]  # fmt: skip
    """Fields to take; docs/fields.md says what each is."""
    every: PositiveInt | None = None
    """Steps from frame to frame; a trajectory may leave it out: all of its frames."""
    average_over: PositiveInt = 1
    """Looks that a frame is averaged over; its own step is the last of them."""
    average_every: PositiveInt = 1
    """Steps from look to look."""
    group: str = "all"
    """LAMMPS group of the atoms that count."""
    stress: Literal["virial", "hardy"] = "virial"
    """Virial per atom, spread by the kernel, or Hardy's, which satisfies the momentum balance at each
    point and is of all atoms, no group."""
    kinetic: Literal["lammps", "mean"] = "lammps"
    """The motion in the stress of the virial: as in LAMMPS's own pressure, or about the local mean velocity,
    as Hardy's always is."""
    time_filter: Annotated[float, Field(gt=0, le=1)] | None = None
    """ι of the exponential filter of displacements in time, [You2022, eq. 2.10]; none if absent."""
    curve_every: PositiveInt | None = None
    """Steps between two points of the curves of the whole box; a tenth of ``every``, at least 10, else."""
    extra: dict[str, str] = {}
    """Further fields: name = per-atom source as in LAMMPS, for example csym = "c_csym" or sxx = "c_s[1]"."""

    @model_validator(mode="after")
    def _fits(self) -> "Observe":
        taken = sorted(set(self.extra) & RESERVED)
        if taken:
            raise ValueError(f"extra.{taken[0]}: the name is taken by a field or a coordinate of its own")
        for name in self.extra:
            if not name.isidentifier():
                raise ValueError(f"extra.{name}: letters, digits and '_' make a name")
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("'fields' names one twice")
        # before the script is run, which may take long
        if self.stress == "hardy" and self.group != "all":
            raise ValueError(
                f"stress = 'hardy' is of all pairs, group = {self.group!r} of some atoms: take "
                "stress = 'virial', or leave 'group' out"
            )
        if self.every is not None:
            # looks of two frames must not overlap: each belongs to one frame
            taken_steps = (self.average_over - 1) * self.average_every + 1
            if taken_steps > self.every:
                raise ValueError(
                    f"{self.average_over} looks every {self.average_every} steps take {taken_steps} steps, "
                    f"a frame has {self.every}: raise 'every', or lower 'average_over' or 'average_every'"
                )
            if self.curve_every is not None and self.every % self.curve_every:
                raise ValueError(f"curve_every = {self.curve_every} does not divide every = {self.every}")
        elif self.average_over > 1:
            raise ValueError("'average_over' needs 'every'")
        return self

    @property
    def curve_steps(self) -> int:
        """Steps between two points of the curves."""
        assert self.every is not None
        if self.curve_every is not None:
            return self.curve_every
        # ten points a frame draw a curve; below ten steps a point would cost more than the fields
        return self.every // 10 if self.every % 10 == 0 and self.every >= 100 else self.every


class Checkpoint(Section):
    """``[checkpoint]``: restart files, from which a script that handles ``${restart}`` goes on."""

    every_frames: PositiveInt = 10
    """Frames between two restart files."""


class Output(Section):
    """``[output]``: what is written besides fields.h5, summary.json and the figures."""

    figures: bool = True
    """One of each field, and one of the curves."""
    vtk: bool = True
    """A series for ParaView, of the grid as it deforms."""
    shown: Annotated[int, Field(ge=1, le=12)] = 5
    """Frames in the figure of a field; some fewer or a single frame more where those are evenly spaced."""


def _divisor(steps: int, every: int) -> int:
    """The divisor of a number of steps that is nearest to ``every``."""
    small = [n for n in range(1, math.isqrt(steps) + 1) if steps % n == 0]
    return min({*small, *(steps // n for n in small)}, key=lambda n: abs(n - every))


class FieldsInput(Section):
    """A whole file of a campaign of fields."""

    campaign: Literal["fields"]
    """Which kind of campaign this file describes."""
    md: MD
    grid: Grid
    kernel: Kernel
    observe: Observe = Observe()
    checkpoint: Checkpoint = Checkpoint()
    output: Output = Output()

    @model_validator(mode="after")
    def _together(self) -> "FieldsInput":
        md, observe = self.md, self.observe
        if md.trajectory is None:
            if observe.every is None:
                raise ValueError("observe.every, the steps from frame to frame, is missing")
            # the steps after the last frame would be run for nothing
            if md.steps is not None and md.steps % observe.every:
                raise ValueError(
                    f"md.steps = {md.steps} is not divided by observe.every = {observe.every}: take a "
                    f"divisor of {md.steps}, for example {_divisor(md.steps, observe.every)}"
                )
        elif observe.time_filter is not None:
            raise ValueError("observe.time_filter acts at every step, which a trajectory does not have")
        if observe.stress == "hardy" and "stress" not in observe.fields:
            raise ValueError("observe.stress = 'hardy', but 'stress' is not among observe.fields")
        return self
