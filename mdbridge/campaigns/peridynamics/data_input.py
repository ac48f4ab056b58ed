"""The input of a campaign with data of one's own: every key, its meaning, default and range."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ...core.config import Section
from ...core.keys import in_unit
from ...core.units import LENGTHS_IN_A, MODULI_IN_TPA, known_unit
from ...lps import families, quadrature
from .input import Length, Solve, Spacings

Degrees = Annotated[list[Annotated[int, Field(ge=0, le=60)]], Field(min_length=1)]
_Quadrature = Annotated[str, AfterValidator(quadrature.known)]
Lengths = Annotated[list[Length], Field(min_length=1)]


class Data(Section):
    """``[data]``: displacements and loads on nodes, from a simulation or a measurement.

    A file holds ``nodes`` (n x 2), ``u`` and ``b`` (samples x n x 2), and may hold ``box``, the two edges of
    a periodic box, and ``val_u``, ``val_b`` for validation.  b is the body force: b = −div σ.
    """

    file: str | list[str] = []
    """.npz, .h5 or .csv, relative to the TOML file, or several, each on nodes of its own; ``--data`` too."""
    length_unit: Annotated[str, AfterValidator(lambda u: known_unit(u, LENGTHS_IN_A))] | None = None
    """Of nodes, displacements, box, horizons: angstrom unless a table's first line says something else."""
    modulus_unit: Annotated[str, AfterValidator(lambda u: known_unit(u, MODULI_IN_TPA))] | None = None
    """b is in this over length_unit, or with load_per = "area" in this; TPa unless a table's first line says
    something else."""
    thickness: Annotated[Length, in_unit("length_unit")] | None = None
    """Of the sheet (length_unit).  E times it is the stiffness per width, which summary.json then has."""
    load_per: Literal["volume", "area"] = "volume"
    """Whether b is a force per volume (modulus_unit/length_unit) or per area of the sheet (modulus_unit),
    which is divided by the thickness."""
    box: Annotated[list[Length], Field(min_length=2, max_length=2), in_unit("length_unit")] | None = None
    """Edges of the periodic box of all files, for those that do not hold it."""
    names: dict[Literal["nodes", "u", "b", "box", "val_u", "val_b"], str] = {}
    """What the file calls its arrays, where it has other names."""
    imbalance: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Largest resultant of the loads of a periodic sample, over the sum of their sizes."""

    @model_validator(mode="after")
    def _divided(self) -> "Data":
        if self.load_per == "area" and self.thickness is None:
            raise ValueError("load_per = 'area' needs 'thickness', by which the loads are divided")
        return self

    @property
    def files(self) -> list[str]:
        """All files."""
        return [self.file] if isinstance(self.file, str) else list(self.file)


class OwnLearn(Section):
    """``[learn]``: the regression."""

    horizons: Annotated[Lengths, in_unit("length_unit")] | None = None
    """In length_unit; chosen from the node spacing if absent."""
    horizons_A: Lengths | None = None
    """The same in Å."""
    degrees: Degrees | None = None
    """M of the influence functions, which have M + 1 coefficients; as many as the data determine if
    absent."""
    kernel: Annotated[str, AfterValidator(lambda k: families.family(k).name)] | None = None
    """Family of the influence functions; bernstein on periodic grids and b-spline elsewhere if absent."""
    quadrature: _Quadrature | None = None
    """What makes bonds of K; published on periodic grids and consistent elsewhere if absent."""
    method: Literal["least-squares", "algorithm-1"] = "least-squares"
    """Least squares, or the published Algorithm 1."""
    long_wave_weight: Annotated[float, Field(ge=0, le=4)] = 1.5
    """Samples count by this power of their loads' wave length: long waves carry the moduli."""
    solution_weight: Annotated[float, Field(ge=0)] | None = None
    """Weight of the error of the displacement to that of the residual, which has 1; 2000 on periodic grids,
    where noise of the displacements spoils the residual alone, and 3 elsewhere if absent."""
    consistency_weight: Annotated[float, Field(ge=0)] | None = None
    """Weight of the conditions of consistency: isotropic moments of the bonds on every grid in use; 50 on
    periodic grids and 1 elsewhere if absent."""
    strict_inf_sup: bool = False
    """Also keep the dilatation from being blind to any wave inside the Brillouin zone."""
    also_on: Annotated[Spacings, in_unit("length_unit")] | None = None
    """Further node spacings (length_unit), h or [hx, hy], on which the model is to be used: it is consistent
    and provably solvable there, too."""
    also_on_A: Spacings | None = None
    """The same in Å."""
    own_dilatation: bool = False
    """Give the dilatation an influence function of its own."""
    starts: Annotated[int, Field(ge=1, le=1000)] = 3
    """Random starting points; the problem has many local minima, and the best end counts."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the starting points, and of the folds."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Parts that the samples are divided into for validation where the data has none of its own."""
    replicates: Annotated[int, Field(ge=0, le=10000)] = 40
    """Fits to samples drawn anew, which give the error bars (bootstrap); 0 for none."""

    @model_validator(mode="after")
    def _fits(self) -> "OwnLearn":
        if self.horizons is not None and self.horizons_A is not None:
            raise ValueError("'horizons' and 'horizons_A' exclude each other")
        if self.also_on is not None and self.also_on_A is not None:
            raise ValueError("'also_on' and 'also_on_A' exclude each other")
        if (self.also_on or self.also_on_A) and self.method == "algorithm-1":
            raise ValueError("also_on goes with method = 'least-squares' alone")
        if self.own_dilatation and (self.strict_inf_sup or self.method == "algorithm-1"):
            raise ValueError("own_dilatation goes with least squares and without strict_inf_sup alone")
        return self


class OwnSweep(Section):
    """``[sweep]``: the pairs (δ, M) that 'mdbridge learn --sweep' tries."""

    horizons: Annotated[Lengths, in_unit("length_unit")] | None = None
    """In length_unit; several multiples of the node spacing if absent."""
    horizons_A: Lengths | None = None
    """The same in Å."""
    degrees: Degrees = [0, 4, 8, 12, 16]
    """Degrees M."""

    @model_validator(mode="after")
    def _once(self) -> "OwnSweep":
        if self.horizons is not None and self.horizons_A is not None:
            raise ValueError("'horizons' and 'horizons_A' exclude each other")
        return self


class PeridynamicsInput(Section):
    """A whole file of a campaign with data of one's own."""

    campaign: Literal["peridynamics"]
    """Which kind of campaign this file describes."""
    data: Data = Data()
    learn: OwnLearn = OwnLearn()
    sweep: OwnSweep = OwnSweep()
    solve: Solve = Solve()
