"""The linear peridynamic solid as data: an influence function and two Lamé constants."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from ..core.errors import InputError


@dataclass(frozen=True)
class InfluenceFunction:
    """Bernstein influence function of either sign, [You2022, sec. 4.1].

    K(r) = r^(-α) Σ_k D_k B_{k,M}(r/δ) for 0 < r <= δ, and 0 beyond.

    Attributes:
        horizon: δ in Å.
        alpha: α, below 3.
        coefficients: D, ``(M + 1,)``.  Only the shape of K matters: the
            operator is divided by the weighted volume.
    """

    horizon: float
    alpha: float
    coefficients: NDArray[np.float64]

    @property
    def degree(self) -> int:
        """M, the degree of the Bernstein basis."""
        return len(self.coefficients) - 1

    def elevated(self, degree: int) -> "InfluenceFunction":
        """The same function in a Bernstein basis of a higher ``degree``."""
        d = self.coefficients
        for n in range(self.degree + 1, degree + 1):
            k = np.arange(n + 1) / n
            d = k * np.append(0.0, d) + (1 - k) * np.append(d, 0.0)
        return InfluenceFunction(self.horizon, self.alpha, d)

    def __call__(self, r: ArrayLike) -> NDArray[np.float64]:
        """K at the distances ``r`` (Å, positive), same shape."""
        r = np.asarray(r, dtype=float)
        return np.where(
            r <= self.horizon * (1 + 1e-9),
            bernstein(self.degree, r / self.horizon) @ self.coefficients * r**-self.alpha,
            0.0,
        )


def bernstein(degree: int, s: ArrayLike) -> NDArray[np.float64]:
    """The Bernstein polynomials B_{k,M} at ``s`` in [0, 1]; shape ``s.shape + (M + 1,)``."""
    s = np.clip(np.asarray(s, dtype=float), 0.0, 1.0)
    return binom.pmf(np.arange(degree + 1), degree, s[..., None])


@dataclass(frozen=True)
class LinearPeridynamicSolid:
    """An LPS material in two dimensions, [You2022, eq. 3.4] with C1 = 2 and C2 = 16.

    Beyond the paper the dilatation (θ and its pull on a bond) may have an influence
    function of its own, with a weighted volume of its own.

    Attributes:
        influence: K, of the deviatoric bond forces, and of the dilatation where that has none.
        lame_lambda: λ in TPa, the two-dimensional Lamé constant (C12).
        lame_mu: μ in TPa, the shear modulus (C66).
        own_dilatation: influence function of the dilatation, of the same horizon, or None.
    """

    influence: InfluenceFunction
    lame_lambda: float
    lame_mu: float
    own_dilatation: InfluenceFunction | None = None

    @property
    def dilatation_influence(self) -> InfluenceFunction:
        """The influence function of the dilatation."""
        return self.own_dilatation or self.influence

    @property
    def young(self) -> float:
        """E = 4 μ (λ + μ) / (λ + 2 μ), in TPa."""
        lam, mu = self.lame_lambda, self.lame_mu
        return 4 * mu * (lam + mu) / (lam + 2 * mu)

    @property
    def poisson(self) -> float:
        """ν = λ / (λ + 2 μ)."""
        return self.lame_lambda / (self.lame_lambda + 2 * self.lame_mu)

    def as_dict(self) -> dict[str, Any]:
        """The fields of model.json that define the material."""
        data: dict[str, Any] = {
            "lambda_TPa": self.lame_lambda,
            "mu_TPa": self.lame_mu,
            "alpha": self.influence.alpha,
            "D": self.influence.coefficients.tolist(),
            "delta_A": self.influence.horizon,
            "M": self.influence.degree,
            "E_TPa": self.young,
            "nu": self.poisson,
        }
        if self.own_dilatation is not None:
            data["dilatation_alpha"] = self.own_dilatation.alpha
            data["dilatation_D"] = self.own_dilatation.coefficients.tolist()
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str) -> "LinearPeridynamicSolid":
        """Read what :meth:`as_dict` gives; ``source`` names it in errors."""
        try:
            horizon = float(data["delta_A"])
            influence = InfluenceFunction(horizon, float(data["alpha"]), np.array(data["D"], dtype=float))
            own = None
            if "dilatation_D" in data:
                coefficients = np.array(data["dilatation_D"], dtype=float)
                own = InfluenceFunction(horizon, float(data["dilatation_alpha"]), coefficients)
            return cls(influence, float(data["lambda_TPa"]), float(data["mu_TPa"]), own)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{source}: not a model of mdbridge ({error!r}); "
                "it needs lambda_TPa, mu_TPa, alpha, D and delta_A"
            ) from error
