"""The schemes that bench_calibrate.py compares: ours, the published one, BoTorch's, and least squares.

BoTorch's are put together from its own parts with its default models; fits and the maximisation of the
acquisition are kept shorter than its defaults, for the time that they take.  Each scheme is a function of a
problem, what evaluates it, and a seed; it goes on until the budget ends it.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from bench_calibrate_problems import Answer, Problem
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import qmc

from mdbridge.calibrate.ego import Calibration
from mdbridge.calibrate.settings import Scheme, SearchSettings

Array = NDArray[np.float64]


ITERATIONS, AGAIN = 50, 15
"""Of a fit, and of one that begins where the last has ended."""


class Spent(Exception):
    """The budget is spent."""


class Budget:
    """Evaluations of a problem, counted.

    Attributes:
        values: what they gave, in order; None where the model had no answer.
    """

    def __init__(self, problem: Problem):
        self._problem = problem
        self.values: list[float | None] = []

    def __call__(self, unit: Array) -> Answer:
        """Evaluate a point of the cube.

        Raises:
            Spent: there were as many evaluations as the problem allows.
        """
        if len(self.values) >= self._problem.evaluations:
            raise Spent
        answer = self._problem.respond(unit)
        self.values.append(None if answer is None else answer[0])
        return answer


def ours(problem: Problem, evaluate: Budget, seed: int) -> None:
    """Log-EI on the logarithm, and Gauss–Newton where there are residuals."""
    _search("ego+refine" if problem.groups else "ego", problem.initial, problem, evaluate, seed)


def published(problem: Problem, evaluate: Budget, seed: int) -> None:
    """[Kontolati2021, Algorithm 1] with a third of the budget as start design, as 400 of 1,200 there.

    N* is 10,000, not 100,000, for the time that it takes.
    """
    _search("published", problem.evaluations // 3, problem, evaluate, seed)


def _search(scheme: Scheme, initial: int, problem: Problem, evaluate: Budget, seed: int) -> None:
    settings = SearchSettings(
        scheme,
        initial=initial,
        evaluations=problem.evaluations,
        # to the end of the budget, as all the others
        target=-math.inf,
        patience=10**6,
        seed=seed,
        samples=10_000,
        signed=problem.signed,
    )
    search = Calibration(problem.space, settings, problem.groups)
    while not search.done:
        for proposal in search.ask():
            answer = evaluate(proposal.unit)
            search.report(proposal, *(answer or (None, None)))


def multistart(problem: Problem, evaluate: Budget, seed: int) -> None:
    """scipy's least_squares from one point of a Latin hypercube after the other."""
    if problem.groups is None:
        raise ValueError(f"{problem.name} has no residuals")
    root = np.sqrt(problem.groups.weight)[problem.groups.index]

    def weighted(shifted: Array) -> Array:
        answer = evaluate(np.clip(shifted - 1.0, 0.0, 1.0))
        if answer is None or answer[1] is None:
            raise _NoAnswer
        return root * answer[1]

    for start in qmc.LatinHypercube(problem.dimensions, rng=np.random.default_rng(seed)).random(1000):
        try:
            # between 1 and 2: its steps are relative, and would vanish near 0; those of round-off, the
            # default, lie below the tolerance of a solver
            least_squares(weighted, 1.0 + start, bounds=(1.0, 2.0), diff_step=[1e-4])
        except _NoAnswer:
            continue


class _NoAnswer(Exception):
    """The model failed where least squares needs it."""


def turbo(problem: Problem, evaluate: Budget, seed: int) -> None:
    """TuRBO-1 [Eriksson2019], four points at a time, begun again where its region has collapsed."""
    for restart in range(1000):
        _trust_region(problem, evaluate, [seed, restart])


LENGTH, SMALLEST, LARGEST = 0.8, 2.0**-7, 1.6  # edges of TuRBO's region
SUCCESSES, BATCH = 3, 4


def _trust_region(problem: Problem, evaluate: Budget, seed: list[int]) -> None:
    import torch
    from botorch.generation import MaxPosteriorSampling
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Standardize
    from gpytorch.constraints import Interval
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood

    d = problem.dimensions
    points, values = _started(problem, evaluate, seed)
    length, better, worse = LENGTH, 0, 0
    count = min(100 * d, 5000)  # candidates
    random = np.random.default_rng([*seed, 1])
    torch.manual_seed(int(random.integers(2**31)))
    while length >= SMALLEST:
        x, y = torch.as_tensor(points), -torch.as_tensor(_penalised(values))[:, None]
        kernel = MaternKernel(nu=2.5, ard_num_dims=d, lengthscale_constraint=Interval(0.005, 4.0))
        model = SingleTaskGP(
            x,
            y,
            covar_module=ScaleKernel(kernel),
            likelihood=GaussianLikelihood(noise_constraint=Interval(1e-8, 1e-3)),
            outcome_transform=Standardize(1),
        )
        _fit(model)
        least = int(np.nanargmin(values))
        centre, lengths = points[least], kernel.lengthscale.detach().numpy().ravel()
        # a box as wide in each direction as the function varies slowly there, of the same volume
        half = 0.5 * length * lengths / np.exp(np.log(lengths).mean())
        low, high = np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
        sobol = low + (high - low) * _sobol(d, count, random)
        # in many dimensions a step along some of them
        moved = random.random((count, d)) < min(20.0 / d, 1.0)
        moved[np.arange(count), random.integers(d, size=count)] = True
        with torch.no_grad():
            candidates = torch.as_tensor(np.where(moved, sobol, centre))
            batch = MaxPosteriorSampling(model, replacement=False)(candidates, num_samples=BATCH).numpy()
        answers = [evaluate(unit) for unit in batch]
        scores = np.array([math.nan if answer is None else answer[0] for answer in answers])
        if np.any(scores < values[least] - 1e-3 * abs(values[least])):
            better, worse = better + 1, 0
        else:
            better, worse = 0, worse + 1
        points, values = np.vstack([points, batch]), np.append(values, scores)
        if better == SUCCESSES:
            length, better = min(2.0 * length, LARGEST), 0
        elif worse == math.ceil(max(4, d) / BATCH):
            length, worse = 0.5 * length, 0


