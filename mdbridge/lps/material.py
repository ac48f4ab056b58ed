"""The linear peridynamic solid as data: an influence function of any family and two Lamé constants."""

from dataclasses import dataclass
from typing import Any

from ..core.errors import InputError
from . import families
from . import quadrature as quadratures
from .kernel import InfluenceFunction

# C1 and C2 of [You2022, eq. 3.4] in two dimensions.  C1 is the dimension, which is the factor of the
# dilatation (3.7), too: on a uniform grid the pull of θ is the transposed of what makes θ, so L is symmetric.
C1, C2 = 2.0, 16.0


def combined(lame_lambda: Any, lame_mu: Any, volumetric: Any, deviatoric: Any) -> Any:
    """L = (λ − μ) V + μ Γ, [You2022, eq. 3.4]: of matrices, of what they make of a displacement, of slopes.

    Args:
        volumetric: V, the pull of the dilatation: g gᵀ of a plane wave, P D on points.
        deviatoric: Γ, the deviatoric bond forces.  Arrays, sparse matrices or tensors alike.

    It is also (λ + μ) V + μ (Γ − 2 V): what holds for V >= 0 and at the edge λ + μ = 0 holds beyond.
    """
    return (lame_lambda - lame_mu) * volumetric + lame_mu * deviatoric


def combined_slopes(volumetric: Any, deviatoric: Any) -> tuple[Any, Any]:
    """The slopes of :func:`combined` with respect to λ + μ and to μ, the two that a fit moves."""
    return volumetric, deviatoric - 2 * volumetric


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
        quadrature: with which K is made into strengths of bonds, one of :data:`.quadrature.QUADRATURES`.
            A learned K is learned together with it, and only with it are λ and μ its moduli.
    """

    influence: InfluenceFunction
    lame_lambda: float
    lame_mu: float
    own_dilatation: InfluenceFunction | None = None
    quadrature: str = quadratures.DEFAULT

    def __post_init__(self) -> None:
        quadratures.known(self.quadrature)

    def require_quadrature(self, quadrature: str) -> None:
        """Refuse the bonds of another quadrature.

        Raises:
            ValueError: names both.
        """
        if quadrature != self.quadrature:
            raise ValueError(f"a material with quadrature = {self.quadrature!r} on bonds with {quadrature!r}")

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
            **self.influence.as_dict(),
            "delta_A": self.influence.horizon,
            "M": self.influence.degree,
            "quadrature": self.quadrature,
            # for people: λ and μ alone are read back
            "E_TPa": self.young,
            "nu": self.poisson,
        }
        if self.own_dilatation is not None:
            data |= {f"dilatation_{key}": value for key, value in self.own_dilatation.as_dict().items()}
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str) -> "LinearPeridynamicSolid":
        """Read what :meth:`as_dict` gives; ``source`` names it in errors.

        A model without ``kernel`` and ``quadrature``, as earlier releases wrote them, is one of Bernstein
        polynomials with the published weights.
        """
        try:
            horizon = float(data["delta_A"])
            influence = _influence(data, horizon, "")
            own = _influence(data, horizon, "dilatation_") if "dilatation_D" in data else None
            quadrature = data.get("quadrature", quadratures.PUBLISHED)
            return cls(influence, float(data["lambda_TPa"]), float(data["mu_TPa"]), own, quadrature)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{source}: not a model of mdbridge ({error!r}); it needs lambda_TPa, mu_TPa, delta_A, D "
                "and the shape parameters of its kernel (alpha, of 'bernstein')"
            ) from error


def _influence(data: dict[str, Any], horizon: float, prefix: str) -> InfluenceFunction:
    family = families.family(data.get(f"{prefix}kernel", families.DEFAULT))
    own = {key.removeprefix(prefix): value for key, value in data.items() if key.startswith(prefix)}
    return family.from_dict(own, horizon)
