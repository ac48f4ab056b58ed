"""The input model of ``mdbridge shear``."""

from typing import Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ...core.config import Section
from ...stz.forwardrun import TOLERANCE
from ...stz.ratelaw import Diffusion
from ...stz.staggered import Boundary

Formula = Literal["uniform", "bump", "random"]


class MaterialInput(Section):
    """``[material]``, [Kontolati2021, Table 1]."""

    s_y_GPa: PositiveFloat
    c0: PositiveFloat
    chi_inf: PositiveFloat | None = None
    mu_GPa: PositiveFloat = 20.0
    K_GPa: PositiveFloat = 66.23
    eps0: PositiveFloat = 44.53
    tau0_ps: PositiveFloat = 0.1
    l_chi_A: float = Field(25.59, ge=0.0)
    e_z_K: PositiveFloat = 21000.0


class InitialInput(Section):
    """``[initial]``: χ from an energy field in a file, or by a formula.

    ``file`` is a text file in the paper's format, or HDF5 with the field under
    ``dataset``; it and ``final_file`` are relative to the TOML file.
    """

    file: str | None = None
    final_file: str | None = None
    dataset: str = "potential_energy"
    beta_per_eV: PositiveFloat | None = None
    E0_eV: float | None = None
    formula: Formula | None = None
    chi: PositiveFloat | None = None
    amplitude: float | None = None
    width_A: PositiveFloat | None = None
    seed: int | None = Field(None, ge=0)

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
    max_strain: PositiveFloat = 0.5
    frames: PositiveInt = 100
    fields_every: PositiveInt = 1
    frame: Literal["simple", "pure"] = "simple"


class GridInput(Section):
    """``[grid]``."""

    nx: int = Field(32, ge=4)
    ny: int = Field(32, ge=4)
    lx_A: PositiveFloat = 400.0
    ly_A: PositiveFloat = 400.0
    boundary: Boundary = "periodic"


class SchemeInput(Section):
    """``[scheme]``; without ``projection``, Fourier where it serves and PETSc elsewhere."""

    diffusion: Diffusion = "group"
    projection: Literal["fourier", "petsc"] | None = None
    tolerance: float = Field(TOLERANCE, gt=0.0, lt=1.0)


class OutputInput(Section):
    """``[output]``: what is written besides run.h5, summary.json and the figures."""

    vtk: bool = False
    animation: bool = False


class ShearInput(Section):
    """A whole file of ``mdbridge shear``."""

    campaign: Literal["shear"]
    material: MaterialInput
    initial: InitialInput
    shear: ShearSection = ShearSection()
    grid: GridInput = GridInput()
    scheme: SchemeInput = SchemeInput()
    output: OutputInput = OutputInput()

    @model_validator(mode="after")
    def _steady_state_known(self) -> "ShearInput":
        if (self.material.chi_inf is None) == (self.initial.final_file is None):
            raise ValueError("give either 'material.chi_inf' or 'initial.final_file', one of them")
        return self
