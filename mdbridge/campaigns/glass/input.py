"""The input of a glass campaign: every key, its meaning, default and range."""

import math
from typing import Annotated, Literal, cast, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ...core.config import Section
from ...core.keys import in_unit
from ...fields.storage import PLANE
from ...stz.ratelaw import Diffusion
from ..calibrate.input import EgoInput

LATTICE = 3.27
"""Edge of the cubic cell of the crystal that is melted (Å); :mod:`mdbridge.md.cuzr` has it too."""
CYLINDER_A = 52.0
"""What a cylinder of :mod:`mdbridge.md.localyield` takes across with the atoms that its forces need (Å)."""
THINNEST_A = 8.0
"""The reach of the forces: a thinner layer has no atom that feels its own kind alone."""

Predictor = Literal["energy", "energy_mean_composition", "nonaffinity", "local_yield", "density"]
Measured = Literal["nonaffinity", "local_yield"]
"""Predictors that take a test of their own of the glass at rest."""
Anneal = Literal["none", "swap", "sgcmc", "cyclic"]
CYCLE = 4000
"""Steps of a cycle of shear; :mod:`mdbridge.md.anneal` has it too."""
_LEAST_CHANGES = 400
"""Steps of a segment of changes of type: each begins with a balance, which costs as much as 80."""
MODULUS_STEPS = 40
"""The least of a test of the moduli."""
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class MD(Section):
    """``[md]``: the Cu50Zr50 glass made here, or ``script``, a LAMMPS input of one's own."""

    script: str | None = None
    """LAMMPS script, relative to the TOML file, that sets everything up; ``steps`` after it are observed."""
    steps: PositiveInt | None = None
    """Steps that are run and observed after the script."""
    variables: Annotated[dict[str, str | float | int], in_unit("the script's")] = {}
    """LAMMPS variables for the script."""

    potential: str = "CuZr_mm.eam.fs"
    """EAM file for Cu and Zr: a path, or a name that ships with LAMMPS."""
    cells: Annotated[list[Annotated[int, Field(ge=3)]], Field(min_length=3, max_length=3)] = [26, 26, 6]
    """Cubic cells of the crystal that is melted, two atoms each; 3.27 Å wide at first."""
    timestep_ps: PositiveFloat = 0.005
    """Of the dynamics (ps)."""
    seed: Annotated[int, Field(ge=1)] = 2021
    """Of the velocities."""
    melt_K: PositiveFloat = 3000.0
    """Well above the melting point: a perfect crystal superheats, at 2000 K for longer than 12 ps."""
    melt_ps: PositiveFloat = 5.0
    """How long the melt is held there (ps)."""
    liquid_K: PositiveFloat = 1300.0
    """The melt is brought here at once and quenched from here at the rate below."""
    liquid_ps: PositiveFloat = 5.0
    """How long the liquid is held there (ps)."""
    quench_rate_K_per_s: PositiveFloat = 1.0e13
    """Cooling rate (K/s)."""
    temperature_K: PositiveFloat = 100.0
    """Of the glass and of the shear."""
    relax_ps: PositiveFloat = 10.0
    """Relaxation at zero pressure before the shear (ps)."""
    modulus_strain: Annotated[float, Field(gt=0, le=0.02)] = 0.005
    """± strain of the separate test of the elastic moduli."""
    modulus_ps: PositiveFloat = 10.0
    """Duration of each of its four runs."""

    @model_validator(mode="after")
    def _one_kind(self) -> "MD":
        own = {"script", "steps", "variables"}
        if self.script is None:
            given = sorted(name for name in ("steps", "variables") if getattr(self, name))
            if given:
                raise ValueError(f"{', '.join(given)} go with 'script'")
            # a quench that heats would take a negative number of steps
            if self.temperature_K >= self.liquid_K:
                raise ValueError("temperature_K must be below liquid_K, from which the melt is quenched")
            # the mean of the second half and its error need four blocks of a look each, every five steps
            if round(self.modulus_ps / self.timestep_ps) < MODULUS_STEPS:
                raise ValueError(
                    f"modulus_ps = {self.modulus_ps:g}: must be at least {MODULUS_STEPS} steps, "
                    f"{MODULUS_STEPS * self.timestep_ps:g} ps; 10 ps give useful means"
                )
        else:
            # refused, not ignored: one would believe that it did something
            # what the user wrote, not what has a default
            extra = sorted(self.model_fields_set - own)
            if extra:
                raise ValueError(f"with 'script' the script decides; remove {', '.join(extra)}")
            if self.steps is None:
                raise ValueError("'script' needs 'steps', the number of steps observed after it")
        return self


