"""Parts of the study that need one set of data at most: what is varied, and what is compared with what."""

import numpy as np
import pytest

from mdbridge.campaigns.graphene_study import checks
from mdbridge.campaigns.graphene_study.input import StudyInput
from mdbridge.campaigns.peridynamics.learning import Candidate
from mdbridge.core.config import check
from mdbridge.core.identity import Identity
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import stencil, symbol
from mdbridge.lps.bspline import BSpline
from mdbridge.lps.learn import local, spectral
from mdbridge.lps.material import LinearPeridynamicSolid

GRID = NodeGrid.periodic_cells((61.0, 68.0), 5.0)
HORIZON = 20.0
MODEL = LinearPeridynamicSolid(
    BSpline(HORIZON, np.array([1.0, 2.0, 0.5])), -0.2, 0.7, quadrature="consistent"
)


def config(**sections):
    return check({"campaign": "graphene-study"} | sections, StudyInput, "study.toml")


def work(task):
    return task.work(None, lambda fraction: None)


# --- manufactured solutions ------------------------------------------------------

SMALL = {"spacings_A": [5.0, 2.5], "degrees": [3, 0, 1]}


@pytest.fixture(scope="module")
def manufactured():
    tasks = checks.manufactured_tasks(config(manufactured=SMALL))
    assert set(tasks) == {f"manufactured-{h}-{kind}" for h in ("5", "2.5") for kind in ("published", "cell")}
    return {name: work(tasks[f"manufactured-5-{name}"]) for name in ("published", "cell")}


def test_losses_fall_with_the_degree_and_alpha_is_fixed_or_learned(manufactured):
    for result in manufactured.values():
        for kind, rows in result["learned"].items():
            assert [row["M"] for row in rows] == [0, 1, 3]
            losses = [row["loss"] for row in rows]
            assert losses == sorted(losses, reverse=True)
            assert losses[-1] < result["true_loss"]
            assert {abs(row["alpha"] - 1) < 1e-6 for row in rows} == {kind == "fixed"}


def test_kernels_are_normalised_and_the_true_one_is_1_over_r(manufactured):
    for result in manufactured.values():
        r = np.array(result["r"])
        kernels = [result["true_K"], *(row["K"] for rows in result["learned"].values() for row in rows)]
        for kernel in kernels:
            assert np.trapezoid(kernel * r**3, r) == pytest.approx(1.0)
        assert np.ptp(result["true_K"] * r) < 1e-12
        # a constant Bernstein polynomial with α = 1 is 1/r too
        np.testing.assert_allclose(result["learned"]["fixed"][0]["K"], result["true_K"], rtol=1e-6)


def test_weights_near_a_cell_are_nearer_to_one_than_the_published(manufactured):
    """Over h², in the mean over the bonds of one length; both integrate |z|² exactly."""
    apart = {name: np.abs(np.array(result["ring_weight"]) - 1).max() for name, result in manufactured.items()}
    assert apart["cell"] < apart["published"]
    for name, result in manufactured.items():
        grid = stencil.uniform((5.0, 5.0), 12.5, {"cell": "near-cell"}.get(name, name))
        count = np.bincount(grid.ring)
        r = np.array(result["ring_radii"])
        whole = (np.array(result["ring_weight"]) * 25.0 * count * r**2).sum()
        assert whole == pytest.approx((grid.weights * (grid.offsets**2).sum(axis=1)).sum())


# --- scattered nodes ------------------------------------------------------------


def samples(seed):
    """Random long waves, and MODEL's answer."""
    random = np.random.default_rng(seed)
    x = GRID.points()
    u = np.zeros((5, len(x), 2))
    for displacement in u:
        k = 2 * np.pi * random.integers(1, 3, 2) / GRID.box
        displacement += np.cos(x @ k + random.uniform(0, 6))[:, None] * random.standard_normal(2)
    u -= u.mean(axis=1, keepdims=True)
    fields = spectral.transform(u, u, GRID.shape, GRID.box)
    operator = symbol.operator(
        MODEL, symbol.rings(stencil.uniform(GRID.spacing, HORIZON, "consistent"), fields.wavevectors)
    )
    spectrum = np.zeros((5, len(x), 2), dtype=complex)
    spectrum[:, 1:] = np.einsum("kij,skj->ski", operator, fields.u)
    b = np.fft.ifft2(spectrum.reshape(5, *GRID.shape, 2), axes=(1, 2), norm="ortho").real.reshape(u.shape)
    names = [f"{n}" for n in range(5)]
    return FieldSet(x, u, b, np.zeros((5, 0)), [], names, GRID.box, np.array(GRID.spacing), GRID.shape)


FIELDS = {"train": samples(0), "val": samples(1)}


def scattered_result(**settings):
    study = config(
        scattered={"perturbations": [0.2], "samples": 3, "horizon_A": 20.0, "degree": 2} | settings
    )
    (task,) = checks.scattered_tasks(study, FIELDS, Identity.of("data", study, [])).values()
    return work(task)


def test_models_are_used_on_their_own_nodes_and_on_the_others(monkeypatch):
    seen = []

    def learn(settings, fields, horizon, degree):
        seen.append((settings, fields, horizon, degree))
        return Candidate(horizon, degree, MODEL)

    monkeypatch.setattr(checks.learning, "learn_pair", learn)
    rows = scattered_result()
    (settings, uniform, *pair), (_, perturbed, *_) = seen
    assert pair == [20.0, 2] and settings.quadrature == "consistent" and settings.kernel == "b-spline"
    # three of five samples, the first and the last among them
    np.testing.assert_array_equal(uniform["train"].u, FIELDS["train"].u[[0, 2, 4]])
    there = perturbed["train"]
    assert there.scattered and there.shape is None and there.period is not None
    moved = (there.nodes - GRID.points()) / GRID.spacing
    assert 0.18 < np.abs(moved).max() <= 0.2 and abs(moved.mean()) < 0.02
    np.testing.assert_allclose(there.b, checks.at_points(FIELDS["train"], there.nodes, "b")[[0, 2, 4]])
    for row in rows.values():  # MODEL itself, whatever was learned
        assert row["failure"] == "" and row["constants"] == MODEL.as_dict()
        # made by that very function on the grid: exact there, and near on moved nodes
        for split in ("train", "val"):
            assert row[f"E_res_{split}_uniform"] < 1e-8 and row[f"E_u_{split}_uniform"] < 1e-8
            assert 1e-4 < row[f"E_res_{split}_perturbed"] < 0.05
    operators = {name: row["min_operator"] for name, row in rows.items()}
    for name, nodes in (("uniform", GRID.points()), ("perturbed", there.nodes)):
        wanted = local.lowest_eigenvalue(MODEL, checks.moved_to(FIELDS["train"], nodes))
        assert operators[name] == pytest.approx(wanted) and wanted > 0


def test_learning_that_fails_is_a_result(monkeypatch):
    monkeypatch.setattr(
        checks.learning, "learn_pair", lambda *_: Candidate(20.0, 2, failure="no solvable model found")
    )
    assert scattered_result() == {
        name: {"failure": "no solvable model found"} for name in ("uniform", "perturbed")
    }


def test_a_seed_decides_where_nodes_are_moved_to(monkeypatch):
    places = []

    def learn(settings, fields, horizon, degree):
        places.append(fields["train"].nodes)
        return Candidate(horizon, degree, failure="enough")

    monkeypatch.setattr(checks.learning, "learn_pair", learn)
    for seed in (1, 1, 2):
        scattered_result(seed=seed)
    assert np.array_equal(places[1], places[3])
    assert not np.array_equal(places[1], places[5])
