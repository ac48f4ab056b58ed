"""The input of a campaign with a planar crystal: every key, its meaning, default and range."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from ...core.config import Section
from ...core.keys import in_unit
from ...lps import families, quadrature
from ...md.crystals import CRYSTALS, PlanarCrystal, planar_crystal
from ...md.loads import WAVES

Length = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Spacings = list[Length | Annotated[list[Length], Field(min_length=2, max_length=2)]]


# one line: what follows a newline would be a command of its own to LAMMPS
Line = Annotated[str, Field(pattern=r"^[^\n]*\S[^\n]*$")]


def _known_kernel(name: str) -> str:
    # the register's own error, which lists the families
    return families.family(name).name


_Quadrature = Annotated[str, AfterValidator(quadrature.known)]


class MD(Section):
    """The atomistic model: a crystal, and where its own potential is not to be used, another.

    For example graphene with AIREBO::

        crystal = "graphene"
        potential = "CH.airebo"
        pair_style = "airebo 3.0"
        pair_coeff = "* * {potential} C"
    """

    crystal: str = "graphene"
    """One of :data:`mdbridge.md.crystals.CRYSTALS`, with its cell, masses and potential."""
    potential: str | dict[str, str] | None = None
    """The potential's file: a path, relative to this file, or a name that ships with LAMMPS; by default
    the crystal's own.  Several files in a table, ``{label = "file", …}``.  Without pair_style it is
    another file for the crystal's own pair style."""
    pair_style: Line | None = None
    """Another pair style, as LAMMPS takes it in ``units metal``, with its options."""
    pair_coeff: Line | list[Line] | None = None
    """What goes with it, one line or several; types in the order of the crystal's masses.  Where LAMMPS takes
    a file stands ``{potential}``, or ``{label}`` of a table, so that results are known by its contents."""
    cells: Annotated[list[Annotated[int, Field(ge=4)]], Field(min_length=2, max_length=2)] = [39, 23]
    """Rectangular cells of the periodic sheet, of graphene √3a × 3a: 39 × 23 make 3,588 atoms."""
    bond_guess_A: Length | None = None
    """Start of the search for the stress-free length of the shortest bond; by default the crystal's own.  The
    search goes 15 % to both sides."""
    timestep_ps: Length | None = None
    """Of the dynamics, where there are any; by default the crystal's own, 0.0005.  One that does not resolve
    the fastest oscillation is refused."""
    disc_radius_A: Length = 100.0
    """Of the free disc whose displacements test the model (Å)."""
    disc_inner_A: Length = 50.0
    """The disc is loaded outside this radius, and solved inside it."""
    max_bond_strain: Annotated[float, Field(gt=0, lt=0.02)] = 0.002
    """Loads are scaled to this largest bond strain; beyond 0.02 the response is not linear."""
    max_nonlinearity: Fraction = 0.005
    """Largest relative change of the crystal's compliance under a load at rest; loads that change it more are
    lowered by halves.  With most potentials none is; AIREBO's stiffness has a kink at rest."""
    force_tolerance: Annotated[float, Field(gt=0), in_unit("eV/Å")] = 1e-9
    """Largest force left in a relaxed state (eV/Å)."""

    @field_validator("crystal")
    @classmethod
    def _registered(cls, name: str) -> str:
        if name not in CRYSTALS:
            raise ValueError(f"must be one of {', '.join(CRYSTALS)}")
        return name

    @model_validator(mode="after")
    def _style_and_coefficients(self) -> "MD":
        if (self.pair_style is None) != (self.pair_coeff is None):
            given, missing = "pair_style", "pair_coeff"
            if self.pair_style is None:
                given, missing = missing, given
            raise ValueError(
                f"md.{given} is given without md.{missing}: give both, or none for the crystal's own"
            )
        return self

    @property
    def planar(self) -> PlanarCrystal:
        """The crystal with all that these keys change of it."""
        crystal = planar_crystal(self.crystal)
        files = {"potential": self.potential} if isinstance(self.potential, str) else self.potential
        if self.pair_style is not None and self.pair_coeff is not None:
            lines = [self.pair_coeff] if isinstance(self.pair_coeff, str) else self.pair_coeff
            crystal = crystal.with_potential(self.pair_style, lines, files or {})
        elif files is not None:
            crystal = replace(crystal, potentials=files)
        if self.bond_guess_A is not None:
            # lengths of a crystal are in lattice constants
            crystal = replace(crystal, lattice_guess=self.bond_guess_A / crystal.shortest)
        if self.timestep_ps is not None:
            crystal = replace(crystal, timestep=self.timestep_ps)
        return crystal

    def beside(self, folder: Path) -> "MD":
        """The same with potentials that lie in ``folder`` by their whole paths."""

        def whole(name: str) -> str:
            # what is not there is left for LAMMPS's own potentials
            return str((folder / name).resolve()) if (folder / name).is_file() else name

        if self.potential is None:
            return self
        files = self.potential
        resolved = (
            whole(files) if isinstance(files, str) else {key: whole(name) for key, name in files.items()}
        )
        return self.model_copy(update={"potential": resolved})