class Stripe(Section):
    """``[glass.stripe]``: a layer of the glass molten and quenched again while the rest is held cold."""

    centre: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Of the layer along y, in parts of the box's height; it may go around the boundary."""
    height: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Of the layer, in parts of the box's height."""
    melt_K: PositiveFloat = 3000.0
    """To which the layer is heated."""
    melt_ps: PositiveFloat = 5.0
    """How long it is held there (ps)."""
    quench_rate_K_per_s: PositiveFloat = 1.0e14
    """At which it is cooled to the temperature of the glass (K/s)."""


class Glass(Section):
    """``[glass]``: what is done to the glass after its quench and before its shear."""

    anneal: Anneal = "none"
    """What lowers its energy further: exchanges of the two types at ``anneal_K`` during the quench (swap: of
    pairs; sgcmc: changes of type about equal numbers), or cycles of shear after it (cyclic)."""
    anneal_steps: PositiveInt = 20000
    """What annealing may cost, in steps; a Monte Carlo move costs what LAMMPS computes for it."""
    anneal_K: PositiveFloat = 900.0
    """Temperature of the exchanges."""
    anneal_strain: Annotated[float, Field(gt=0, le=0.1)] = 0.04
    """Amplitude of the cycles; each takes 4,000 steps."""
    predictors: list[Measured] = []
    """Tests of the glass at rest, beside that of ``calibrate.predictor``: nonaffinity, the answer to a small
    shear of ``md.modulus_strain``; local_yield, the stress that cylinders of 10 Å bear beyond
    that at rest."""
    stripe: Stripe | None = None
    """A rejuvenated layer, of which one knows that it will shear."""

    @property
    def exchanges(self) -> bool:
        """Whether annealing exchanges types."""
        return self.anneal in ("swap", "sgcmc")

    @model_validator(mode="after")
    def _one_way(self) -> "Glass":
        used = {"none": set(), "cyclic": {"anneal_steps", "anneal_strain"}}.get(
            self.anneal, {"anneal_steps", "anneal_K"}
        )
        keys = {"anneal_steps", "anneal_K", "anneal_strain"}
        # refused, not ignored: one would believe that it did something
        idle = sorted((self.model_fields_set & keys) - used)
        if idle:
            raise ValueError(f"{', '.join(idle)} mean nothing with anneal = {self.anneal!r}; remove them")
        if self.anneal == "cyclic" and self.anneal_steps % CYCLE:
            raise ValueError(
                f"anneal_steps = {self.anneal_steps}: a cycle takes {CYCLE} steps; give whole cycles"
            )
        return self


class Shear(Section):
    """``[shear]``: simple shear of the glass at constant volume and temperature."""

    rate_per_ps: PositiveFloat = 2.0e-3
    """Shear rate (1/ps)."""
    max_strain: PositiveFloat = 0.5
    """Shear strain γ at the end."""


class Observe(Section):
    """``[observe]``: the fields and when they are taken; lengths in Å (or the script's unit)."""

    grid: Annotated[list[Annotated[int, Field(ge=4)]], Field(min_length=2, max_length=2)] = [32, 32]
    """Cells along x and y."""
    energy_window: Annotated[PositiveFloat, in_unit("Å, or the script's")] = 10.0
    """c of the Gaussian window for energy, composition and flow; 1/8 of the box, as published."""
    strain_window: Annotated[PositiveFloat, in_unit("Å, or the script's")] = 5.0
    """The same for the local strain."""
    cutoff: Annotated[float, Field(ge=2.0)] = 3.0
    """Where windows end, in units of their c."""
    frames: PositiveInt = 100
    """Frames at equal distances in strain, beside the first."""
    samples: PositiveInt = 5
    """Steps over which energy and flow are averaged, the frame's own the last of them."""
    sample_every: PositiveInt = 10
    """Steps between two of them."""
    curve_points: PositiveInt = 10
    """Points of the stress–strain curve in a frame."""
    extra: dict[str, str] = {}
    """Further fields: name = per-atom source as in LAMMPS, for example csym = "c_csym"."""

    @model_validator(mode="after")
    def _names_free(self) -> "Observe":
        taken = sorted(set(self.extra) & RESERVED)
        if taken:
            raise ValueError(f"extra.{taken[0]}: the name is taken by what is always there")
        # it becomes the name of a dataset and of a file
        odd = sorted(name for name in self.extra if not name.isidentifier())
        if odd:
            raise ValueError(f"extra.{odd[0]!r}: a name is made of letters, digits and '_'")
        return self


RESERVED = {
    "potential_energy", "energy_mean_composition", "Exy", "D2min", "velocity", "density", "temperature",
    "composition", "type_energy", "type_fraction", "gamma", "step", "edges", "box", "curve", "history",
    "component", "direction", "edge", "type",
    *(axis for axes in PLANE.values() for axis in axes), *get_args(Measured),
    # of which there are maps already
    "energy", "strain", "d2min",
}  # fmt: skip


