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
* the smallest *non-zero* inf-sup eigenvalue of Theorem 4.2 leaves out the wave vectors
  (corners of the zone) where g vanishes for every kernel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import ConvergenceError
from ...core.requires import requires
from .. import stability, symbol
from ..material import InfluenceFunction, LinearPeridynamicSolid, bernstein
from ..stencil import Stencil
from .regression import Fit
from .spectral import Moments

with requires("torch", "learning by Algorithm 1"):
    import torch

Tensor = torch.Tensor
Progress = Callable[[float, str], None]

_UNIT = 10.0  # Å
_GROWTH = 5.0  # r1, of the penalty
_REDUCTION = 0.25  # r2, which |H| must reach from step to step
_TOLERANCE = 1e-5  # ε
_LARGEST = 1e20  # ψ at which the iteration gives up
_MARGIN = 1e-4  # ζ, in 1/(10 Å)² for the first condition
_THIN = 20  # every so many epochs go into the history


@dataclass(frozen=True)
class Settings:
    """Effort of a fit.

    Attributes:
        prediction_epochs: of the first stage.
        correction_epochs: of each step of the second stage.
        correction_steps: STEP_MAX; 0 leaves the second stage out.
        learning_rate: of Adam.
        seed: of the starting point.
    """

    prediction_epochs: int = 2000
    correction_epochs: int = 500
    correction_steps: int = 100
    learning_rate: float = 1e-3
    seed: int = 0


def learn(
    data: Sequence[tuple[Moments, Stencil]],
    degree: int,
    settings: Settings,
    progress: Progress | None = None,
) -> Fit:
    """Learn λ, μ, α and D for a given horizon and degree by Algorithm 1.

    Args:
        data: samples of one or more grids, each with its grid's stencil.
        degree: M of the Bernstein basis.
        settings: effort.
        progress: called with the finished part (of 1) and a note.

    Returns:
        The model with a certificate for each of the data's grids, which may not hold;
        λ + μ may be zero, too, as in the paper's (4.8): then no certificate helps.
        ``history`` is the loss (4.1) at every 20th epoch and ``cost`` half of the last.

    Raises:
        ConvergenceError: the iteration diverged, or ended at μ = 0, which the projections allow.
    """
    problem = _Problem(data, degree)
    random = np.random.default_rng(settings.seed)
    # λ, μ, α, D and the slack variables ϖ
    p = torch.tensor(np.concatenate([random.uniform(0.0, 1.0, degree + 4), np.ones(3)]))
    history: list[float] = []
    _predict(problem, p, settings, history)
    if progress:
        progress(0.0, "positive kernel learned")
    epochs = settings.prediction_epochs + _correct(problem, p, settings, history, progress)
    with torch.no_grad():
        loss = float(problem.loss(*problem.parts(p), p))
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
    certificates = [stability.certify(material.influence, stencil) for _, stencil in data]
    return Fit(material, certificates, loss / 2, [loss / 2], epochs, [*history, loss])


def _predict(problem: "_Problem", p: Tensor, settings: Settings, history: list[float]) -> None:
    """Line 2 of the listing: a positive kernel, ``p`` updated in place."""

    def objective(p: Tensor) -> tuple[Tensor, Tensor]:
        loss = problem.loss(*problem.parts(p), p)
        return loss, loss

    def project(p: Tensor) -> None:
        _project(p)
        p[3:-3].clamp_(min=0.0)

    _adam(objective, project, p, settings.prediction_epochs, settings.learning_rate, history)


def _correct(
    problem: "_Problem", p: Tensor, settings: Settings, history: list[float], progress: Progress | None
) -> int:
    """Lines 3 to 16: the augmented Lagrangian, ``p`` updated in place; the number of epochs."""
    multipliers, penalty = torch.zeros(3, dtype=p.dtype), 1.0

    def objective(p: Tensor) -> tuple[Tensor, Tensor]:
        parts = problem.parts(p)
        loss = problem.loss(*parts, p)
        h = problem.conditions(*parts) - p[-3:] ** 2
        return loss, loss + multipliers @ h + 0.5 * penalty * (h @ h)

    def excess() -> Tensor:
        with torch.no_grad():
            return problem.conditions(*problem.parts(p)) - p[-3:] ** 2

    before, step = excess(), 0
    for step in range(1, settings.correction_steps + 1):
        _adam(objective, _project, p, settings.correction_epochs, settings.learning_rate, history)
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


def _project(p: Tensor) -> None:
    """(4.8) in place: μ >= 0, λ + μ >= 0, α <= 3."""
    p[1].clamp_(min=0.0)
    p[0].clamp_(min=-p[1])
    p[2].clamp_(max=3.0)


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


