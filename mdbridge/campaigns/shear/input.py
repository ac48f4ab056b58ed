"""The input model of ``mdbridge shear``."""

from typing import Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ...core.config import Section
from ...core.errors import InputError
from ...stz.forwardrun import TOLERANCE
from ...stz.loading import legs
from ...stz.ratelaw import Diffusion
from ...stz.staggered import Boundary

Formula = Literal["uniform", "bump", "random"]


class MaterialInput(Section):
    """``[material]``, [Kontolati2021, Table 1]."""

    s_y_GPa: PositiveFloat
    """Yield stress (GPa)."""
    c0: PositiveFloat
    """Plastic work fraction: how much of the plastic work raises χ."""
    chi_inf: PositiveFloat | None = None
    """Effective temperature χ of steady flow, without dimension; or ``initial.final_file``, from which it
    follows."""
    mu_GPa: PositiveFloat = 20.0
    """Shear modulus (GPa)."""
    K_GPa: PositiveFloat = 66.23
    """Bulk modulus (GPa)."""
    eps0: PositiveFloat = 44.53
    """Typical number of atoms of a shear transformation zone."""
    tau0_ps: PositiveFloat = 0.1
    """Time of an atom's vibration (ps)."""
    l_chi_A: float = Field(25.59, ge=0.0)
    """Length over which χ diffuses where the glass flows (Å)."""
    e_z_K: PositiveFloat = 21000.0
    """Formation energy of a shear transformation zone over Boltzmann's constant (K)."""


class InitialInput(Section):
    """``[initial]``: χ from an energy field in a file, or by a formula.

    ``file`` is a text file in the paper's format, or HDF5 with the field under
    ``dataset``; it and ``final_file`` are relative to the TOML file.
    """

    file: str | None = None
    """Energies per atom (eV) at γ = 0 on the grid, relative to this file: text in the published format, or
    HDF5."""
    final_file: str | None = None
    """The same at the end of the MD: χ∞ is β times the excess over E0 of its largest energy."""
    dataset: str = "potential_energy"
    """Dataset of the energies in an HDF5 file."""
    beta_per_eV: PositiveFloat | None = None
    """β of χ = β (E − E0), with ``file`` (1/eV)."""
    E0_eV: float | None = None
    """E0 of χ = β (E − E0), with ``file`` (eV)."""
    formula: Formula | None = None
    """χ at γ = 0 without a file: everywhere ``chi``; with a soft spot in the middle; or random."""
    chi: PositiveFloat | None = None
    """χ far from the spot, or its mean; without dimension."""
    amplitude: float | None = None
    """Height of the spot above ``chi``, or standard deviation of the random field; without dimension."""
    width_A: PositiveFloat | None = None
    """Standard deviation of the spot, or of the filter that makes the random field smooth (Å)."""
    seed: int | None = Field(None, ge=0)
    """Of the random field."""
    stress_GPa: float = 0.0
    """σ_xy of the whole sample at γ = 0, as a quench may have frozen it in (GPa)."""

    @model_validator(mode="after")
    def _one_source(self) -> "InitialInput":
        # pydantic knows what one key may be; which of them go together is said here, before any file is read
        if (self.file is None) == (self.formula is None):
            raise ValueError(f"give either 'file' or 'formula' ({', '.join(get_args(Formula))}), one of them")
        needs = {
            None: ("beta_per_eV", "E0_eV"),
            "uniform": ("chi",),
            "bump": ("chi", "amplitude", "width_A"),
            "random": ("chi", "amplitude", "width_A", "seed"),
        }[self.formula]
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            source = f"formula '{self.formula}'" if self.formula else "'file'"
            raise ValueError(f"{source} needs {', '.join(missing)}")
        # a formula gives χ itself; energies become one by β and E0 alone
        if self.final_file is not None and self.formula is not None:
            raise ValueError("'final_file' goes with 'file', which gives beta_per_eV and E0_eV")
        return self


class ShearSection(Section):
    """``[shear]``: the loading and what is kept of it."""

    rate_per_s: PositiveFloat = 1.0e8
    """Shear rate (1/s)."""
    max_strain: PositiveFloat = 0.5
    """Shear strain γ at the end."""
    frames: PositiveInt = 100
    """Frames at equal distances in strain, beside the first; of each leg of ``[loading]``."""
    fields_every: PositiveInt = 1
    """Fields are kept of every so many frames, and of the last; curves of all of them."""
    frame: Literal["simple", "pure"] = "simple"
    """Simple or pure shear of the box."""


class LoadingInput(Section):
    """``[loading]``: reverse or cyclic shear, or changes of the rate, in place of ``shear.max_strain``.

    ``strains = [0.1, -0.1, 0.1]`` shears to 0.1, back through 0 to -0.1, and to 0.1 again.
    """

    strains: list[float] = Field(min_length=1, max_length=1000)
    """Shear strains γ, in order, at which the direction or the rate changes, and the last one; from 0, of
    either sign."""
    rates_per_s: list[PositiveFloat] | None = None
    """Shear rate on the way to each of them (1/s); ``shear.rate_per_s`` for all if absent."""

    @model_validator(mode="after")
    def _legs(self) -> "LoadingInput":
        rates = [1.0] * len(self.strains) if self.rates_per_s is None else self.rates_per_s
        try:
            legs(self.strains, rates)
        except InputError as error:
            # the key is in front already
            raise ValueError(str(error).removeprefix("loading: ")) from None
        return self


class GridInput(Section):
    """``[grid]``."""

    nx: int = Field(32, ge=4)
    """Cells along x."""
    ny: int = Field(32, ge=4)
    """Cells along y."""
    lx_A: PositiveFloat = 400.0
    """Width of the sample (Å)."""
    ly_A: PositiveFloat = 400.0
    """Its height (Å)."""
    boundary: Boundary = "periodic"
    """Periodic in both directions, or clamped between plates at Y = 0 and ly."""


class SchemeInput(Section):
    """``[scheme]``; without ``projection``, Fourier where it serves and PETSc elsewhere."""

    diffusion: Diffusion = "group"
    """Published form of the diffusion of χ: that of the paper, or that of the authors' solver (group)."""
    projection: Literal["fourier", "petsc"] | None = None
    """Solver of the quasi-static equilibrium; Fourier where it serves (one rank, periodic), else PETSc, if
    absent."""
    tolerance: float = Field(TOLERANCE, gt=0.0, lt=1.0)
    """Error allowed in a step, relative to the scale of each quantity."""


class OutputInput(Section):
    """``[output]``: what is written besides run.h5, summary.json and the figures."""

    vtk: bool = False
    """Also a series for ParaView."""
    animation: bool = False
    """Also run.gif."""


class ShearInput(Section):
    """A whole file of ``mdbridge shear``."""

    campaign: Literal["shear"]
    """Which kind of campaign this file describes."""
    material: MaterialInput
    initial: InitialInput
    shear: ShearSection = ShearSection()
    loading: LoadingInput | None = None
    grid: GridInput = GridInput()
    scheme: SchemeInput = SchemeInput()
    output: OutputInput = OutputInput()

    @model_validator(mode="after")
    def _steady_state_known(self) -> "ShearInput":
        if (self.material.chi_inf is None) == (self.initial.final_file is None):
            raise ValueError("give either 'material.chi_inf' or 'initial.final_file', one of them")
        return self

    @model_validator(mode="after")
    def _one_program(self) -> "ShearInput":
        if self.loading is not None and "max_strain" in self.shear.model_fields_set:
            raise ValueError("'shear.max_strain' and 'loading.strains' both say where to end: leave out one")
        return self