class Checkpoint(Section):
    """``[checkpoint]``: restart files, each with the observers' state."""

    every_frames: PositiveInt = 10
    """Frames between two restart files of the shear."""
    every_steps: PositiveInt = 10000
    """The same for steps while the glass is made: in the liquid, the quench and the relaxation."""


class Output(Section):
    """``[output]``: what is written besides glass.h5, summary.json and the figures."""

    paper_format: bool = False
    """Also the text files of [Kontolati2021]: pe.MD.n, Exy.MD.n and the stress file."""
    trajectory: bool = False
    """Also a LAMMPS dump of the positions at the frames."""


class Calibrate(Section):
    """``[calibrate]``: the STZ model of this glass, [Kontolati2021, sec. 5]; box, rate, μ, K are the MD's."""

    predictor: Predictor = "energy_mean_composition"
    """Field at rest whose affine map is χ: the published energy, or what else may tell the soft places."""
    strains: list[float] = [0.02, 0.04, 0.06, 0.08, 0.09, 0.10, 0.20, 0.35, 0.50]
    """Frames, by their strain, whose fields are compared."""
    c0: Pair = [0.02, 1.0]
    """Bounds of c0, the plastic work fraction."""
    s_y_of_flow: Pair = [0.5, 1.1]
    """Bounds of s_y as fractions of the flow stress of the MD."""
    beta_per_eV: Pair = [0.5, 15.0]
    """Bounds of β, by which energies become χ (1/eV)."""
    E0_below_eV: Pair = [0.001, 0.1]
    """Bounds of E0, below the least coarse-grained energy at γ = 0."""
    eps0: PositiveFloat = 44.53
    """Typical number of atoms of a shear transformation zone."""
    tau0_ps: PositiveFloat = 0.1
    """Time of an atom's vibration (ps)."""
    l_chi_A: float = Field(25.59, ge=0.0)
    """Length over which χ diffuses where the glass flows (Å)."""
    e_z_K: PositiveFloat = 21000.0
    """Formation energy of a shear transformation zone over Boltzmann's constant (K)."""
    diffusion: Diffusion = "group"
    """Published form of the diffusion of χ: that of the paper, or that of the authors' solver (group)."""
    strain_weight: PositiveFloat = 0.25
    """Weight of the strain fields' Grassmann distance."""
    stress_weight: PositiveFloat = 0.75
    """Weight of the stress curve's distance."""
    rank: Literal["larger", "reference", "infinite"] | PositiveInt = "reference"
    """Which rank the two fields are compared at: the larger of theirs, the MD's, a number, or infinite."""
    tolerance: float = Field(0.03, gt=0.0, lt=1.0)
    """Singular values below this fraction of the largest do not count for the rank."""
    ego: EgoInput = EgoInput()


class Ensemble(Section):
    """``[ensemble]``: several samples, which differ by their seeds, from ``md.seed`` on."""

    seeds: PositiveInt = 1
    """Number of samples."""
    ranks_per_sample: PositiveInt = 1
    """Ranks that make a sample together; others make the next ones meanwhile."""


