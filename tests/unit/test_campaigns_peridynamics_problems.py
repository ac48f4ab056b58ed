"""Boundary-value problems of the samples: errors that are known, and what a model may be used on."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from mdbridge.campaigns.peridynamics.input import Solve
from mdbridge.campaigns.peridynamics.problems import check_grid, evaluate
from mdbridge.core.errors import InputError
from mdbridge.fields.fieldset import FieldSet
from mdbridge.fields.grid import NodeGrid
from mdbridge.lps import solver
from mdbridge.lps.bernstein import Bernstein
from mdbridge.lps.material import LinearPeridynamicSolid

HORIZON = 13.0
MODEL = LinearPeridynamicSolid(Bernstein(HORIZON, np.array([1.0, 2.0]), (0.5,)), -0.2, 0.7)
COMM = MPI.COMM_SELF


def fields_on(grid, u, b):
    points = grid.points()
    box = grid.box if grid.periodic else np.ptp(points, axis=0)
    shape = grid.shape if grid.periodic else None
    names = [f"{n}" for n in range(len(u))]
    return FieldSet(points, u, b, np.zeros((len(u), 0)), [], names, box, np.array(grid.spacing), shape)


@pytest.fixture(scope="module")
def sheet():
    """Two waves, and MODEL's answer to them; the displacements drift."""
    grid = NodeGrid.periodic_cells((60.0, 70.0), 5.0)
    x, y = (2 * np.pi * grid.points() / grid.box).T
    u = np.stack([np.stack([np.cos(x), np.sin(y)], axis=1), np.stack([np.sin(2 * y), 0 * x], axis=1)])
    b = solver.apply(COMM, grid.points(), MODEL, u, grid.box)
    return fields_on(grid, u + np.array([3.0, -2.0]), b)


@pytest.fixture(scope="module")
def disc():
    """A free disc, solved within 15 Å, whose nodes reach two horizons further."""
    grid = NodeGrid.centred(45.0, 5.0)
    held = np.hypot(*grid.points().T) <= 45.0
    x = grid.points()[held]
    u = np.stack([1e-2 * x @ np.array([[1.0, 0.3], [0.3, -0.5]]) + 1e-4 * x**2])
    inside = np.hypot(*x.T) < 15.0
    b = np.where(inside[:, None], solver.apply(COMM, x, MODEL, u, at=inside), 0.0)
    return FieldSet(x, u, b, np.zeros((1, 0)), [], ["0"], np.ptp(x, axis=0), np.array(grid.spacing), None)


def solved(fields, material=MODEL, inner=15.0):
    return evaluate(COMM, fields, material, Solve(), inner, "some set")


def test_the_model_s_own_samples_have_no_errors(sheet, disc):
    for fields in (sheet, disc):
        solution = solved(fields)
        assert solution.E_u.max() < 1e-8 and solution.E_res.max() < 1e-8
    assert solution.inside.sum() == (np.hypot(*disc.nodes.T) < 15.0).sum()
    assert np.array_equal(solution.u[:, ~solution.inside], disc.u[:, ~solution.inside])


def test_errors_of_a_sheet_are_relative_and_of_each_sample(sheet):
    """A model stiffer by 1/4 answers with 4/5 of u, and asks for 5/4 of b."""
    stiff = replace(MODEL, lame_lambda=1.25 * MODEL.lame_lambda, lame_mu=1.25 * MODEL.lame_mu)
    scaled = replace(sheet, u=sheet.u * [[[1.0]], [[7.0]]], b=sheet.b * [[[1.0]], [[7.0]]])
    for fields in (sheet, scaled):
        solution = solved(fields, stiff)
        assert solution.E_u == pytest.approx([0.2, 0.2], rel=1e-6)
        assert solution.E_res == pytest.approx([0.25, 0.25], rel=1e-6)
    mixed = replace(sheet, b=sheet.b * [[[1.0]], [[2.0]]])  # the second sample's load is doubled
    solution = solved(mixed)
    assert solution.E_u == pytest.approx([0.0, 1.0], abs=1e-6)
    assert solution.E_res == pytest.approx([0.0, 0.5], abs=1e-6)


def test_residuals_of_a_disc_are_absolute_and_inside_alone(disc):
    b = disc.b.copy()
    inside = np.hypot(*disc.nodes.T) < 15.0
    b[:, inside] += [3e-4, 4e-4]
    b[:, ~inside] += 1.0  # outside nothing is compared
    solution = solved(replace(disc, b=b))
    assert solution.E_res == pytest.approx([5e-4 * np.sqrt(inside.sum())], rel=1e-6)


def test_a_disc_too_small_for_its_collar_is_refused_with_both_radii(disc):
    # the outermost node within 25 Å is at 10√5 Å
    words = r"some set: nodes reach 45\.0 Å, but a horizon of 13 Å needs values up to 48\.4 Å"
    with pytest.raises(InputError, match=words):
        solved(disc, inner=25.0)


@pytest.mark.parametrize(
    ("known", "fits"),
    [([(5.0, 5.0)], True), ([(2.5, 2.5), (5.0, 5.0)], True), ([], False), ([(2.5, 2.5), (5.0, 5.1)], False)],
)
def test_a_model_is_for_one_of_the_node_spacings_that_it_was_certified_on(disc, known, fits):
    certificates = [{"spacing": list(spacing)} for spacing in known]
    with nullcontext() if fits else pytest.raises(InputError, match="the nodes of 'test' are 5 × 5 Å apart"):
        check_grid(certificates, disc, "test")
