"""The Gaussian process of the logarithm of the distance, [Kontolati2021, sec. 2.2]."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.requires import requires

with requires("botorch", "calibration"):
    import torch
    from botorch.exceptions import OptimizationWarning
    from botorch.models import SingleTaskGP
    from botorch.models.kernels.categorical import CategoricalKernel
    from botorch.models.transforms import Normalize, Standardize
    from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from gpytorch.kernels import Kernel, ScaleKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood

Array = NDArray[np.float64]

ITERATIONS = 50
"""Of the likelihood's maximisation."""

LARGE, FEW = 150, 16
"""From so many points on a warm start makes so many iterations, and the next one goes on from there."""

VERY_LARGE, FIRST = 300, 30
"""From so many points on the first fit makes so many: those that follow go on from there, too."""


class Surrogate:
    """A GP over the unit cube with a Matérn-5/2 kernel, one length scale for each parameter.

    Args:
        points: ``n x d`` in the unit cube.
        values: the distances, ``(n,)``, positive (their logarithm is modelled).
        state: hyperparameters to start the fit from, see :attr:`state`.
        fit: whether to fit them at all.
        categories: numbers of the coordinates that have no order.

    Attributes:
        model: of the *negative* logarithm, which is to be maximised.
    """

    def __init__(
        self,
        points: Array,
        values: Array,
        state: Sequence[float] | None = None,
        fit: bool = True,
        categories: Sequence[int] = (),
    ):
        # one thread: two that contend for a core made a fit of 400 points 17 times slower
        torch.set_num_threads(1)
        self._points, self._values = np.asarray(points), np.asarray(values)
        x = torch.as_tensor(np.asarray(points), dtype=torch.double)
        # the logarithm: the distance is a cone with a narrow valley; and minus, for the acquisition maximises
        y = -torch.log(torch.as_tensor(np.asarray(values), dtype=torch.double).clamp_min(1e-300))
        dimensions = x.shape[-1]
        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double).repeat(1, dimensions)
        self._categories = list(categories)
        self.model = SingleTaskGP(
            x,
            y[:, None],
            covar_module=_kernel(dimensions, self._categories),
            outcome_transform=Standardize(1),
            input_transform=Normalize(dimensions, bounds=bounds),
        )
        self.best = float(y.max())
        if state is not None:
            self._restore(state)
        if fit:
            self._fit(self._iterations(state is not None))
        self.model.eval()

    @property
    def state(self) -> list[float]:
        """The hyperparameters, untransformed, in the order of ``named_parameters``."""
        return [float(v) for p in self.model.parameters() for v in p.detach().reshape(-1)]

    def with_penalty(self, refused: Array) -> "Surrogate":
        """This surrogate, told also that the distance is the median one at ``refused`` ``f x d``.

        Points where the model failed stay out of the fit, but are not proposed again: little
        improvement is expected near them.
        """
        if not len(refused):
            return self
        # neither best nor worst: the fit's hyperparameters do not see these points at all
        return self._with(refused, np.full(len(refused), np.median(self._values)))

    def believing(self, pending: Array) -> "Surrogate":
        """This surrogate, as if what it expects at ``pending`` ``p x d`` had been found there.

        (D. Ginsbourger, R. Le Riche and L. Carraro, 2010, "kriging believer".)
        """
        return self._with(pending, np.exp(self.predict(pending)[0]))

    def _with(self, points: Array, values: Array) -> "Surrogate":
        """Told of more points, the hyperparameters as they are."""
        whole, all_values = np.vstack([self._points, points]), np.append(self._values, values)
        return Surrogate(whole, all_values, self.state, fit=False, categories=self._categories)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the logarithm of the distance at ``n x d``."""
        means, deviations = [], []
        for start in range(0, len(points), 256):  # covariances of few at a time
            part = torch.as_tensor(points[start : start + 256], dtype=torch.double)
            with torch.no_grad():
                posterior = self.model.posterior(part)
            means.append(-posterior.mean[:, 0].numpy())
            deviations.append(posterior.variance[:, 0].sqrt().numpy())
        return np.concatenate(means), np.concatenate(deviations)

    def _restore(self, state: Sequence[float]) -> None:
        values, start = torch.tensor(state, dtype=torch.double), 0
        with torch.no_grad():
            for p in self.model.parameters():
                p.copy_(values[start : start + p.numel()].reshape(p.shape))
                start += p.numel()

    def _iterations(self, warm: bool) -> int:
        # one more trial among many moves the likelihood's maximum little, and each iteration takes longer
        if warm and len(self._points) >= LARGE:
            return FEW
        return ITERATIONS if len(self._points) < VERY_LARGE else FIRST

    def _fit(self, iterations: int) -> None:
        likelihood = ExactMarginalLogLikelihood(self.model.likelihood, self.model)
        likelihood.train()
        with warnings.catch_warnings():  # the iteration limit is no failure
            warnings.simplefilter("ignore", OptimizationWarning)
            # with choices an iteration takes twice the time
            iterations = iterations // 2 if self._categories else iterations
            fit_gpytorch_mll_scipy(likelihood, options={"maxiter": iterations})


class Smoother:
    """The mean of values of any sign that scatter, by a Gaussian process with noise.

    Args:
        points: ``n x d`` in the unit cube.
        values: ``(n,)``.
        categories: numbers of the coordinates that have no order.
    """

    def __init__(self, points: Array, values: Array, categories: Sequence[int] = ()):
        torch.set_num_threads(1)
        x = torch.as_tensor(np.asarray(points), dtype=torch.double)
        y = torch.as_tensor(np.asarray(values), dtype=torch.double)[:, None]
        kernel = _kernel(x.shape[-1], categories)
        self._model = SingleTaskGP(x, y, covar_module=kernel, outcome_transform=Standardize(1))
        likelihood = ExactMarginalLogLikelihood(self._model.likelihood, self._model)
        likelihood.train()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizationWarning)
            fit_gpytorch_mll_scipy(likelihood, options={"maxiter": ITERATIONS})
        self._model.eval()

    def predict(self, points: Array) -> tuple[Array, Array]:
        """The mean at ``n x d`` and its standard deviation, without the noise, ``(n,)`` each."""
        with torch.no_grad():
            posterior = self._model.posterior(torch.as_tensor(np.asarray(points), dtype=torch.double))
        return posterior.mean[:, 0].numpy(), posterior.variance[:, 0].clamp_min(0.0).sqrt().numpy()


def _kernel(dimensions: int, categories: Sequence[int]) -> Kernel:
    """A Matérn-5/2, for BoTorch's own default, an RBF, expects smoother functions.

    Choices have BoTorch's Hamming distance: none lies between two others.  The product of both alone, not
    their sum with it too, costs half of the time.
    """
    if not categories:
        return get_covar_module_with_dim_scaled_prior(dimensions, use_rbf_kernel=False)
    choices = CategoricalKernel(ard_num_dims=len(categories), active_dims=list(categories))
    ordered = [k for k in range(dimensions) if k not in categories]
    if not ordered:
        return ScaleKernel(choices)
    matern = get_covar_module_with_dim_scaled_prior(len(ordered), active_dims=ordered, use_rbf_kernel=False)
    return matern * choices
