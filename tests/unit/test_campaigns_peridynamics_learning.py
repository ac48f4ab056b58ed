"""Learning pairs: what is refused, what is recorded, and Algorithm 2's choice."""

import json
from dataclasses import replace

import numpy as np
import own_data
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics import learning
from mdbridge.campaigns.peridynamics import sweep as graphene_sweep
from mdbridge.campaigns.peridynamics.input import Learn, Sweep
from mdbridge.campaigns.peridynamics.learning import Candidate
from mdbridge.campaigns.peridynamics.problems import check_grid
from mdbridge.core import memory
from mdbridge.core.errors import ConvergenceError, InputError
from mdbridge.core.identity import Identity
from mdbridge.core.workspace import Workspace
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import fieldsets, local, moduli, stencil, symbol
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.learn import algorithm1, regression, spectral
from mdbridge.lps.learn import local as local_samples
from mdbridge.lps.material import LinearPeridynamicSolid

BOX = np.array([60.0, 70.0])
MODEL = LinearPeridynamicSolid(
    Bernstein(13.0, np.array([1.0, 2.0]), (0.5,)), -0.2, 0.7, quadrature="published"
)
SETTINGS = Learn(starts=2, consistency_weight=0.0)


def periodic(spacing=5.0, waves=4, seed=0):
    """Random waves and what MODEL makes of them."""
    grid = NodeGrid.periodic_cells(tuple(BOX), spacing)
    random = np.random.default_rng(seed)
    x = grid.points()
    u = np.zeros((8, len(x), 2))
    for displacement in u:
        for _ in range(3):
            k = 2 * np.pi * random.integers(-waves, waves + 1, 2) / BOX
            displacement += np.cos(x @ k + random.uniform(0, 6))[:, None] * random.standard_normal(2)
    u -= u.mean(axis=1, keepdims=True)
    samples = spectral.transform(u, u, grid.shape, grid.box)
    operator = symbol.operator(
        MODEL, symbol.rings(stencil.uniform(grid.spacing, 13.0, "published"), samples.wavevectors)
    )
    spectrum = np.zeros((8, len(x), 2), dtype=complex)
    spectrum[:, 1:] = np.einsum("kij,skj->ski", operator, samples.u)
    b = np.fft.ifft2(spectrum.reshape(8, *grid.shape, 2), axes=(1, 2), norm="ortho").real
    names = [f"{n}" for n in range(8)]
    spacings = np.array(grid.spacing)
    return FieldSet(x, u, b.reshape(u.shape), np.zeros((8, 0)), [], names, grid.box, spacings, grid.shape)


FIELDS = {"train": periodic(), "val": periodic(seed=1)}


def candidate(horizon, degree, residual, failure="", rest=0.1):
    errors = dict.fromkeys(learning.ERRORS, rest) | {"E_res_train": residual}
    return Candidate(horizon, degree, None if failure else MODEL, errors=errors, failure=failure)


def test_the_truth_is_learned_and_survives_its_file():
    learned = learning.learn_pair(SETTINGS, FIELDS, 13.0, 1)
    assert learned.failure == ""
    assert max(learned.errors.values()) < 1e-3
    assert learned.material.lame_mu == pytest.approx(0.7, abs=1e-3)
    again = Candidate.from_dict(learned.as_dict(), "file")
    assert again.material.as_dict() == learned.material.as_dict()
    assert replace(again, material=None) == replace(learned, material=None)


@pytest.mark.parametrize("changes", [{}, {"own_dilatation": True}, {"quadrature": "isotropic"}])
def test_splines_are_learned_and_survive_their_file(changes):
    settings = SETTINGS.model_copy(update={"kernel": "b-spline", **changes})
    learned = learning.learn_pair(settings, FIELDS, 13.0, 4)
    assert learned.failure == ""
    # the samples are those of published weights: another quadrature only comes near
    bound = 0.05 if "quadrature" in changes else 0.01
    assert max(learned.errors[name] for name in learning.ERRORS) < bound
    again = Candidate.from_dict(json.loads(json.dumps(learned.as_dict())), "here")
    assert again.material.as_dict() == learned.material.as_dict()
    assert again.material.influence.name == again.material.dilatation_influence.name == "b-spline"
    assert again.material.quadrature == changes.get("quadrature", "published")
    assert (again.material.own_dilatation is not None) == ("own_dilatation" in changes)


