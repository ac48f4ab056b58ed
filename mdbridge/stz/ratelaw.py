"""The rate law of shear transformation zones and its parameters, [Kontolati2021, sec. 5.1.2].

Units: GPa, ps, Å, K and eV; the time of the solver is the length of the path of
the shear strain γ, so that every rate below carries a factor 1/λ, λ the applied shear rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.loops import Compilation, compiled

Diffusion = Literal["paper", "group"]
Field = NDArray[np.float64]

PS_PER_S = 1.0e12


@dataclass(frozen=True)
class Material:
    """Parameters of the STZ model, [Kontolati2021, Table 1].

    Attributes:
        s_y: yield stress in GPa.
        c0: plastic work fraction.
        chi_inf: steady-state effective temperature, dimensionless.
        mu: shear modulus in GPa.
        bulk: bulk modulus in GPa.
        eps0: typical number of atoms of an STZ.
        tau0: molecular vibration time in ps.
        l_chi: diffusion length in Å.
        e_z: STZ formation energy over the Boltzmann constant, in K.
        diffusion: "paper" for [Kontolati2021, eqs. 29, 34], (1/c0) ∇·(ℓ² √2 D ∇χ);
            "group" for the authors' solver, ∇·(ℓ² D ∇χ).

    Raises:
        InputError: a parameter is outside its physical range; it is named.
    """

    s_y: float
    c0: float
    chi_inf: float
    mu: float = 20.0
    bulk: float = 66.23
    eps0: float = 44.53
    tau0: float = 0.1
    l_chi: float = 25.59
    e_z: float = 21000.0
    diffusion: Diffusion = "group"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "diffusion":
                if value not in ("paper", "group"):
                    raise InputError(f"material: diffusion = {value!r}: must be 'paper' or 'group'")
            # l_chi = 0 is a model without diffusion
            elif not (math.isfinite(value) and (value > 0 or (field.name == "l_chi" and value == 0))):
                raise InputError(f"material: {field.name} = {value}: must be positive and finite")

    @property
    def lame_lambda(self) -> float:
        """λ = K − 2μ/3 in GPa (plane strain)."""
        return self.bulk - 2.0 * self.mu / 3.0

    def attempt_rate(self, rate: float) -> float:
        """ε0/τ0 per unit of net strain at the shear rate ``rate`` (1/s)."""
        # λ in 1/ps, as 1/τ0 is
        return self.eps0 / (self.tau0 * rate / PS_PER_S)

    @property
    def diffusion_factor(self) -> float:
        """The a in ∂χ/∂t = … + ∇·(a D ∇χ), Å²."""
        squared = self.l_chi**2
        return squared if self.diffusion == "group" else squared * math.sqrt(2.0) / self.c0

    def plastic_rate(self, s: Field, chi: Field, rate: float) -> Field:
        """D(s̃, χ) of [Kontolati2021, eqs. 32, 33] per unit of net strain.

        Args:
            s: s̃ = sqrt(½ s:s)/s_y, any shape.
            chi: χ, same shape.
            rate: λ in 1/s.
        """
        s = np.maximum(s, 1.0)  # below yield (1 - 1/s) is then 0
        return (
            self.attempt_rate(rate)
            * np.exp(-1.0 / chi)
            * (1.0 - 1.0 / s)
            * (s - 2.0 + np.exp(-s) * (2.0 + s))
        )


_NESTED: Compilation = {"fastmath": {"contract"}, "error_model": "numpy"}


@compiled(inline="always", **_NESTED)
def decaying(x: float) -> float:
    """e^−x for x >= 0 to 1e-13 of itself, without branch or loop, so that loops over it can be vectorised.

    Taylor's series of e^(−x/1024), ten times squared; beyond x = 200 it stays at e^−200, which no
    flow can tell from zero.
    """
    r = (x if x < 200.0 else 200.0) * (-1.0 / 1024.0)
    v = r * (1.0 / 479001600) + (1.0 / 39916800)  # 1/12!, 1/11!, …
    v = r * v + (1.0 / 3628800)
    v = r * v + (1.0 / 362880)
    v = r * v + (1.0 / 40320)
    v = r * v + (1.0 / 5040)
    v = r * v + (1.0 / 720)
    v = r * v + (1.0 / 120)
    v = r * v + (1.0 / 24)
    v = r * v + (1.0 / 6)
    v = r * v + (1.0 / 2)
    v = r * v + 1.0
    v = r * v + 1.0
    v = v * v  # e^(-x/512)
    v = v * v
    v = v * v
    v = v * v
    v = v * v
    v = v * v
    v = v * v
    v = v * v
    v = v * v
    return v * v


@compiled(inline="always", **_NESTED)
def activation(s: float) -> tuple[float, float]:
    """(1 − 1/s̃) F(s̃), F from [Kontolati2021, eq. 33], and its derivative, for s̃ >= 1.

    Below yield there is no flow, as at s̃ = 1; the derivative jumps there from 0 to 3/e − 1.
    """
    decay, inverse = decaying(s), 1.0 / s
    barrier = s - 2.0 + decay * (2.0 + s)
    beyond = 1.0 - inverse
    return beyond * barrier, inverse * inverse * barrier + beyond * (1.0 - decay * (1.0 + s))


def effective_temperature(energy: Field, beta: float, e0: float) -> Field:
    """χ = β (E − E0), [Kontolati2021, eq. 38].

    Args:
        energy: coarse-grained potential energy per atom in eV, any shape.
        beta: β in 1/eV.
        e0: E0 in eV.

    Raises:
        InputError: χ is not positive everywhere (β, E0 make an invalid sample).
    """
    chi = beta * (np.asarray(energy, dtype=float) - e0)
    if not np.all(chi > 0.0):
        worst = np.unravel_index(np.argmin(np.where(np.isnan(chi), -np.inf, chi)), chi.shape)
        remedy = f"lower E0 below {np.nanmin(energy):.6g} eV" if beta > 0.0 else "beta must be positive"
        raise InputError(
            f"beta = {beta} /eV and E0 = {e0} eV give chi = {chi[worst]:.6g} at "
            f"{cell_name(worst)}; chi must be positive everywhere: {remedy}"
        )
    return chi


def cell_name(index: Sequence[SupportsIndex]) -> str:
    """How errors name a cell: row = y, column = x."""
    return f"cell (row {int(index[0])}, column {int(index[1])})"