class Coarse(Section):
    """Spatial averaging."""

    kernel: Literal["cone", "paraboloid", "gaussian"] = "cone"
    """Shape of the window around a node, of finite support."""
    radius_A: Length = 10.0
    """Where the window ends (Å)."""
    deviations: Annotated[float, Field(ge=2, le=8)] = 3.0
    """Standard deviations of the Gaussian to its radius.  At 3 its rim is 1.1 % of its peak high, and what
    that edge lets through of the crystal's own lattice comes back from the nodes as short waves; at 5 it is
    4e-6."""
    spacing_A: Length = 5.0
    """Of the nodes (Å); rounded so that a whole number fits the box."""
    fine_spacing_A: Length = 2.5
    """Of a second, finer set of nodes (Å), on which the model is tried too."""
    disc_nodes: Literal["square", "sheet"] = "square"
    """Nodes of the free disc: a square lattice of these spacings, or the rectangular lattice of the sheet,
    whose box holds a whole number of nodes.  With "sheet" a model serves one lattice; with "square" it must
    serve two that hardly differ, which costs a model of short waves much."""

    @model_validator(mode="after")
    def _covered(self) -> "Coarse":
        if self.radius_A < max(self.spacing_A, self.fine_spacing_A):
            raise ValueError(
                f"coarse.radius_A = {self.radius_A:g} must be at least coarse.spacing_A = {self.spacing_A:g} "
                f"and coarse.fine_spacing_A = {self.fine_spacing_A:g}: nodes would miss atoms"
            )
        if self.kernel != "gaussian" and self.deviations != 3.0:
            raise ValueError(
                f"coarse.deviations = {self.deviations:g} is of the Gaussian alone; coarse.kernel = "
                f"'{self.kernel}' has none: leave it out"
            )
        return self


class Loads(Section):
    """The loads of the periodic sheet, and how they are applied."""

    waves: Annotated[int, Field(ge=2, le=40)] = WAVES
    """Largest number of waves along an edge of the box in the training loads; the paper's 5 make 70 loads, 9
    make 198."""
    two_sided: bool = True
    """Take half the difference of the answers to b and to −b, which cancels every even order of the crystal's
    nonlinearity, and report what is left of it: at rest four relaxations for one.  At a finite temperature
    both runs have the same velocities and random forces, so that the thermal motion cancels, too."""


class Dynamics(Section):
    """One training load run at finite temperature, with the time filter at every step."""

    enabled: bool = True
    """Whether that run is made."""
    load: str = "train-x-1-1"
    """Its load, by its name in dataset.h5."""
    temperature_K: Length = 300.0
    """Of the thermostat (K)."""
    duration_ps: Annotated[float, Field(ge=0.01)] = 4.0
    """Length of the run (ps)."""
    damping_ps: Length = 0.2
    """Of the Langevin thermostat (ps)."""
    filter_weight: Fraction = 0.001
    """ι of the time filter; the filter remembers about timestep/ι."""
    max_bond_strain: Annotated[float, Field(gt=0, lt=0.02)] = 0.01
    """The load's own scale: larger than at 0 K, so that it shows above the thermal motion."""
    seed: Annotated[int, Field(ge=1)] = 2021
    """Of velocities and random forces."""