def test_algorithm_1_is_told_the_family(monkeypatch):
    arguments = []

    def learn(data, degree, settings):
        arguments.append((degree, settings.kernel, settings.seed))
        raise ConvergenceError("enough")

    monkeypatch.setattr(algorithm1, "learn", learn)
    settings = SETTINGS.model_copy(update={"kernel": "b-spline", "method": "algorithm-1", "seed": 3})
    assert learning.learn_pair(settings, FIELDS, 13.0, 4).failure == "enough"
    assert arguments == [(4, "b-spline", 3)]


@pytest.mark.slow
def test_both_grids_of_a_hybrid_set_are_fitted():
    fields = FIELDS | {"train_fine": periodic(2.5), "val_fine": periodic(2.5, seed=1)}
    learned = learning.learn_pair(SETTINGS, fields, 13.0, 1)
    assert {name for name in learned.errors if name.startswith("E_u")} == {f"E_u_{name}" for name in fields}
    assert max(learned.errors.values()) < 1e-3  # the same K on both
    assert len(learned.certificates) == 2
    wrong = dict(fields, train_fine=replace(fields["train_fine"], b=2 * fields["train_fine"].b))
    other = learning.learn_pair(SETTINGS, wrong, 13.0, 1)
    assert other.errors["E_u_train"] > 0.05  # pulled away by the fine set


@pytest.mark.slow
def test_further_nodes_are_certified_and_the_moduli_are_the_same_there():
    settings = SETTINGS.model_copy(
        update={"kernel": "b-spline", "quadrature": "consistent", "also_on_A": [2.5, [3.0, 3.6]]}
    )
    learned = learning.learn_pair(settings, FIELDS, 13.0, 4)
    assert learned.failure == ""
    spacings = [certificate["spacing"] for certificate in learned.certificates]
    assert spacings == [tuple(FIELDS["train"].spacing), (2.5, 2.5), (3.0, 3.6)]
    assert all(
        certificate["min_gamma"] > 0 and certificate["min_cauchy_schwarz"] >= 0
        for certificate in learned.certificates
    )
    for spacing in spacings:
        constants = moduli.of_grid(learned.material, stencil.uniform(spacing, 13.0, "consistent"))
        assert constants["C66"] == pytest.approx(learned.material.lame_mu, rel=1e-3)
        assert constants["C12"] == pytest.approx(learned.material.lame_lambda, rel=1e-3)
    # refining on other samples holds them there, too
    again = learning.refine_pair(settings, FIELDS, learned, np.ones(8))
    assert again is not None and again[0].lame_mu == pytest.approx(learned.material.lame_mu, rel=1e-2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quadrature": "published"}, "the same K would be another material on other nodes; set"),
        ({"quadrature": "consistent", "method": "algorithm-1"}, "goes with learn.method = 'least-squares'"),
    ],
)
def test_what_does_not_carry_a_function_over_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Learn(also_on_A=[2.5], **changes)


def test_what_breaks_a_fit_down_is_a_reason_in_words(monkeypatch):
    def broken(*_, **__):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(learning, "_fit", broken)
    failure = learning.learn_pair(SETTINGS, FIELDS, 13.0, 1).failure
    assert failure == "the fit broke down (LinAlgError: Singular matrix)"


def test_nodes_too_fine_for_a_horizon_are_a_failure_with_the_remedy():
    settings = SETTINGS.model_copy(update={"quadrature": "consistent", "also_on_A": [0.1]})
    failure = learning.learn_pair(settings, FIELDS, 13.0, 1).failure
    assert "at most 5000 are handled: use nodes at least 0.326 apart" in failure


