"""The input of the study: which campaigns, and what is made of their data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...core.config import Section
from ...core.keys import in_unit
from ..peridynamics.input import Length

Degree = Annotated[int, Field(ge=0, le=60)]
Pairs = Annotated[
    list[Annotated[list[float], Field(min_length=2, max_length=2)]], Field(min_length=1), in_unit("Å, 1")
]


class Campaigns(Section):
    """The campaigns, by their files; paths are relative to the study's file."""

    zero: str = "graphene_0K.toml"
    """The input at 0 K, relative to this file."""
    warm: str = "graphene_300K.toml"
    """The input at a finite temperature."""
    zero_set: list[str] = []
    """Overrides for the first, as --set takes them."""
    warm_set: list[str] = []
    """Overrides for the second."""
    no_twin: str = ""
    """The input that samples at the same temperature as the paper did, without a twin; "" leaves it out."""
    no_twin_set: list[str] = []
    """Overrides for that one."""
    md_seeds: list[Annotated[int, Field(ge=1)]] = []
    """Seeds of the MD beside that of the inputs: each repeats the warm campaigns, for error bars."""
    loud_set: list[str] = [
        "md.max_bond_strain=0.018",
        "md.max_nonlinearity=1.0",
        "loads.two_sided=false",
        "dynamics.enabled=false",
    ]
    """Overrides for the first that make its loads the paper's, for the steps from there to ours."""


class Bootstrap(Section):
    """Error bars from training sets drawn anew, with replacement."""

    replicates: Annotated[int, Field(ge=2)] = 40
    """Training sets drawn anew."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the drawing."""


class Compare(Section):
    """Pairs [δ, M] for the comparisons, δ in Å."""

    algorithm_1: Pairs = [[20.0, 10], [20.0, 15]]
    """Algorithm 1 against least squares: at 0 K and at 300 K, the paper's choices."""
    own_dilatation: Pairs = [[12.5, 5], [20.0, 10], [28.5, 24]]
    """Two influence functions against one."""
    hybrid: Pairs = [[12.5, 5], [20.0, 10]]
    """Training on two sets of nodes against one."""
    steps: Pairs = [[20.0, 10], [28.5, 24]]
    """The steps from the paper's setting to ours: the paper's pair, and ours."""


class Manufactured(Section):
    """Section 5 of the paper."""

    spacings_A: Annotated[list[Length], Field(min_length=2)] = [5.0, 2.5, 1.25, 0.625]
    """Of the nodes (Å)."""
    degrees: Annotated[list[Degree], Field(min_length=2)] = [0, 1, 2, 3, 5, 8, 10, 15, 20]
    """M of the kernels."""
    horizon_A: Length = 12.5
    """Their horizon (Å)."""
    length_A: Length = 100.0
    """Edge of the square (Å)."""


class Scattered(Section):
    """Training and solving on perturbed nodes."""

    horizon_A: Length = 33.0
    """Horizon of the kernel (Å)."""
    degree: Degree = 12
    """Its M."""
    perturbations: Annotated[list[Annotated[float, Field(ge=0, lt=0.5)]], Field(min_length=1)] = [0.05, 0.2]
    """Each node is moved by up to so many node spacings along each axis."""
    samples: Annotated[int, Field(ge=2)] = 30
    """Training samples, spread over the training loads."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the displacements of the nodes."""


class StudyInput(Section):
    """The study of graphene."""

    campaign: Literal["graphene-study"]
    """Which kind of campaign this file describes."""
    campaigns: Campaigns = Campaigns()
    bootstrap: Bootstrap = Bootstrap()
    compare: Compare = Compare()
    manufactured: Manufactured = Manufactured()
    scattered: Scattered = Scattered()

    @model_validator(mode="after")
    def _two_pairs(self) -> "StudyInput":
        # the pairs have a temperature each, by their place
        if len(self.compare.algorithm_1) != 2:
            raise ValueError("compare.algorithm_1: must hold two pairs, one for 0 K and one for 300 K")
        if len(self.compare.steps) != 2:
            raise ValueError("compare.steps: must hold two pairs, the paper's and ours")
        for name in ("algorithm_1", "own_dilatation", "hybrid", "steps"):
            for _, degree in getattr(self.compare, name):
                # a pair is a list of two numbers in TOML, so that a degree comes as a float
                if degree != int(degree) or degree < 0:
                    raise ValueError(f"compare.{name}: {degree:g} is no degree; give pairs [δ in Å, M]")
        return self