class Thermal(Section):
    """All loads at a finite temperature instead of at rest: means over a thermostatted run."""

    temperature_K: Length = 300.0
    """Of the thermostat (K)."""
    duration_ps: Annotated[float, Field(ge=0.01)] = 1.0
    """Of the runs of the sheet."""
    disc_duration_ps: Annotated[float, Field(ge=0.01)] = 2.0
    """Of those of the disc, whose slowest deformation takes longer to settle."""
    damping_ps: Length = 0.05
    """Of the Langevin thermostat: critical for the longest waves of the sheet, so that they settle."""
    published_filter: Fraction = 0.01
    """ι of [You2022, eq. 2.10]: a memory of 0.05 ps."""
    filter: Fraction = 0.001
    """ι of the filter that is used: a memory of 0.5 ps."""
    load_factors: Annotated[list[Fraction], Field(min_length=1)] = [1.0, 0.25, 0.1]
    """The training loads are also run at these fractions: the signal-to-noise levels of section 6.3."""
    elastic_seeds: Annotated[int, Field(ge=2)] = 4
    """Runs with seeds of their own that give the elastic constants directly."""
    elastic_ps: Annotated[float, Field(ge=0.01)] = 3.0
    """Length of the runs that give the elastic constants directly, and how many seeds of them."""
    seed: Annotated[int, Field(ge=1, le=100_000_000)] = 2021
    """Of velocities and random forces."""
    noise: Literal["shared", "each"] = "shared"
    """With "shared" all runs have the same velocities and random forces, so that an unloaded twin takes the
    thermal motion away.  With "each" every load has its own, as in [You2022]: there is no twin, and what
    is left of the motion is in the data.  The two signs of a load always share theirs."""

    @model_validator(mode="after")
    def _whole_load(self) -> "Thermal":
        if self.load_factors[0] != 1.0 or len(set(self.load_factors)) < len(self.load_factors):
            raise ValueError(f"load_factors = {self.load_factors}: must begin with 1.0, each given once")
        return self


class Parallel(Section):
    """How ranks share the samples."""

    ranks_per_sample: Annotated[int, Field(ge=1)] = 1
    """MPI ranks that share the atoms of one sample; other samples run beside it."""


class Learn(Section):
    """The regression."""

    kernel: Annotated[str, AfterValidator(_known_kernel)] = families.DEFAULT
    """Family of the influence functions: bernstein, or b-spline, each with M + 1 coefficients."""
    quadrature: _Quadrature = quadrature.PUBLISHED
    """What makes bonds of K: published, near-cell, isotropic or consistent.  The model keeps it for
    solving."""
    method: Literal["least-squares", "algorithm-1"] = "least-squares"
    """Least squares on the symbol of the operator, or the published Algorithm 1."""
    horizons_A: Annotated[list[Length], Field(min_length=1)] = [25.5, 28.5]
    """Horizons δ to choose from (Å)."""
    degrees: Annotated[list[Annotated[int, Field(ge=0, le=60)]], Field(min_length=1)] = [16, 24]
    """Degrees M to choose from; a kernel has M + 1 coefficients."""
    baseline_horizon_A: Length = 12.5
    """Horizon of the positive M = 0 kernel that errors are normalised with to choose (δ, M)."""
    long_wave_weight: Annotated[float, Field(ge=0, le=4)] = 1.5
    """Samples count by this power of their loads' wave length: long waves carry the moduli."""
    solution_weight: Annotated[float, Field(ge=0)] = 3.0
    """Weight of the error of the displacement to that of the residual, which has 1."""
    consistency_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the conditions of consistency: isotropic moments of the bonds on every grid in use."""
    long_waves: Literal["free", "exact"] = "free"
    """With "exact" λ and μ are not fitted: they are the limit of the data's own long waves, and the kernel is
    bound to have them as moduli on the nodes."""
    strict_inf_sup: bool = False
    """Also keep the dilatation from being blind to any wave inside the Brillouin zone."""
    also_on_A: Spacings = []
    """Further node spacings, h or [hx, hy], on which the model is to be used: it is consistent and provably
    solvable there, too.  They have no samples, and need quadrature = "consistent": with any other a function
    K is another material on other nodes."""
    own_dilatation: bool = False
    """Give the dilatation an influence function of its own (beyond the paper)."""
    hybrid: bool = False
    """Train on the coarse and the fine nodes together, [You2022, sec. 6.4]."""
    variant: str = ""
    """Train on one of the dataset's variants, such as published-x1-two-sided, instead of the standard."""
    starts: Annotated[int, Field(ge=1, le=1000)] = 6
    """Random starting points; the problem has many local minima, and the best end counts."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the starting points."""

    @model_validator(mode="after")
    def _function_of_its_own(self) -> "Learn":
        if self.also_on_A and self.quadrature != "consistent":
            raise ValueError(
                f"learn.also_on_A with learn.quadrature = '{self.quadrature}': the same K would be another "
                "material on other nodes; set learn.quadrature = 'consistent' and learn.kernel = 'b-spline'"
            )
        if self.also_on_A and self.method == "algorithm-1":
            raise ValueError("learn.also_on_A goes with learn.method = 'least-squares' alone")
        return self