class _Problem:
    """Loss and conditions as functions of p = (λ, μ, α, D_0 … D_M, ϖ_1, ϖ_2, ϖ_3).

    All tensors are float64; 2 × 2 symmetric matrices are stored as (xx, xy, yy).
    """

    def __init__(self, data: Sequence[tuple[Moments, Stencil]], degree: int):
        self.horizon = data[0][1].horizon
        self.grids = [_Grid(moments, stencil, degree) for moments, stencil in data]
        # the moments leave out what no operator can change: Σ_s w_s |b_s|²/|b_s|² − Σ_k ‖Q‖²
        self.constant = sum(1.0 - float((moments.residual[1] ** 2).sum()) for moments, _ in data)

    def material(self, p: Tensor) -> LinearPeridynamicSolid:
        """The model at ``p``, in Å."""
        values = p.detach().numpy().copy()
        influence = InfluenceFunction(self.horizon, float(values[2]), values[3:-3] * _UNIT ** values[2])
        return LinearPeridynamicSolid(influence, float(values[0]), float(values[1]))

    def parts(self, p: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """On each grid g gᵀ and G, both ``(3, k)``, in 1/(10 Å)²."""
        squares, deviatoric = [], []
        for grid in self.grids:
            values = torch.exp(-p[2] * grid.log_radii) * (grid.basis @ p[3:-3])
            symbols = (grid.symbols @ (values / (grid.volume @ values))).view(5, -1)
            g = symbols[:2]
            squares.append(g[[0, 0, 1]] * g[[0, 1, 1]])
            deviatoric.append(symbols[2:])
        return squares, deviatoric

    def loss(self, squares: list[Tensor], deviatoric: list[Tensor], p: Tensor) -> Tensor:
        """The mean squared relative residual (4.1), summed over grids."""
        total = torch.zeros((), dtype=p.dtype) + self.constant
        for grid, square, big_g in zip(self.grids, squares, deviatoric, strict=True):
            operator = (p[0] - p[1]) * square + p[1] * big_g
            (rx, ry), (qx, qy) = grid.root, grid.target  # the rows of R and Q, each (2, k)
            total = total + ((operator[0] * rx + operator[1] * ry - qx) ** 2).sum()
            total = total + ((operator[1] * rx + operator[2] * ry - qy) ** 2).sum()
        return total

    def conditions(self, squares: list[Tensor], deviatoric: list[Tensor]) -> Tensor:
        """The smallest eigenvalues of (4.6) over the training wave vectors less ζ, ``(3,)``.

        Γ and Γ − 2ΦᵗΦ are in 1/(10 Å)², ΦΓ†Φᵗ has no unit.
        """
        lowest = []
        for grid, square, big_g in zip(self.grids, squares, deviatoric, strict=True):
            xx, xy, yy = big_g
            inf_sup = (square[0] * yy - 2 * square[1] * xy + square[2] * xx) / (xx * yy - xy * xy)
            lowest.append(
                torch.stack(
                    [
                        _smallest_eigenvalue(big_g).amin() - _MARGIN,
                        inf_sup[grid.inside].amin() - _MARGIN,
                        _smallest_eigenvalue(big_g - 2 * square).amin(),
                    ]
                )
            )
        return torch.stack(lowest).amin(dim=0)


class _Grid:
    """What does not change while learning, on one grid, in units of 10 Å.

    Attributes:
        log_radii: ``(rings,)``.
        basis: ``(rings, M + 1)`` Bernstein polynomials.
        volume: ``(rings,)`` weighted volume of each ring.
        symbols: ``(5 k, rings)``: gx, gy, Gxx, Gxy, Gyy.
        root, target: R and Q of the moments, ``(2, 2, k)``; R in (10 Å)², for L in TPa/(10 Å)².
        inside: ``(k,)`` wave vectors where g need not vanish.
    """

    def __init__(self, moments: Moments, stencil: Stencil, degree: int):
        rings = symbol.rings(stencil, moments.wavevectors)
        count, _, n = rings.dilatation.shape
        self.log_radii = torch.tensor(np.log(rings.radii / _UNIT))
        self.basis = torch.tensor(bernstein(degree, rings.radii / stencil.horizon))
        self.volume = torch.tensor(rings.volume / _UNIT**2)
        g = rings.dilatation / _UNIT
        stacked = np.concatenate([g, rings.deviatoric], axis=1)
        self.symbols = torch.tensor(np.moveaxis(stacked, 1, 0).reshape(5 * count, n))
        root, target = moments.residual
        self.root = torch.tensor(np.moveaxis(root, 0, -1) / _UNIT**2)
        self.target = torch.tensor(np.moveaxis(target, 0, -1))
        kappa, sigma = stability.scales(moments.wavevectors, stencil.spacing)
        self.inside = torch.tensor(sigma > 1e-9 * kappa)


def _smallest_eigenvalue(matrix: Tensor) -> Tensor:
    """Of symmetric 2 × 2 matrices ``(3, k)``; ``(k,)``."""
    xx, xy, yy = matrix
    # the last term keeps the slope finite where both eigenvalues are equal
    return 0.5 * (xx + yy) - torch.sqrt(0.25 * (xx - yy) ** 2 + xy**2 + 1e-30)