def test_points_without_room_are_a_failure_that_says_how_much(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1e6)
    settings = SETTINGS.model_copy(update={"kernel": "b-spline", "quadrature": "consistent"})
    points = {"train": replace(FIELDS["train"], shape=None, scattered=True, wraps=True)}
    failure = learning.learn_pair(settings, points, 13.0, 8).failure
    assert "degree 8 from 8 samples on 168 points of 'train' would need about" in failure


def source(settings):
    return learning.Source(settings, Identity("data"), lambda: FIELDS)


def test_a_pair_is_told_in_the_unit_of_the_data_and_kept_under_a_name_without_it():
    millimetres = replace(source(SETTINGS), unit=("mm", 1e7))
    (task,) = learning.pairs_stage(millimetres, [(1.075e8, 4)]).tasks
    assert (task.label, task.name) == ("δ = 10.75 mm, M = 4", "delta-1.075e+08-M-4")


@pytest.mark.parametrize(
    ("horizon", "words"),
    [
        (30.0, r"30 Å does not fit 'train', whose box is 60.00 × 70.00 Å.*below half.*30.00 Å"),
        (4.0, r"4 Å holds no neighbour along both axes in 'train', whose nodes are 5 × 5 Å"),
    ],
)
def test_a_horizon_that_does_not_fit_is_refused(horizon, words, tmp_path):
    with pytest.raises(InputError, match=words):
        learning.check_horizon(horizon, FIELDS)
    settings = SETTINGS.model_copy(update={"horizons_A": [13.0, horizon]})
    with pytest.raises(InputError, match=words):
        learning.choose(MPI.COMM_SELF, Workspace(tmp_path, "graphene"), source(settings))
    assert "Å" in learning.learn_pair(SETTINGS, FIELDS, horizon, 1).failure


def test_a_sweep_goes_on_past_pairs_that_fail_and_is_not_done_twice(tmp_path, monkeypatch):
    learned = []
    learn_pair = learning.learn_pair
    monkeypatch.setattr(learning, "learn_pair", lambda *a: (learned.append(a[2:]), learn_pair(*a))[1])
    pairs = Sweep(horizons_A=[4.0, 6.0, 13.0, 31.0], degrees=[0, 1])
    workspace = Workspace(tmp_path, "graphene")

    def sweep():
        return graphene_sweep.sweep(MPI.COMM_SELF, workspace, source(SETTINGS), pairs)

    swept = sweep()
    failed = {(pair.horizon, pair.degree): pair.failure for pair in swept.candidates if pair.failure}
    assert set(failed) == {(h, m) for h in (4.0, 6.0, 31.0) for m in (0, 1)}
    assert "too few to integrate" in failed[6.0, 0]
    assert (swept.best.horizon, swept.best.degree) == (13.0, 1)
    assert len(learned) == 8
    assert sweep().as_dict() == swept.as_dict()
    assert len(learned) == 8
    next(tmp_path.glob("records/pairs/delta-13-M-1-*.json")).unlink()
    assert sweep().best.errors == swept.best.errors
    assert len(learned) == 9


def test_algorithm_2_takes_the_residual_for_the_horizon_and_the_average_for_the_degree():
    candidates = [
        candidate(10.0, 0, 0.4),
        candidate(20.0, 0, 0.2),
        candidate(10.0, 5, 0.05, rest=0.09),
        candidate(20.0, 5, 0.06, rest=0.01),  # better on average, but not in the training residual
        candidate(10.0, 9, 0.04, rest=0.2),
        candidate(20.0, 9, 0.01, failure="no"),
    ]
    selection = graphene_sweep.select(candidates)
    assert [(row.horizon, row.degree) for row in selection.rows] == [(20.0, 0), (10.0, 5), (10.0, 9)]
    averages = [row.errors["AvgE"] for row in selection.rows]
    assert averages == pytest.approx([1.0, (0.25 + 3 * 0.9) / 4, (0.2 + 3 * 2) / 4])
    assert selection.best is selection.rows[1]
    with pytest.raises(ConvergenceError, match="no pair of the sweep"):
        graphene_sweep.select([candidate(10.0, 0, 0.1, failure="no")])


