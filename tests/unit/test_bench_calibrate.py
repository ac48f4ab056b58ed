"""The comparison of calibration schemes: known minima, equal budgets, records that go on."""

from dataclasses import replace

import bench_calibrate
import bench_calibrate_problems as problems
import numpy as np
import pytest
from bench_calibrate import Run, append, main, measured, read, table
from bench_calibrate_schemes import SCHEMES, Budget, Spent

from mdbridge.calibrate.refine import Groups


@pytest.mark.parametrize("make", [problems.branin, problems.hartmann, problems.maxwell])
def test_the_minimum_is_where_it_is_known_to_be(make):
    problem, random = make(), np.random.default_rng(0)
    assert problem.respond(problem.at)[0] == pytest.approx(problem.least, abs=1e-5)
    # nothing is below it, near it or far away
    near = np.clip(problem.at + 0.01 * random.standard_normal((50, problem.dimensions)), 0.0, 1.0)
    for unit in [*near, *random.random((50, problem.dimensions))]:
        assert problem.respond(unit)[0] > problem.least


def test_all_three_minima_of_branin_are_equal():
    problem = problems.branin()
    for x, y in ((-np.pi, 12.275), (np.pi, 2.275), (3.0 * np.pi, 2.475)):
        value, _ = problem.respond(np.array([(x + 5.0) / 15.0, y / 15.0]))
        assert value == pytest.approx(problem.least, abs=1e-6)


def test_the_noisy_data_are_fitted_better_than_by_the_truth_and_no_better_nearby():
    exact, noisy = problems.maxwell(), problems.maxwell(0.02)
    value, residual = noisy.respond(noisy.at)
    assert 0.0 < value == noisy.least < noisy.respond(exact.at)[0] < 0.03
    for k in np.flatnonzero((noisy.at > 0.01) & (noisy.at < 0.99)):
        # the residuals are at right angles to what any parameter can change
        slope = (noisy.respond(noisy.at + 1e-5 * np.eye(20)[k])[1] - residual) / 1e-5
        assert abs(slope @ residual) < 1e-3 * np.linalg.norm(slope) * np.linalg.norm(residual)


def test_moduli_are_those_of_a_maxwell_model():
    """All of them doubled, the logarithms of G' and G'' are larger by ln 2 at every frequency."""
    problem, unit = problems.maxwell(), np.full(20, 0.5)
    doubled = np.append(unit[:10] + 0.5 * np.log10(2.0), unit[10:])
    change = problem.respond(doubled)[1] - problem.respond(unit)[1]
    assert change == pytest.approx(np.full(80, np.log(2.0)))


def bowl(failing=False):
    """Two parameters, a curved valley, perhaps no answer on one side."""

    def respond(unit):
        if failing and unit[0] > 0.7:
            return None
        residual = np.array([unit[0] - 0.3 + (unit[1] - 0.6) ** 2, 3.0 * (unit[1] - 0.6)])
        return float(np.linalg.norm(residual)), residual

    groups = Groups(np.zeros(2, dtype=np.int64), np.ones(1))
    return problems.Problem("bowl", 2, 13, 5, np.array([0.3, 0.6]), 0.0, 1e-2, respond, groups)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_spends_its_budget_and_improves_on_its_start(scheme):
    run = measured(bowl(failing=True), scheme, 1)
    assert len(run.values) == 13 and run.gaps[-1] < run.gaps[3]
    assert run.values == measured(bowl(failing=True), scheme, 1).values


def test_another_seed_gives_another_result():
    assert measured(bowl(), "least squares", 1).values != measured(bowl(), "least squares", 2).values


def test_no_scheme_gets_more_than_the_budget():
    budget = Budget(replace(bowl(), evaluations=2))
    for _ in range(2):
        budget(np.zeros(2))
    with pytest.raises(Spent):
        budget(np.zeros(2))


@pytest.mark.slow
def test_a_record_that_was_cut_off_goes_on_with_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_calibrate, "PROBLEMS", {"bowl": bowl})
    asked = ["--out", str(tmp_path), "--problems", "bowl", "--schemes", "least squares", "--seeds", "2"]
    main(asked)
    record = tmp_path / "runs.jsonl"
    whole = [run.values for run in read(record)]
    assert len(whole) == 2 and (tmp_path / "schemes.png").stat().st_size > 1_000
    # killed while it wrote its last line
    record.write_bytes(record.read_bytes()[:-20])
    assert len(read(record)) == 1
    jobs = []
    monkeypatch.setattr(bench_calibrate, "measured", lambda *job: jobs.append(job) or measured(*job))
    main(asked)
    assert [seed for _, _, seed in jobs] == [1] and [run.values for run in read(record)] == whole
    assert "| bowl | 13 | least squares | 2 |" in capsys.readouterr().out


def test_the_table_tells_medians_the_worst_and_who_never_arrives(tmp_path):
    record = tmp_path / "runs.jsonl"
    for seed, values in enumerate(([None, 3.0, 1.2], [5.0, 1.0, 2.0], [4.0, 4.0, 4.0])):
        append(record, Run("p", "ours", seed, 3, 1.0, 0.5, values, 2.0))
    assert read(record)[0].gaps.tolist() == [np.inf, 2.0, pytest.approx(0.2)]
    assert "| p | 3 | ours | 3 | 0.2 | 3 | 3 (–) | 2 |" in table(read(record))
