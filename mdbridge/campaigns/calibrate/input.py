"""The input model of ``mdbridge calibrate``."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, field_validator, model_validator

from ...calibrate.program import Keep
from ...calibrate.settings import Scheme
from ...calibrate.space import Design, Distribution
from ...calibrate.terms import Discrepancy
from ...core.config import Section
from ...core.keys import in_unit

OF_ITSELF = in_unit("of the parameter")
ParameterValue = float | int | str | bool
Places = dict[str, str] | list[str] | str | None


class ParameterInput(Section):
    """``[parameters.NAME]``: ``low``, ``high``, distribution; or ``values`` without an order; or a ``value``.

    ``truth`` is drawn in the report where it is known.
    """

    low: Annotated[float, OF_ITSELF] | None = None
    """Lower bound; with a high bound that equals it the parameter is fixed."""
    high: Annotated[float, OF_ITSELF] | None = None
    """Upper bound."""
    distribution: Distribution = "uniform"
    """How the first samples are spread between the bounds, and in which variable the search goes (the
    logarithm for loguniform)."""
    mean: Annotated[float, OF_ITSELF] | None = None
    """Of a normal distribution, cut at the bounds."""
    deviation: Annotated[PositiveFloat, OF_ITSELF] | None = None
    """Its standard deviation."""
    integer: bool = False
    """Whole numbers alone."""
    values: Annotated[list[ParameterValue], OF_ITSELF] | None = None
    """Choices without an order, in place of bounds."""
    value: Annotated[ParameterValue, OF_ITSELF] | None = None
    """A fixed value, in place of bounds."""
    truth: Annotated[ParameterValue, OF_ITSELF] | None = None
    """The true value where it is known, to be drawn."""
    unit: str = ""
    """For tables and figures."""

    @property
    def held(self) -> ParameterValue | None:
        """The value of a parameter that is fixed; None if it is to be found."""
        if self.value is not None:
            return self.value
        if self.low is None or self.low != self.high:
            return None
        return int(self.low) if self.integer else self.low

    def cast(self, value: ParameterValue) -> ParameterValue:
        """A value as the model gets it: 2 is 2.0 for a real parameter."""
        real = self.low is not None and not self.integer and isinstance(value, int)
        return float(value) if real else value

    @model_validator(mode="after")
    def _one_kind(self) -> "ParameterInput":
        bounds = self.low is not None or self.high is not None
        if sum((bounds, self.values is not None, self.value is not None)) != 1:
            raise ValueError(
                "give 'low' and 'high', or 'values' (choices without an order), or 'value' (fixed)"
            )
        if self.values is not None and len(self.values) < 2:
            raise ValueError("give two or more different 'values', or hold a single one by 'value'")
        if bounds and (self.low is None or self.high is None):
            raise ValueError(f"'{'low' if self.low is None else 'high'}' is missing")
        if not bounds and (self.integer or self.distribution != "uniform"):
            raise ValueError("'integer' and 'distribution' belong to 'low' and 'high'")
        return self


class ProgramInput(Section):
    """``[model]``: a program instead of a function, see :mod:`mdbridge.calibrate.program`.

    ``command`` is run in a folder of its own for each trial, with copies of what lies beside the input
    (of ``files`` alone, if given).  ``template``: files whose placeholders ``{name}`` are filled with
    parameters and options.  ``collect``: files with the results, or a place (``file:column``) for each name.
    ``keep``: folders of which trials stay, in ``trials`` of the results.
    """

    command: list[str] | str
    """Program and arguments, with placeholders ``{name}`` where parameters go; run in a folder of its own for
    each trial."""
    template: list[str] | str = []
    """Files whose placeholders ``{name}`` are filled with parameters and options."""
    collect: dict[str, str] | list[str] | str
    """Files with the results (CSV, JSON, npz), or a place (``file:column``) for each name."""
    files: list[str] | None = None
    """What is copied to the folder of a trial; all that lies beside the input if absent."""
    keep: Keep = "none"
    """Of which trials the folders are kept."""
    labels: dict[str, str] = {}
    """Names of results for figures."""
    units: dict[str, str] = {}
    """Units of results."""

    @field_validator("command")
    @classmethod
    def _words(cls, given: list[str] | str) -> list[str]:
        words = shlex.split(given) if isinstance(given, str) else given
        if not words or not words[0]:
            raise ValueError("names no program")
        return words

    @field_validator("collect", "files")
    @classmethod
    def _inside(
        cls, given: dict[str, str] | list[str] | str | None
    ) -> dict[str, str] | list[str] | str | None:
        names = [given] if isinstance(given, str) else given or []
        for name in names.values() if isinstance(names, dict) else names:
            # what lies elsewhere all trials would share, and each would remove what others wrote
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{name!r} leads out of the folder of a trial: give a place inside it")
        return given

    @field_validator("collect")
    @classmethod
    def _something(cls, given: dict[str, str] | list[str] | str) -> dict[str, str] | list[str] | str:
        if not given:
            raise ValueError("names no file")
        return given


def _kind(given: Any) -> str:
    return "program" if isinstance(given, dict | ProgramInput) else "function"


# by its kind: an error in the table is then not one of a text, too
ModelInput = Annotated[
    Annotated[str, Tag("function")] | Annotated[ProgramInput, Tag("program")], Discriminator(_kind)
]


class ReferenceInput(Section):
    """``[reference]``: what the model is to reproduce; one of three sources.

    ``parameters``: a run of the model itself; ``function``: a callable that is
    given ``options`` by name and returns fields and curves (for the figures
    also the calibrated parameters that it takes by name); ``file``: .npz or
    HDF5 with datasets of the same names.
    """

    parameters: Annotated[dict[str, ParameterValue], in_unit("of each parameter")] | None = None
    """The reference is a run of the model itself with these parameters: a test of the search."""
    function: str | None = None
    """``package.module:function`` that returns fields and curves."""
    options: dict[str, Any] = {}
    """Given to it by name."""
    file: str | None = None
    """.npz, HDF5 or CSV with the same names as what the model returns."""

    @model_validator(mode="after")
    def _one_source(self) -> "ReferenceInput":
        # by hand: pydantic has no "exactly one of these"
        given = [name for name in ("parameters", "function", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of 'reference.parameters', 'reference.function', 'reference.file'")
        return self


class TermInput(Section):
    """``[[objective]]``: a term and its weight.

    "grassmann" compares ``field`` with the rank rule, or with a rank for each snapshot; "l1" and "l2" compare
    ``curve``; "user" calls ``function(response, reference)``.  ``sigma`` is the standard deviation of the
    noise: a number, or for curves one a point, here or under a name in the reference.  A curve with an
    ``abscissa`` is interpolated to that of the reference where the model returns its own.  With
    ``discrepancy`` the model may be wrong somewhere: see :mod:`mdbridge.calibrate.discrepancy`.
    """

    term: Literal["grassmann", "l1", "l2", "user"]
    """How model and reference are compared."""
    weight: PositiveFloat = 1.0
    """Of this term in the sum; l2 with ``sigma`` has none."""
    sigma: Annotated[PositiveFloat | list[PositiveFloat] | str, in_unit("of what is compared")] | None = None
    """Standard deviation of the noise: a number, for curves one a point, or a name in the reference."""
    abscissa: str | None = None
    """Name of the curve's abscissa; the model's curve is interpolated to the reference's."""
    discrepancy: Discrepancy = "none"
    """How the model may be wrong: by a smooth curve, or in a way of which little is known (few)."""
    field: str | None = None
    """Name of the field that is compared (grassmann)."""
    curve: str | None = None
    """Name of the curve that is compared (l1, l2)."""
    function: str | None = None
    """``package.module:function`` of response and reference (user)."""
    rank: Literal["larger", "reference", "infinite"] | PositiveInt | list[PositiveInt] = "larger"
    """Rank at which fields are compared: the larger of the two, the reference's, infinite, or given."""
    tolerance: float = Field(1e-3, gt=0.0, lt=1.0)
    """Singular values below this fraction of the largest do not count for the rank."""
    space: Literal["column", "row"] = "column"
    """Which singular vectors are compared: those of columns, or of rows."""

    @model_validator(mode="after")
    def _named(self) -> "TermInput":
        # what a term compares has its own key, so that a misspelt one is refused
        needed = {"grassmann": "field", "l1": "curve", "l2": "curve", "user": "function"}[self.term]
        if getattr(self, needed) is None:
            raise ValueError(f"the term '{self.term}' needs '{needed}'")
        if self.sigma is not None:
            self._check_sigma()
        if self.discrepancy == "smooth" and self.term == "grassmann":
            raise ValueError("discrepancy = 'smooth' is for curves; of a field it can be 'few'")
        if self.discrepancy != "none" and self.term == "user":
            raise ValueError(
                "'discrepancy' is for fields and curves: of others it is not known what is smooth"
            )
        if self.abscissa is not None and self.curve is None:
            raise ValueError("'abscissa' is for curves")
        return self

    def _check_sigma(self) -> None:
        if self.term == "user":
            raise ValueError("'sigma' is for fields and curves; divide by it in the function")
        # one number: noise on a field reaches the residuals through singular vectors
        if self.term == "grassmann" and not isinstance(self.sigma, float | int):
            raise ValueError(f"'sigma' = {self.sigma!r}: of a field it is a number")
        # what the user wrote: 1.0 by default says nothing
        if self.term == "l2" and "weight" in self.model_fields_set:
            raise ValueError(
                "'weight' and 'sigma': a curve whose noise is known has its weight; leave one out"
            )