def test_a_model_without_a_positive_modulus_is_no_candidate(monkeypatch):
    influence = Bernstein(13.0, np.ones(1), (1.0,))
    fit = regression.Fit(LinearPeridynamicSolid(influence, -0.7, 0.7), [], 0.0, [], 0)
    monkeypatch.setattr(regression, "learn", lambda *_: fit)
    rejected = learning.learn_pair(SETTINGS, FIELDS, 13.0, 0)
    assert rejected.material is None and "not solvable" in rejected.failure


def test_a_bootstrap_weight_of_two_is_a_sample_twice():
    fields = FIELDS["train"]
    samples = fieldsets.transformed(fields, "train")
    weights = np.array([2.0, 0, 1, 1, 1, 1, 1, 1])
    drawn = np.array([0, 0, 2, 3, 4, 5, 6, 7])
    twice = fieldsets.transformed(replace(fields, u=fields.u[drawn], b=fields.b[drawn]), "train")
    for power in (0.0, 1.5):
        weighted, repeated = spectral.moments(samples, power, weights), spectral.moments(twice, power)
        for a, b in ((weighted.residual, repeated.residual), (weighted.solution, repeated.solution)):
            # equal up to the eigenvectors' signs: compare R Rᵀ and Q Rᵀ
            for left, right in ((0, 0), (1, 0)):
                np.testing.assert_allclose(
                    a[left] @ np.swapaxes(a[right], 1, 2), b[left] @ np.swapaxes(b[right], 1, 2), atol=1e-12
                )


def test_error_bars_are_those_of_student_about_the_model(monkeypatch):
    """The spread of what was drawn, wider by the few samples that there are."""
    material = MODEL
    values = iter(np.linspace(0.69, 0.71, 5))
    again = [replace(material, lame_mu=float(mu)) for mu in values]
    spread = np.std([drawn.lame_mu for drawn in again], ddof=1)
    monkeypatch.setattr(learning, "refine_pair", lambda *_: (again.pop(), {}))
    bars = learning.bootstrap(MPI.COMM_SELF, SETTINGS, FIELDS, Candidate(13.0, 1, material), 5, 0)
    count = len(FIELDS["train"].u)
    # 2.365 of seven degrees of freedom, and drawing with replacement has a variance of (1 − 1/8)
    assert count == 8
    assert bars["mu_TPa"]["std"] == pytest.approx(spread)
    wide = 2.3646 * spread / np.sqrt(1 - 1 / 8)
    assert bars["mu_TPa"]["high"] - material.lame_mu == pytest.approx(wide, rel=1e-4)
    assert material.lame_mu - bars["mu_TPa"]["low"] == pytest.approx(wide, rel=1e-4)


def test_nodes_that_the_model_was_not_made_for_are_refused_with_both_spacings():
    certificates = [{"spacing": [4.93, 5.04]}, {"spacing": [5.0, 5.0]}]
    check_grid(certificates, FIELDS["train"], "train")
    with pytest.raises(InputError, match=r"'fine' are 2.5 × 2.5 Å apart.*nodes 4.93 × 5.04, 5 × 5 Å apart"):
        check_grid(certificates, periodic(2.5), "fine")


def test_exact_long_waves_are_those_of_the_data_whatever_the_kernel():
    """MODEL's own quadrature is not the isotropic one: its long waves are told by the data, not by λ, μ."""
    settings = SETTINGS.model_copy(update={"long_waves": "exact"})
    learned = learning.learn_pair(settings, FIELDS, 13.0, 2)
    assert not learned.failure and learned.material is not None
    scaled = {name: fieldsets.transformed(fields, name) for name, fields in FIELDS.items()}
    lame = local.long_wave_limit([scaled["train"]])
    assert (learned.material.lame_lambda, learned.material.lame_mu) == pytest.approx(lame, rel=1e-6)
    free = learning.learn_pair(SETTINGS, FIELDS, 13.0, 2)
    assert free.material is not None
    # a fit that is free answers for all waves alike
    assert abs(free.material.lame_mu / lame[1] - 1) > 1e-4


