"""Algorithm 1 of [You2022] as published, for comparison with :mod:`.regression`.

A prediction stage fits a positive influence function: Adam, each step followed
by the projections (4.8) and D ← ReLU(D).  A correction stage drops D >= 0 and
asks for the three conditions (4.6) instead, by an augmented Lagrangian with slack
variables.  As in the paper the conditions are asked for at the wave vectors of the
training grids only; the certificates of the result are those of the whole
Brillouin zone, and may not hold.

The loss is (4.1) on the reduced moments of :func:`.spectral.moments` with
``long_wave_weight=0``: the mean over all samples of the squared residual, each
divided by its load's squared norm, which is what the paper's per cent are made of.
A full batch, like the paper's 70 samples.

Where the paper contradicts itself or is silent:

* λ ← ReLU(λ + μ) − μ and μ ← ReLU(μ) from (4.8), not the listing's λ ← ReLU(λ),
  which rules out the negative λ that the paper reports;
* ε = 1e-5 from the text of section 4.3, not the listing's 1e-8;
* the tests on H are made with |H|: without the bars a violated condition, which
  has H < 0, would stop the iteration;
* the multipliers are updated only where all three |H| fell enough (the listing's ``else`` at line 14,
  read as that of line 10);
* lengths are in 10 Å, in r^-α as well as in Γ, so that D and the eigenvalues are of order one;
* α is kept a thousandth below 3, where it would make K as singular as the definition allows;
* the smallest *non-zero* inf-sup eigenvalue of Theorem 4.2 leaves out the wave vectors
  (corners of the zone) where g vanishes for every kernel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import ConvergenceError
from ...core.requires import requires
from .. import families, stability, symbol
from ..kernel import Curve, InfluenceFunction, normalised
from ..material import LinearPeridynamicSolid, combined
from ..stencil import Stencil
from .parameters import settled
from .regression import Fit
from .spectral import Moments

with requires("torch", "learning by Algorithm 1"):
    import torch

Tensor = torch.Tensor
ProgressReport = Callable[[float, str], None]

_UNIT = 10.0  # Å
_GROWTH = 5.0  # r1, of the penalty
_REDUCTION = 0.25  # r2, which |H| must reach from step to step
_TOLERANCE = 1e-5  # ε
_LARGEST = 1e20  # ψ at which the iteration gives up
_MARGIN = 1e-4  # ζ, in 1/(10 Å)² for the first condition
_THIN = 20  # every so many epochs go into the history


@dataclass(frozen=True)
class Algorithm1Settings:
    """Effort of a fit.

    Attributes:
        prediction_epochs: of the first stage.
        correction_epochs: of each step of the second stage.
        correction_steps: STEP_MAX; 0 leaves the second stage out.
        learning_rate: of Adam.
        seed: of the starting point.
        kernel: family of the influence function, by its name in :mod:`..families`.
    """

    prediction_epochs: int = 2000
    correction_epochs: int = 500
    correction_steps: int = 100
    learning_rate: float = 1e-3
    seed: int = 0
    kernel: str = families.DEFAULT


def learn(
    data: Sequence[tuple[Moments, Stencil]],
    degree: int,
    settings: Algorithm1Settings,
    progress: ProgressReport | None = None,
) -> Fit:
    """Learn λ, μ and an influence function for a given horizon and degree by Algorithm 1.

    Args:
        data: samples of one or more grids, each with its grid's stencil.
        degree: M, one less than the number of coefficients.
        settings: effort.
        progress: called with the finished part (of 1) and a note.

    Returns:
        The model with a certificate for each of the data's grids, which may not hold;
        λ + μ may be zero, too, as in the paper's (4.8): then no certificate helps.
        ``history`` is the loss (4.1) at every 20th epoch and ``cost`` half of the last.

    Raises:
        ConvergenceError: the iteration diverged, or ended at μ = 0, which the projections allow.
    """
    problem = _ConstrainedProblem(data, degree, settings.kernel)
    random = np.random.default_rng(settings.seed)
    p = torch.tensor(np.concatenate([random.uniform(0.0, 1.0, problem.size - 3), np.ones(3)]))
    history: list[float] = []
    _predict(problem, p, settings, history)
    if progress:
        progress(0.0, "positive kernel learned")
    epochs = settings.prediction_epochs + _correct(problem, p, settings, history, progress)
    with torch.no_grad():
        loss = float(problem.loss(problem.parts(p), p))
    if not np.isfinite(loss):
        raise ConvergenceError(
            f"Algorithm 1 diverged for a horizon of {problem.horizon:g} Å and degree {degree}: its kernel's "
            "weighted volume vanished on the way; try another seed, or the default method"
        )
    if not p[1] > 0:
        raise ConvergenceError(
            f"Algorithm 1 ended at μ = 0, the zero operator, for a horizon of {problem.horizon:g} Å and "
            f"degree {degree}; try another seed, or the default method"
        )
    material = problem.material(p)
    certificates = [stability.certify_material(material, stencil) for _, stencil in data]
    return Fit(material, certificates, loss / 2, [loss / 2], epochs, [*history, loss])


def _predict(
    problem: "_ConstrainedProblem", p: Tensor, settings: Algorithm1Settings, history: list[float]
) -> None:
    """Line 2 of the listing: a positive kernel, ``p`` updated in place."""

    def objective(p: Tensor) -> tuple[Tensor, Tensor]:
        loss = problem.loss(problem.parts(p), p)
        return loss, loss

    def project(p: Tensor) -> None:
        problem.project(p)
        p[problem.coefficients].clamp_(min=0.0)

    _adam(objective, project, p, settings.prediction_epochs, settings.learning_rate, history)


def _correct(
    problem: "_ConstrainedProblem",
    p: Tensor,
    settings: Algorithm1Settings,
    history: list[float],
    progress: ProgressReport | None,
) -> int:
    """Lines 3 to 16: the augmented Lagrangian, ``p`` updated in place; the number of epochs."""
    multipliers, penalty = torch.zeros(3, dtype=p.dtype), 1.0

    def objective(p: Tensor) -> tuple[Tensor, Tensor]:
        parts = problem.parts(p)
        loss = problem.loss(parts, p)
        h = problem.conditions(parts) - p[-3:] ** 2
        return loss, loss + multipliers @ h + 0.5 * penalty * (h @ h)

    def excess() -> Tensor:
        with torch.no_grad():
            return problem.conditions(problem.parts(p)) - p[-3:] ** 2

    before, step = excess(), 0
    for step in range(1, settings.correction_steps + 1):
        _adam(objective, problem.project, p, settings.correction_epochs, settings.learning_rate, history)
        now = excess()
        if progress:
            progress(step / settings.correction_steps, f"largest |H| {float(now.abs().max()):.1e}")
        if bool((now.abs() <= _TOLERANCE).all()):
            break
        if bool((now.abs() >= _REDUCTION * before.abs()).any()):
            penalty *= _GROWTH
            if penalty >= _LARGEST:
                break
        else:
            multipliers += penalty * now
        before = now
    return step * settings.correction_epochs


def _adam(
    objective: Callable[[Tensor], tuple[Tensor, Tensor]],
    project: Callable[[Tensor], None],
    p: Tensor,
    epochs: int,
    learning_rate: float,
    history: list[float],
) -> None:
    """Minimise the second value of ``objective`` and record the first; ``p`` changes in place."""
    variable = p.detach().requires_grad_()  # shares memory with p
    optimizer = torch.optim.Adam([variable], lr=learning_rate, foreach=False)
    for epoch in range(epochs):
        loss, penalised = objective(variable)
        (variable.grad,) = torch.autograd.grad(penalised, variable)
        if epoch % _THIN == 0:
            history.append(float(loss.detach()))
        optimizer.step()
        with torch.no_grad():
            project(p)


class _ConstrainedProblem:
    """Loss and conditions as functions of p = (λ, μ, shape, D, ϖ_1, ϖ_2, ϖ_3), all tensors in float64."""

    def __init__(self, data: Sequence[tuple[Moments, Stencil]], degree: int, kernel: str):
        self.family = families.family(kernel)
        self.horizon = data[0][1].horizon
        self.grids = [_Grid(moments, stencil, degree, self.family) for moments, stencil in data]
        # the moments leave out what no operator can change: Σ_s w_s |b_s|²/|b_s|² − Σ_k ‖Q‖²
        self.constant = sum(1.0 - float((moments.residual[1] ** 2).sum()) for moments, _ in data)
        first = 2 + len(self.family.shape_parameters)
        self.size = first + degree + 1 + 3
        self.coefficients = slice(first, -3)

    def material(self, p: Tensor) -> LinearPeridynamicSolid:
        """The model at ``p``, in Å."""
        values = p.detach().numpy().copy()
        slopes = np.concatenate([grid.curve(values[2:-3])[1] for grid in self.grids])
        shape, d = values[2 : self.coefficients.start], values[self.coefficients]
        d = settled(d, slopes[:, len(shape) :])
        influence = self.family.from_parameters(self.horizon, np.concatenate([shape, d]))
        quadrature = self.grids[0].symbols.quadrature
        return LinearPeridynamicSolid(influence, float(values[0]), float(values[1]), None, quadrature)

    def project(self, p: Tensor) -> None:
        """(4.8) in place: μ >= 0, λ + μ >= 0, α at most its bound (the paper's 3, less a thousandth)."""
        p[1].clamp_(min=0.0)
        p[0].clamp_(min=-p[1])
        for index, parameter in enumerate(self.family.shape_parameters.values(), 2):
            p[index].clamp_(max=parameter.bounds[1])

    def parts(self, p: Tensor) -> list[tuple[Tensor, Tensor]]:
        """g gᵀ and G on each grid, both ``(k, 2, 2)``, in 1/(10 Å)²."""
        result = []
        for grid in self.grids:
            shares = _traced(grid.shares, p[2:-3])
            g, big_g = grid.symbols.g(shares), grid.symbols.big_g(shares)
            result.append((g[:, :, None] * g[:, None, :], big_g))
        return result

    def loss(self, parts: list[tuple[Tensor, Tensor]], p: Tensor) -> Tensor:
        """The mean squared relative residual (4.1), summed over grids."""
        total = torch.zeros((), dtype=p.dtype) + self.constant
        for grid, (square, big_g) in zip(self.grids, parts, strict=True):
            operator = combined(p[0], p[1], square, big_g)
            total = total + ((operator @ grid.root - grid.target) ** 2).sum()
        return total

    def conditions(self, parts: list[tuple[Tensor, Tensor]]) -> Tensor:
        """The smallest eigenvalues of (4.6) over the training wave vectors less ζ, ``(3,)``.

        Γ and Γ − 2ΦᵗΦ are in 1/(10 Å)², ΦΓ†Φᵗ has no unit.
        """
        lowest = []
        for grid, (square, big_g) in zip(self.grids, parts, strict=True):
            cauchy_schwarz = combined(*stability.CAUCHY_SCHWARZ, square, big_g)
            lowest.append(
                torch.stack(
                    [
                        _smallest_eigenvalue(big_g).amin() - _MARGIN,
                        _inf_sup(square, big_g)[grid.inside].amin() - _MARGIN,
                        _smallest_eigenvalue(cauchy_schwarz).amin(),
                    ]
                )
            )
        return torch.stack(lowest).amin(dim=0)


class _Grid:
    """What does not change while learning, on one grid, in units of 10 Å.

    Attributes:
        curve, shares: K and K/m on the rings as functions of the influence function's parameters.
        symbols: the rings' parts of g and G.
        root, target: R and Q of the moments, ``(k, 2, 2)``; R in (10 Å)², for L in TPa/(10 Å)².
        inside: wave vectors where g need not vanish.
    """

    def __init__(self, moments: Moments, stencil: Stencil, degree: int, family: type[InfluenceFunction]):
        rings = symbol.rings(stencil, moments.wavevectors)
        volume = rings.volume / _UNIT**4
        self.curve = family.curve(stencil.radii, stencil.horizon, degree)
        self.shares = normalised(self.curve, volume)
        self.symbols = symbol.RingSymbols(
            wavevectors=rings.wavevectors * _UNIT,
            radii=rings.radii / _UNIT,
            dilatation=torch.tensor(rings.dilatation / _UNIT**3),
            deviatoric=torch.tensor(rings.deviatoric / _UNIT**2),
            volume=volume,
            quadrature=rings.quadrature,
        )
        root, target = moments.residual
        self.root, self.target = torch.tensor(root / _UNIT**2), torch.tensor(target)
        kappa, sigma = stability.scales(moments.wavevectors, stencil.spacing)
        self.inside = torch.tensor(np.flatnonzero(sigma > 1e-9 * kappa))


def _traced(curve: Curve, parameters: Tensor) -> Tensor:
    """The values of a curve that numpy evaluates, in a form whose slopes torch finds: its tangent."""
    here = parameters.detach()
    values, slopes = curve(here.numpy())
    return torch.from_numpy(values) + torch.from_numpy(slopes) @ (parameters - here)


def _smallest_eigenvalue(matrix: Tensor) -> Tensor:
    """Of symmetric 2 × 2 matrices ``(k, 2, 2)``; ``(k,)``."""
    xx, xy, _, yy = matrix.reshape(-1, 4).unbind(1)
    # the last term keeps the slope finite where both eigenvalues are equal
    return 0.5 * (xx + yy) - torch.sqrt(0.25 * (xx - yy) ** 2 + xy**2 + 1e-30)


def _inf_sup(square: Tensor, big_g: Tensor) -> Tensor:
    """gᵀ G⁻¹ g ``(k,)`` of g gᵀ and G, both ``(k, 2, 2)``."""
    sxx, sxy, _, syy = square.reshape(-1, 4).unbind(1)
    xx, xy, _, yy = big_g.reshape(-1, 4).unbind(1)
    return (sxx * yy - 2 * sxy * xy + syy * xx) / (xx * yy - xy * xy)