class EgoInput(Section):
    """``[ego]``: see :class:`mdbridge.calibrate.ego.SearchSettings`."""

    scheme: Scheme = "ego+refine"
    """Expected improvement to find basins and Gauss–Newton to descend each (ego+refine), expected
    improvement alone (ego), or the published scheme."""
    seed: int = Field(0, ge=0)
    """Of everything random."""
    samples: PositiveInt = 100_000
    """Random points of which the published scheme takes the best."""
    evaluations: PositiveInt = 200
    """Most runs of the model, those of ``initial`` among them."""
    initial: PositiveInt = 40
    """Samples before the first surrogate."""
    design: Design = "lhs"
    """How they are spread."""
    explore: int = Field(15, ge=0)
    """Trials of expected improvement before the first refinement, and a third of it before every other."""
    batch: PositiveInt = 1
    """Samples that are proposed together; several ranks evaluate them at once."""
    target: Annotated[float, in_unit("of the distance")] = 0.0
    """Distance at which the search ends."""
    patience: PositiveInt = 3
    """Refinements without improvement after which to stop."""
    stall: int = Field(0, ge=0)
    """Trials of expected improvement without improvement after which to stop (schemes ego, published); 0 for
    never."""
    asynchronous: bool = False
    """A rank that is done gets its next sample at once; the order of trials then depends on their times."""
    time_limit_s: PositiveFloat | None = None
    """Time for one run of the model (s), after which it is stopped and counts as failed."""