class GlassInput(Section):
    """A whole file of a glass campaign."""

    campaign: Literal["glass"]
    """Which kind of campaign this file describes."""
    md: MD = MD()
    glass: Glass = Glass()
    shear: Shear = Shear()
    observe: Observe = Observe()
    checkpoint: Checkpoint = Checkpoint()
    output: Output = Output()
    calibrate: Calibrate | None = None
    ensemble: Ensemble = Ensemble()

    @model_validator(mode="after")
    def _fits(self) -> "GlassInput":
        if self.md.script is not None:
            if self.ensemble.seeds > 1:
                raise ValueError(
                    "ensemble.seeds is for the built-in glass: no seed of a script is known; start it with "
                    "--set md.variables.NAME=VALUE, each time in another --out"
                )
            if "shear" in self.model_fields_set:
                raise ValueError("[shear] is for the built-in glass; with 'md.script' the script shears")
            if "glass" in self.model_fields_set:
                raise ValueError("[glass] is for the built-in glass; with 'md.script' the script makes it")
            if self.calibrate is not None:
                raise ValueError(
                    "[calibrate] is for the built-in glass, whose moduli and shear rate are known"
                )
            # frames are equally far apart: their number is their strain
            if self.md.steps is not None and self.md.steps % self.observe.frames:
                raise ValueError(
                    f"md.steps = {self.md.steps} is not divided by observe.frames = {self.observe.frames}"
                )
        elif abs(self.exact_frame_steps - self.frame_steps) > 1e-6 * self.exact_frame_steps:
            raise ValueError(
                f"a frame would take {self.exact_frame_steps:g} steps (shear.max_strain / observe.frames / "
                "shear.rate_per_ps / md.timestep_ps); it must be a whole number"
            )
        if self.calibrate is not None:
            self._check_strains(self.calibrate.strains)
        least = min(self.checkpoint.every_steps, self.glass.anneal_steps)
        if self.glass.anneal == "sgcmc" and least < _LEAST_CHANGES:
            raise ValueError(
                f"glass.anneal_steps = {self.glass.anneal_steps} and checkpoint.every_steps = "
                f"{self.checkpoint.every_steps} with glass.anneal = 'sgcmc': must both be at least "
                f"{_LEAST_CHANGES}, since each piece begins with a balance of the types that costs 80 steps"
            )
        if self.glass.exchanges and not self.md.temperature_K < self.glass.anneal_K < self.md.liquid_K:
            raise ValueError(
                f"glass.anneal_K = {self.glass.anneal_K:g} must lie between md.temperature_K = "
                f"{self.md.temperature_K:g} and md.liquid_K = {self.md.liquid_K:g}: the quench stops there"
            )
        if self.glass.stripe is not None:
            self._check_stripe(self.glass.stripe)
        self._check_tests()
        # the frame's own step is the last of them
        needed = (self.observe.samples - 1) * self.observe.sample_every + 1
        if needed > self.frame_steps:
            raise ValueError(
                f"observe: {self.observe.samples} samples every {self.observe.sample_every} steps take "
                f"{needed} steps, a frame has {self.frame_steps}"
            )
        if self.frame_steps % self.observe.curve_points:
            raise ValueError(
                f"observe.curve_points = {self.observe.curve_points} does not divide the {self.frame_steps} "
                "steps of a frame"
            )
        return self

    def _check_tests(self) -> None:
        """Tests of the glass at rest need room for what they do."""
        edge = min(self.md.cells[:2]) * LATTICE
        if "local_yield" in self.measured and edge < CYLINDER_A:
            raise ValueError(
                f"md.cells = {list(self.md.cells)}: 'local_yield' shears cylinders that take {CYLINDER_A:g} "
                f"Å across with all that pulls at them, and the box would be {edge:.0f} Å: at least "
                f"{math.ceil(CYLINDER_A / LATTICE)} cells along x and y are needed"
            )

    def _check_stripe(self, stripe: Stripe) -> None:
        """Neither the stripe nor the rest may be thinner than what forces and windows reach."""
        if stripe.melt_K <= self.md.temperature_K:
            raise ValueError(
                f"glass.stripe.melt_K = {stripe.melt_K:g} must be above md.temperature_K = "
                f"{self.md.temperature_K:g}: nothing would melt"
            )
        # of the crystal: the glass's own height, a few percent more, is not known yet
        whole = self.md.cells[1] * LATTICE
        least = max(THINNEST_A, self.observe.energy_window)
        for what, part in (("the stripe", stripe.height), ("the rest of the glass", 1 - stripe.height)):
            if part * whole < least:
                raise ValueError(
                    f"glass.stripe.height = {stripe.height:g}: {what} would be {part * whole:.1f} Å of "
                    f"{whole:.0f} Å high; at least {least:g} Å are needed, the reach of the forces "
                    f"({THINNEST_A:g} Å) and observe.energy_window = {self.observe.energy_window:g}: raise "
                    "md.cells along y"
                )

    def _check_strains(self, strains: list[float]) -> None:
        """Before hours of MD: the calibration compares frames that there will be."""
        frames, reach = self.observe.frames, self.shear.max_strain
        for strain in strains:
            number = strain / reach * frames
            if not 0.5 < number < frames + 0.5 or abs(number - round(number)) > 1e-6 * frames:
                raise ValueError(
                    f"calibrate.strains: {strain:g} is none of the {frames} frames up to "
                    f"shear.max_strain = {reach:g}"
                )
        if sorted(set(strains)) != strains:
            raise ValueError("calibrate.strains must increase")

    @property
    def measured(self) -> list[Measured]:
        """The tests of the glass at rest that are to be made."""
        wanted = list(self.glass.predictors)
        if self.calibrate is not None and self.calibrate.predictor in get_args(Measured):
            wanted.append(cast(Measured, self.calibrate.predictor))
        return sorted(set(wanted))

    @property
    def exact_frame_steps(self) -> float:
        """Steps of a frame, by the shear rate."""
        per_step = self.shear.rate_per_ps * self.md.timestep_ps
        return self.shear.max_strain / self.observe.frames / per_step

    @property
    def frame_steps(self) -> int:
        """Steps of a frame."""
        if self.md.steps is not None:
            return self.md.steps // self.observe.frames
        return max(1, round(self.exact_frame_steps))

    @property
    def hold_steps(self) -> int:
        """Steps at rest before the shear, over which the first frame is averaged."""
        # the first frame, too, has its samples before it
        return self.observe.samples * self.observe.sample_every if self.md.script is None else 0
