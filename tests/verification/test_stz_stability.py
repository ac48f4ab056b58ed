"""The bound on the eigenvalues of the STZ equations, against the eigenvalues."""

import numpy as np
import pytest

from mdbridge.stz import initial
from mdbridge.stz.equilibrium.projection import FourierProjection
from mdbridge.stz.forwardrun import Case, error_scales, initial_state
from mdbridge.stz.frame import SimpleShear
from mdbridge.stz.ratelaw import Material
from mdbridge.stz.rates import Rates
from mdbridge.stz.scheme import Stepper
from mdbridge.stz.staggered import CHI, STATE, Grid, WholeGrid, ghosted, owned


def flowing(material, grid, gamma):
    """A state in flow at strain γ: of random χ, under error control."""
    chi = initial.random(grid, 0.068, 0.004, grid.lx / 8.0, seed=2)
    case, domain = Case(material, chi, grid), WholeGrid(grid)
    stepper = Stepper(rates_of(material, grid), initial_state(case, domain), error_scales(case), 1e-5, domain)
    stepper.advance(gamma)
    return owned(stepper.state).copy()


def rates_of(material, grid):
    domain = WholeGrid(grid)
    return Rates(material, SimpleShear(), 1e8, domain, FourierProjection(domain, material))


def jacobian(rates, gamma, state, grid):
    """∂F/∂Y by centred differences, at the velocity that fits each state."""
    fields = ghosted(len(STATE), grid.shape)
    out = np.zeros_like(fields)

    def rate(values):
        owned(fields)[...] = values
        for _ in range(4):  # the velocity that carries settles
            rates(gamma, fields, out)
        return owned(out).ravel().copy()

    columns, bumped = [], state.copy()
    for number in range(state.size):
        bump = 1e-8 if number // (grid.nx * grid.ny) == CHI else 1e-6
        differences = []
        for sign in (1.0, -1.0):
            bumped.ravel()[number] = state.ravel()[number] + sign * bump
            differences.append(sign * rate(bumped))
        bumped.ravel()[number] = state.ravel()[number]
        columns.append(sum(differences) / (2.0 * bump))
    rate(state)
    return np.array(columns).T


@pytest.mark.parametrize(
    ("material", "box", "gamma", "least"),
    [
        pytest.param({"c0": 0.55}, 400.0, 0.2, 0.3, id="flow in places"),
        pytest.param({"c0": 0.1, "diffusion": "paper"}, 30.0, 0.4, 0.95, id="flow everywhere"),
        pytest.param({"c0": 0.55}, 10.0, 0.2, 0.95, id="diffusion at its ceiling"),
    ],
)
def test_no_eigenvalue_is_beyond_the_bound_and_some_are_near(material, box, gamma, least):
    material, grid = Material(s_y=1.006, chi_inf=0.132, **material), Grid(8, 8, box, box)
    state, rates = flowing(material, grid, gamma), rates_of(material, grid)
    largest = np.abs(np.linalg.eigvals(jacobian(rates, gamma, state, grid))).max()
    assert least < largest / rates.spectral_radius() <= 1.0