class UncertaintyInput(Section):
    """``[uncertainty]``: where the intervals come from.

    "likelihood": residuals that are independent and normal (l2, grassmann) or doubly exponential (l1);
    "norms": norms that are exponentially distributed, few of them where few make up the distance.  For
    models that are known to be wrong there is also ``discrepancy`` of the terms.
    """

    method: Literal["likelihood", "norms"] = "likelihood"
    """What the distances are taken for; see docs/calibration.md."""


class SeedStudyInput(Section):
    """``[study]``, used with ``--seeds N``: the schemes to run with each seed; that of ``[ego]`` if empty."""

    schemes: list[Scheme] = []
    """Schemes to run with each seed; that of [ego] if empty."""


class OutputInput(Section):
    """``[output]``: what is in the report beside the search.

    ``options``: of the model and of the reference, where they differ in the
    runs that are drawn; ``compare``: parameters known from elsewhere, whose
    distance is to be shown.
    """

    options: dict[str, Any] = {}
    """Of the model and of the reference in the runs that are drawn, where they differ."""
    compare: Annotated[dict[str, ParameterValue], in_unit("of each parameter")] | None = None
    """Parameters known from elsewhere, whose distance is shown."""
    figures: bool = True
    """Whether figures are drawn."""


class CalibrateInput(Section):
    """A whole file of ``mdbridge calibrate``.

    ``constraints`` are inequalities between parameters that every sample fulfils ("a < b < c").
    ``options`` go to the model by name; the values of keys that end in
    "file" or "folder" are paths relative to the TOML file, here and in
    ``[reference.options]``.
    """

    campaign: Literal["calibrate"]
    """Which kind of campaign this file describes."""
    model: ModelInput
    """``package.module:function`` of named parameters, or a table that describes a program."""
    options: dict[str, Any] = {}
    """Given to the model by name; keys that end in "file" or "folder" are paths relative to this file."""
    parameters: dict[str, ParameterInput]
    """One table for each parameter, by its name."""
    constraints: list[str] | str = []
    """Inequalities between parameters that every sample fulfils, as "a < b < c"."""
    reference: ReferenceInput
    objective: list[TermInput] = Field(min_length=1)
    ego: EgoInput = EgoInput()
    study: SeedStudyInput = SeedStudyInput()
    uncertainty: UncertaintyInput = UncertaintyInput()
    output: OutputInput = OutputInput()

    @model_validator(mode="after")
    def _one_account_of_errors(self) -> "CalibrateInput":
        if self.uncertainty.method == "norms" and any(term.discrepancy != "none" for term in self.objective):
            raise ValueError(
                "'discrepancy' of a term belongs to uncertainty.method = \"likelihood\"; leave one out"
            )
        return self

    @property
    def compared(self) -> list[str]:
        """Names of the fields and curves that the terms compare."""
        return [name for term in self.objective for name in (term.field, term.curve) if name is not None]

    @property
    def fixed(self) -> dict[str, ParameterValue]:
        """Parameters that are held, with their values."""
        return {name: p.held for name, p in self.parameters.items() if p.held is not None}

    def cast(self, values: dict[str, ParameterValue]) -> dict[str, ParameterValue]:
        """Parameters by name as the model gets them, with those that are fixed."""
        return self.fixed | {n: self.parameters[n].cast(v) for n, v in values.items() if n in self.parameters}