class Sweep(Section):
    """The pairs (δ, M) that 'mdbridge learn --sweep' tries."""

    horizons_A: Annotated[list[Length], Field(min_length=1)] = [
        12.5,
        15.0,
        17.5,
        20.0,
        22.5,
        25.0,
        26.5,
        28.5,
    ]
    """Horizons δ (Å)."""
    degrees: Annotated[list[Annotated[int, Field(ge=0, le=60)]], Field(min_length=1)] = [0, 5, 10, 15, 20, 24]
    """Degrees M."""


class Solve(Section):
    """The boundary-value problems."""

    relative_tolerance: Annotated[float, Field(gt=0, lt=1e-2)] = 1e-10
    """Residual at which the iteration ends, over that of its start."""
    max_iterations: Annotated[int, Field(ge=1)] = 2000
    """Iterations after which a solve counts as failed."""


class Wave(Section):
    """Waves in time, for 'mdbridge wave': packets of both branches, and a pulse."""

    wavelength_A: Length = 12.0
    """Of the packets' carrier along x; the nearest that fits a whole number of times is taken."""
    packet_width_A: Length = 30.0
    """Standard deviation of a packet's envelope."""
    path_A: Length = 150.0
    """How far the packets travel."""
    amplitude_A: Length = 1e-4
    """Largest displacement of the atoms, in packets and pulse.  The crystal is to answer linearly: at 0.003 a
    longitudinal packet shifts its own middle by a quarter of its amplitude."""
    pulse_width_A: Length = 5.0
    """Standard deviation of the displacement along x that the pulse starts from, at rest."""
    pulse_ps: Length = 0.3
    """How long the pulse is followed."""


class GrapheneInput(Section):
    """A campaign with a planar crystal, graphene unless ``md.crystal`` says otherwise."""

    campaign: Literal["graphene"]
    """Which kind of campaign this file describes."""
    md: MD = MD()
    coarse: Coarse = Coarse()
    loads: Loads = Loads()
    dynamics: Dynamics = Dynamics()
    thermal: Thermal | None = None
    parallel: Parallel = Parallel()
    learn: Learn = Learn()
    sweep: Sweep = Sweep()
    solve: Solve = Solve()
    wave: Wave = Wave()

    @model_validator(mode="after")
    def _fits(self) -> "GrapheneInput":
        if self.learn.own_dilatation and (self.learn.strict_inf_sup or self.learn.method == "algorithm-1"):
            raise ValueError(
                "learn.own_dilatation = true: goes with learn.method = 'least-squares' and without "
                "learn.strict_inf_sup alone"
            )
        if self.md.disc_inner_A >= self.md.disc_radius_A:
            raise ValueError(
                f"md.disc_inner_A = {self.md.disc_inner_A:g} must be below "
                f"md.disc_radius_A = {self.md.disc_radius_A:g}"
            )
        if self.thermal is not None and self.parallel.ranks_per_sample != 1:
            raise ValueError(
                f"parallel.ranks_per_sample = {self.parallel.ranks_per_sample} with a section [thermal]: "
                "must be 1; LAMMPS draws the thermostat's noise rank by rank, and a loaded and an unloaded "
                "run share it only if no atom ever changes ranks"
            )
        if self.thermal is not None and self.dynamics.enabled:
            raise ValueError("dynamics.enabled = true with a section [thermal]: set it to false")
        planar = self.md.planar
        box = planar.box(self.md.cells, planar.lattice_guess)
        nodes = [round(length / self.coarse.spacing_A) for length in box]
        # Nyquist: a wave needs more than two nodes
        if min(nodes) <= 2 * self.loads.waves:
            raise ValueError(
                f"md.cells = {self.md.cells} with coarse.spacing_A = {self.coarse.spacing_A:g} makes "
                f"{nodes[0]} × {nodes[1]} nodes, but the loads have up to {self.loads.waves} waves per box "
                f"and need more than {2 * self.loads.waves}; raise md.cells, or lower coarse.spacing_A"
            )
        # the collar of 2δ around the solved part of the disc must hold averaged atoms
        widest = (self.md.disc_radius_A + self.coarse.radius_A - self.md.disc_inner_A) / 2
        too_wide = [h for h in self.learn.horizons_A if h > widest]
        if too_wide:
            raise ValueError(
                f"learn.horizons_A has {too_wide[0]:g}, but the disc leaves room for a collar of two "
                f"horizons only up to {widest:g}; lower it, or raise md.disc_radius_A"
            )
        return self