SAMPLES = 32  # of the expectation
COMPONENTS, LEFT = 8, 1e-3
"""Principal components at most, and the share of the variance that may be left out."""


def composite(problem: Problem, evaluate: Budget, seed: int) -> None:
    """EI of the value composed on processes of the residuals' principal components [Astudillo2019].

    Without residuals it is BoTorch's log-EI of the value.
    """
    import torch
    from botorch.acquisition import GenericMCObjective, qLogExpectedImprovement
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from botorch.sampling import SobolQMCNormalSampler

    d, outputs = problem.dimensions, []

    def noting(unit: Array) -> Answer:
        answer = evaluate(unit)
        outputs.append(None if answer is None else np.array(answer[:1]) if answer[1] is None else answer[1])
        return answer

    points, values = _started(problem, noting, [seed, 0])
    bounds = torch.tensor([[0.0] * d, [1.0] * d], dtype=torch.double)
    known: dict[str, Any] = {}
    while True:
        # a trial without an answer counts as the worst so far, so that it is not proposed again
        worst = outputs[int(np.nanargmax(values))]
        rows = np.array([worst if output is None else output for output in outputs])
        centre, scores, axes = _components(rows)
        model = SingleTaskGP(torch.as_tensor(points), torch.as_tensor(scores))
        # from the last hyperparameters, where there are as many: it takes a few steps instead of many
        known = {k: v for k, v in known.items() if model.state_dict()[k].shape == v.shape}
        model.load_state_dict(known, strict=False)
        _fit(model, AGAIN if known else ITERATIONS)
        known = {name: value.detach().clone() for name, value in model.named_parameters()}
        objective = GenericMCObjective(_composed(problem, centre, axes))
        sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=len(points))
        improvement = qLogExpectedImprovement(model, -float(np.nanmin(values)), sampler, objective)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(int(np.random.default_rng([seed, len(points)]).integers(2**31)))
            best, _ = optimize_acqf(improvement, bounds, 1, 2, 64, options={"maxiter": 20})
        unit = np.clip(best[0].numpy(), 0.0, 1.0)
        answer = noting(unit)
        points = np.vstack([points, unit])
        values = np.append(values, math.nan if answer is None else answer[0])


def _components(rows: Array) -> tuple[Array, Array, Array]:
    """Mean ``(m,)``, scores ``n x k`` and axes ``k x m`` of the components that matter."""
    centre = rows.mean(axis=0)
    left, sizes, axes = np.linalg.svd(rows - centre, full_matrices=False)
    share = 1.0 - np.cumsum(sizes**2) / np.sum(sizes**2)
    count = min(int(np.argmax(share <= LEFT)) + 1, COMPONENTS)
    return centre, left[:, :count] * sizes[:count], axes[:count]


def _composed(problem: Problem, centre: Array, axes: Array) -> Callable[..., Any]:
    """Minus the value, of scores ``… x k`` (tensors)."""
    import torch

    mean, directions = torch.as_tensor(centre), torch.as_tensor(axes)
    if problem.groups is None:
        return lambda scores, X=None: -(mean + scores @ directions)[..., 0]
    index, weight = torch.as_tensor(problem.groups.index), torch.as_tensor(problem.groups.weight)

    def negative(scores: torch.Tensor, X: torch.Tensor | None = None) -> torch.Tensor:
        squares = (mean + scores @ directions) ** 2
        sums = squares.new_zeros((*squares.shape[:-1], len(weight))).index_add(-1, index, squares)
        # the root has no slope at zero
        return -(sums + 1e-20).sqrt() @ weight

    return negative


def _started(problem: Problem, evaluate: Callable[[Array], Answer], seed: list[int]) -> tuple[Array, Array]:
    """2 d points of a Sobol sequence and their values, NaN where there is none; at least one has one."""
    d = problem.dimensions
    points = _sobol(d, 2 * d, np.random.default_rng(seed))
    answers = [evaluate(point) for point in points]
    values = np.array([math.nan if answer is None else answer[0] for answer in answers])
    return points, values


def _sobol(dimensions: int, count: int, random: np.random.Generator) -> Array:
    # a power of two is drawn, for only that is balanced
    return qmc.Sobol(dimensions, rng=random).random_base2((count - 1).bit_length())[:count]


def _penalised(values: Array) -> Array:
    return np.where(np.isnan(values), np.nanmax(values), values)


def _fit(model: Any, iterations: int = ITERATIONS) -> None:
    """Maximise the likelihood, from the hyperparameters that the model has."""
    import torch
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    likelihood.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one that stops early leaves a fit all the same
        # fit_gpytorch_mll would take the limit for a failure, and try four times more
        fit_gpytorch_mll_scipy(likelihood, options={"maxiter": iterations})
    model.eval()


SCHEMES: dict[str, Callable[[Problem, Budget, int], None]] = {
    "ours": ours,
    "published": published,
    "TuRBO-1": turbo,
    "composite EI": composite,
    "least squares": multistart,
}
