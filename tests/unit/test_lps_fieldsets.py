"""Learning from sets of samples and solving with arrays, as a program of one's own does."""

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import fieldsets, solver
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.learn.residuals import FitSettings
from mdbridge.lps.material import LinearPeridynamicSolid

KNOWN = LinearPeridynamicSolid(Bernstein(9.0, np.ones(3), (1.0,)), 0.2, 0.4)
WAVES = [(k, l) for k in range(-2, 3) for l in range(3) if (k, l) > (0, 0)]


def fields_of(spacing, box=(40.0, 36.0), material=KNOWN):
    """Plane waves of both polarisations on a grid, with the loads that hold them."""
    grid = NodeGrid.periodic_cells(box, spacing)
    phases = [grid.points() @ (2 * np.pi * np.array(wave) / box) for wave in WAVES]
    u = np.array([np.cos(phase)[:, None] * d for phase in phases for d in np.eye(2)])
    b = solver.apply(MPI.COMM_SELF, grid.points(), material, u, grid.box)
    names = [f"wave-{n}" for n in range(len(u))]
    spacings, load = np.array(grid.spacing), np.zeros((len(u), 0))
    return FieldSet(grid.points(), u, b, load, [], names, grid.box, spacings, grid.shape)


COARSE = fields_of(2.5)
QUICK = FitSettings(starts=3)


@pytest.fixture(scope="module")
def fit():
    return fieldsets.learn(COARSE, 9.0, 3, settings=QUICK)


def test_the_moduli_of_the_model_that_made_the_samples_come_out(fit):
    assert fit.material.lame_mu == pytest.approx(0.4, rel=1e-3)
    assert fit.material.lame_lambda == pytest.approx(0.2, rel=1e-3)
    (certificate,) = fit.certificates
    assert certificate.holds
    assert certificate.spacing == pytest.approx(tuple(COARSE.spacing))


def test_a_model_is_certified_on_all_grids_it_is_for():
    # the finer set is not periodic and its samples are nonsense: its node spacing alone counts
    fine = fields_of(2.0)
    elsewhere = replace(fine, shape=None, u=np.full_like(fine.u, np.nan))
    both = fieldsets.learn(COARSE, 9.0, 3, also_on=[fine.spacing, elsewhere, COARSE], settings=QUICK)
    assert [certificate.spacing for certificate in both.certificates] == [
        pytest.approx(tuple(samples.spacing)) for samples in (COARSE, elsewhere)
    ]
    assert all(certificate.holds for certificate in both.certificates)


def test_samples_of_two_grids_train_together():
    # On the second grid the solid is twice as stiff: what is learned lies between the two.
    twice = replace(KNOWN, lame_lambda=0.4, lame_mu=0.8)
    pair = [COARSE, fields_of(2.0, material=twice)]
    material = fieldsets.learn(pair, 9.0, 3, settings=QUICK).material
    assert 0.45 < material.lame_mu < 0.75


def test_what_is_learned_solves_the_problems_it_was_learned_from(fit):
    solution = fieldsets.solve(COARSE.nodes.tolist(), fit.material, COARSE.b, box=tuple(COARSE.box))
    assert np.abs(solution.displacement - COARSE.u).max() < 1e-3
    inside = np.hypot(*COARSE.nodes.T) < 5.0
    held = fieldsets.solve(
        COARSE.nodes, fit.material, COARSE.b, box=COARSE.box, free=inside, displacement=COARSE.u
    )
    assert np.abs(held.displacement - COARSE.u).max() < 1e-3
    assert np.array_equal(held.displacement[:, ~inside], COARSE.u[:, ~inside])


def test_what_is_not_read_may_be_no_number():
    """Displacements where they are asked for, and loads where displacements are given."""
    inside = np.hypot(*COARSE.nodes.T) < 5.0
    unknown, unloaded = COARSE.u.copy(), COARSE.b.copy()
    unknown[:, inside], unloaded[:, ~inside] = np.nan, np.inf
    held = fieldsets.solve(
        COARSE.nodes, KNOWN, unloaded, box=COARSE.box, free=inside, displacement=unknown
    ).displacement
    np.testing.assert_allclose(held, COARSE.u, atol=1e-8)
    for key, name in (("loads", "loads"), ("displacement", "collar_values")):
        given = {"loads": COARSE.b, "displacement": COARSE.u} | {key: np.full_like(COARSE.u, np.nan)}
        with pytest.raises(InputError, match=f"{name}: not all values are finite"):
            fieldsets.solve(COARSE.nodes, KNOWN, box=COARSE.box, free=inside, **given)


@pytest.mark.parametrize(
    ("fields", "horizon", "words"),
    [
        ([], 9.0, "no fields"),
        (replace(COARSE, shape=None), 9.0, "linear in its parameters"),
        ([COARSE, replace(COARSE, b=COARSE.b * 0.0)], 9.0, "set 1: b of sample 0 is the same on all nodes"),
        (replace(COARSE, u=COARSE.u * 0.0 + 1.0), 9.0, "set 0: u of sample 0 is the same on all nodes"),
        (COARSE, 18.0, "below half of its shorter edge, 18.00"),
        (COARSE, 2.0, "holds no neighbour"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_by_name(fields, horizon, words):
    with pytest.raises(InputError, match=words):
        fieldsets.learn(fields, horizon, 2, settings=QUICK)


def test_sets_with_edges_name_the_quadrature_that_they_need():
    edges, settings = replace(COARSE, shape=None), FitSettings(kernel="b-spline")
    with pytest.raises(InputError, match=r"quadrature = 'published': .* with quadrature = 'consistent' and"):
        fieldsets.learn(edges, 6.4, 3, settings=settings)


def test_fields_that_contradict_themselves_are_refused():
    u = COARSE.u.copy()
    u[3, 5, 0] = np.nan
    with pytest.raises(InputError, match="set 0: u has values that are not finite"):
        fieldsets.learn(replace(COARSE, u=u), 9.0, 2, settings=QUICK)
    turned = COARSE.nodes.reshape(*COARSE.shape, 2).swapaxes(0, 1).reshape(-1, 2)  # y fastest, not x
    with pytest.raises(InputError, match=r"set 0: node 15 is at .* but the grid has it at"):
        fieldsets.learn(replace(COARSE, nodes=turned), 9.0, 2, settings=QUICK)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "nothing holds"),
        ({"free": np.ones(3, bool)}, "given together"),
        ({"displacement": COARSE.u, "box": COARSE.box}, "given together"),
        ({"free": np.arange(10), "displacement": COARSE.u}, "mask of True and False, not an array of int"),
        ({"box": COARSE.box[:1]}, r"box: an array of shape \(1,\)"),
    ],
)
def test_problems_without_a_unique_answer_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        fieldsets.solve(COARSE.nodes, KNOWN, COARSE.b, **given)


def test_one_sample_without_its_axis_is_refused():
    with pytest.raises(InputError, match=r"loads: an array of shape"):
        fieldsets.solve(COARSE.nodes, KNOWN, COARSE.b[0], box=COARSE.box)