def test_exact_long_waves_need_a_periodic_grid():
    with pytest.raises(InputError, match=r"'learn\.long_waves' = 'exact': needs samples that are periodic"):
        learning._long_waves({"train": replace(FIELDS["train"], shape=None)}, None)


def test_every_setting_reaches_the_fit_it_is_for(monkeypatch):
    """Algorithm 1 takes all samples alike, as published; least squares weigh long waves as they are told."""
    reached = []

    def problem_of(fields, training, horizon, power, weights, own_dilatation, quadrature, local_as=None):
        reached.append((training, horizon, power, own_dilatation, quadrature))
        return [], []

    def learn(data, *further):
        reached.append(further)
        raise ConvergenceError("enough")

    monkeypatch.setattr(fieldsets, "problem_of", problem_of)
    monkeypatch.setattr(regression, "learn", learn)
    monkeypatch.setattr(algorithm1, "learn", learn)
    changes = {
        "long_wave_weight": 1.5, "solution_weight": 0.3, "consistency_weight": 0.7, "starts": 5, "seed": 11,
        "strict_inf_sup": not SETTINGS.strict_inf_sup, "own_dilatation": True, "quadrature": "isotropic",
    }  # fmt: skip
    settings = SETTINGS.model_copy(update=changes)
    learning.learn_pair(settings, FIELDS, 13.0, 4)
    assert reached[0] == (["train"], 13.0, 1.5, True, "isotropic")
    degree, options = reached[1][1:3]
    assert degree == 4
    for name in changes.keys() - {"long_wave_weight", "quadrature"}:
        assert getattr(options, name) == changes[name], name
    learning.learn_pair(settings.model_copy(update={"method": "algorithm-1"}), FIELDS, 13.0, 4)
    assert reached[2][2] == 0.0


def test_the_published_algorithm_takes_no_part_of_the_data():
    """One file of two has edges: to learn from the other alone would be to leave out what was given."""
    fields = {"train": FIELDS["train"], "train-2": replace(FIELDS["train"], shape=None)}
    made = learning.learn_pair(Learn(method="algorithm-1"), fields, 13.0, 1)
    assert made.material is None and "for periodic grids alone" in made.failure


def edged(loaded=True):
    """Three samples of a body with edges."""
    nodes = own_data.grid((14, 14), (5.0, 5.0))
    u, b = own_data.waves(nodes, (77.0, 77.0), samples=3)
    box, spacing = np.full(2, 70.0), np.full(2, 5.0)
    return FieldSet(nodes, u, b * loaded, np.zeros((3, 0)), [], list("abc"), box, spacing, None)


def test_errors_of_the_residual_are_of_samples_with_load():
    solid = LinearPeridynamicSolid(BSpline(12.75, np.ones(2)), 0.2, 0.5, quadrature="consistent")
    some = edged()
    some = replace(some, b=some.b * np.array([1.0, 0.0, 1.0])[:, None, None])
    errors = learning.spectral_errors(solid, {"train": some, "val": edged(loaded=False)})
    residual, solution = local_samples.errors(solid, edged())
    assert errors["E_res_train"] == pytest.approx(residual[[0, 2]].mean())
    assert errors["loss_train"] == pytest.approx((residual[[0, 2]] ** 2).mean())
    assert np.isfinite(errors["E_u_train"]) and errors["E_u_train"] > solution.mean()
    assert "E_u_val" in errors and "E_res_val" not in errors
    with pytest.raises(InputError, match="no training sample has a load"):
        learning.spectral_errors(solid, {"train": edged(loaded=False)})


def test_folds_without_load_validate_displacements_alone(monkeypatch):
    monkeypatch.setattr(learning, "refine_pair", lambda *_: (None, {"E_u_val": 0.25}))
    validated = learning.validate(SETTINGS, {"train": edged()}, Candidate(12.75, 1, material=MODEL), 3)
    assert validated.errors == {"E_u_val": 0.25}
