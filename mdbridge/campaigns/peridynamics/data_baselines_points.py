"""Classical elasticity fitted to own data that are no periodic grid, beside a model learned from them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConvergenceError
from ...lps.learn import strongform
from ...lps.learn.strongform import Problem
from .data import OwnData

Array = NDArray[np.float64]


def classical(own: OwnData, folds: int, horizon: float) -> dict[str, float] | None:
    """Its errors and constants (TPa), with the keys of :func:`.data_baselines.measure`.

    Args:
        own: the data; periodic grids among them are points as all others.
        folds: parts of the samples for validation, where the data have no samples for it of their own.
        horizon: errors are asked for where the families of a model with this horizon (Å) are whole.

    Returns:
        None of samples that are those of no elastic solid.
    """
    try:
        problems = {name: strongform.problem_of(fields, horizon) for name, fields in own.fields.items()}
        train = [problems[name] for name in own.training]
        unseen = [problems[name] for name in own.validation]
        start = float(
            np.sqrt(sum((p.b**2).sum() for p in train) / sum(((p.shear @ p.u) ** 2).sum() for p in train))
        )
        moduli = strongform.fit(train, (start, start))
        errors = {"train": _errors(train, moduli)}
        errors["val"] = _errors(unseen, moduli) if unseen else _left_out(train, moduli, folds)
    except (ConvergenceError, ArithmeticError, ValueError, RuntimeError):
        # LinAlgError is a ValueError, and a matrix without factors a RuntimeError
        return None
    row = {
        f"{kind}_{split}": float(np.nanmean(values))
        for split, both in errors.items()
        for kind, values in zip(("E_res", "E_u"), both, strict=True)
        # samples without a load have no residual error
        if np.isfinite(values).any()
    }
    bulk, mu = moduli
    return row | constants(bulk - mu, mu)


def constants(lame: float, mu: float) -> dict[str, float]:
    """λ, μ and those of plane stress, from λ and μ."""
    c_l = lame + 2 * mu
    return {"lambda": lame, "mu": mu, "E": 4 * mu * (lame + mu) / c_l, "nu": lame / c_l}


def _errors(problems: Sequence[Problem], moduli: tuple[float, float]) -> tuple[Array, Array]:
    residual, solution = zip(*(problem.errors(*moduli) for problem in problems), strict=True)
    return np.concatenate(residual), np.concatenate(solution)


def _left_out(train: Sequence[Problem], moduli: tuple[float, float], folds: int) -> tuple[Array, Array]:
    """Errors of samples by the moduli of the others, from those of all by one step: they hardly differ.

    A part without which the others do not tell both moduli is left out.
    """
    wrongs = [problem.wrong(*moduli) for problem in train]
    parts = [(np.empty(0), np.empty(0))]
    for kept in kept_of([len(problem.size) for problem in train], folds):
        try:
            step = strongform.change(train, wrongs, kept)
        except ConvergenceError:
            continue
        for problem, (off, slopes), weight in zip(train, wrongs, kept, strict=True):
            solution = np.linalg.norm(off + np.einsum("a,ais->is", step, slopes), axis=0) / problem.size
            residual = problem.residual(*(moduli + step))
            parts.append((residual[weight == 0], solution[weight == 0]))
    residual, solution = (np.concatenate(part) for part in zip(*parts, strict=True))
    return residual, solution


def kept_of(counts: Sequence[int], folds: int) -> Iterator[list[Array]]:
    """Weights of the samples of each set, 0 of those that are left out in turn; nothing of single samples."""
    folds = min(folds, max(counts))
    for fold in range(folds if folds > 1 else 0):
        kept = [(np.arange(count) % folds != fold).astype(float) for count in counts]
        # a set with a single sample trains always
        yield [k if k.any() else np.ones(len(k)) for k in kept]
